"""Where records live: one contract, one file a store."""
