"""Signed (JWT) and opaque tokens, and the keys that make them."""
