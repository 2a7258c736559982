"""Starts afresh in a forked child: a copied lock may be held for ever, a copied connection belongs to the parent.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

_HOOKS = ("post_fork_hook", "spooler", "mule_msg_hook")
"""What an app, or the module `uwsgidecorators` for it, tells uWSGI to call."""


def in_child(renew: Callable[[], None]) -> None:
    """Call the bound method *renew* in every forked child while its object lives, before any thread runs there.

    It may be called twice.
    """
    if not hasattr(os, "register_at_fork"):
        return
    method = weakref.WeakMethod(renew)

    def call_if_alive() -> None:
        alive = method()
        if alive is not None:
            alive()

    os.register_at_fork(after_in_child=call_if_alive)
    if "uwsgi" in sys.modules:
        _in_worker_of_uwsgi(call_if_alive)


def _in_worker_of_uwsgi(renew: Callable[[], None]) -> None:
    """Call *renew* in each worker that uWSGI forks: unless it is told to, it runs none of Python's own hooks."""
    uwsgi: Any = sys.modules["uwsgi"]
    if not any(hasattr(uwsgi, name) for name in _HOOKS):
        with suppress(Exception):  # it may be missing, and refuses to be imported without a master process
            import_module("uwsgidecorators")  # now: its import replaces all hooks
    hook = getattr(uwsgi, "post_fork_hook", None)
    if not isinstance(hook, _Hook):
        hook = uwsgi.post_fork_hook = _Hook(hook)
    hook.renewals.append(renew)


class _Hook:
    """What uWSGI calls in each worker that it has forked."""

    def __init__(self, others: Callable[[], object] | None) -> None:
        self.renewals: list[Callable[[], None]] = []
        self._others = others

    def __call__(self) -> None:
        for renew in self.renewals:
            renew()
        if self._others is not None:
            self._others()
