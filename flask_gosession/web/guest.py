"""Who is asking when nobody is signed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.local import LocalProxy


class Guest:
    """Stands for a visitor who is not signed in: falsy, not authenticated, with none of a user's attributes."""

    __slots__ = ()

    is_authenticated = False
    is_anonymous = True

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Guest)

    def __hash__(self) -> int:
        return hash(Guest)

    def __repr__(self) -> str:
        return "Guest()"


GUEST = Guest()


class CurrentUser(LocalProxy[Any]):
    """The user of the current request, or a guest; a user without ``is_authenticated`` counts as authenticated.

    Attributes and keys, which views read most, are looked up here: a `LocalProxy` needs four more calls for that.
    """

    __slots__ = ("_find",)
    _find: Callable[[], Any]

    def __init__(self, find: Callable[[], Any]) -> None:
        super().__init__(find)
        object.__setattr__(self, "_find", find)

    def __getitem__(self, key: Any) -> Any:
        return self._find()[key]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._find(), name)

    @property
    def is_authenticated(self) -> bool:
        """Whether a user is signed in."""
        return bool(getattr(self._get_current_object(), "is_authenticated", True))

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody is signed in."""
        return bool(getattr(self._get_current_object(), "is_anonymous", False))
