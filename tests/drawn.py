"""Secrets for tests: as good as drawn at random, and the same in every process that runs them."""

from __future__ import annotations

import hashlib


def drawn(name: str) -> str:
    """Return the secret of that name: 64 hexadecimal digits that nobody would type."""
    return hashlib.sha256(f"for the tests alone: {name}".encode()).hexdigest()
