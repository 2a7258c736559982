"""Sessions you can revoke, at the price of a signature."""
