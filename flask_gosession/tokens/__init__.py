"""Signed (JWT) and opaque tokens, and the keys that make them.

Private: the reference lists what apps may import.
"""
