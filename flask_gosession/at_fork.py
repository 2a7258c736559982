"""Starts afresh in a forked child: a copied lock may be held for ever, a copied connection belongs to the parent.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable


def in_child(renew: Callable[[], None]) -> None:
    """Call the bound method *renew* in every forked child while its object lives, before any thread runs there."""
    if not hasattr(os, "register_at_fork"):
        return
    method = weakref.WeakMethod(renew)

    def call_if_alive() -> None:
        alive = method()
        if alive is not None:
            alive()

    os.register_at_fork(after_in_child=call_if_alive)
