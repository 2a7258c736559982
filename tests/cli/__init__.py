"""The commands of ``flask gosession``, as an operator runs them."""
