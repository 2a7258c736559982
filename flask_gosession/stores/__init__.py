"""Where records live: one contract, one file per store."""
