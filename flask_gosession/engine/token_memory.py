"""What a process remembers about tokens: a bounded number, and all those of one subject forgotten at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from flask_gosession import at_fork

T = TypeVar("T")


class TokenMemory(Generic[T]):
    """Keeps *size* values by token; a further one replaces the oldest."""

    def __init__(self, size: int, subject_of: Callable[[T], str]) -> None:
        """Ask each value for its subject by *subject_of*: a second table of them would take room."""
        self._size = size
        self._subject_of = subject_of
        self._begin_anew()
        at_fork.in_child(self._begin_anew)

    def __len__(self) -> int:
        return len(self._values)

    def put(self, token: str, value: T, still: Callable[[], bool] = lambda: True) -> None:
        """Keep *value*, replacing an earlier one, if *still* is true once nothing can be dropped in between."""
        with self._lock:
            if not still():
                return
            self._drop(token)
            if len(self._values) >= self._size:
                self._drop(next(iter(self._values)))
            subject, self._values[token] = self._subject_of(value), value
            self._tokens[subject] = (*self._tokens.get(subject, ()), token)

    def drop(self, token: str) -> None:
        """Keep nothing about *token*."""
        with self._lock:
            self._drop(token)

    def drop_subject(self, subject: str) -> None:
        """Keep nothing about any token of *subject*."""
        with self._lock:
            for token in self._tokens.pop(subject, ()):
                del self._values[token]

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._values.clear()
            self._tokens.clear()

    def _begin_anew(self) -> None:
        """Start empty: at the fork, a thread of the parent may have been in the middle of a change."""
        self._lock = threading.Lock()
        self._values: dict[str, T] = {}
        self.get: Callable[[str], T | None] = self._values.get
        """Returns what is kept about a token; takes no lock."""
        self._tokens: dict[str, tuple[str, ...]] = {}  # mostly one each, for which a set takes 170 bytes more

    def _drop(self, token: str) -> None:
        value = self._values.pop(token, None)
        if value is None:
            return
        subject = self._subject_of(value)
        others = tuple(other for other in self._tokens.pop(subject) if other != token)
        if others:
            self._tokens[subject] = others
