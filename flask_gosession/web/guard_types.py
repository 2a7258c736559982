"""The types of the decorators, wherever they are imported from.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Literal, ParamSpec, Protocol, TypeVar, overload

from flask import Blueprint, Flask

from flask_gosession.durations import Duration
from flask_gosession.session.policy import Level

P = ParamSpec("P")
R = TypeVar("R")
View = Callable[P, R]
Optional = Literal["lenient"] | bool
Match = Literal["all", "any"]
Protect = Callable[[Flask | Blueprint], None]


class LoginGuard(Protocol):
    """The type of `login_required`."""

    @overload
    def __call__(self, view: View[P, R], /) -> View[P, R]: ...

    @overload
    def __call__(
        self,
        view: None = None,
        /,
        *,
        optional: Optional = False,
        fresh: bool = False,
        level: Level | None = None,
        locations: Collection[str] | None = None,
    ) -> Callable[[View[P, R]], View[P, R]]: ...


class FreshGuard(Protocol):
    """The type of `fresh_login_required`."""

    @overload
    def __call__(self, view: View[P, R], /) -> View[P, R]: ...

    @overload
    def __call__(
        self, view: None = None, /, *, within: Duration | None = None
    ) -> Callable[[View[P, R]], View[P, R]]: ...


class ScopesGuard(Protocol):
    """The type of `roles_required` and `permissions_required`."""

    def __call__(self, *names: str, match: Match = "all") -> Callable[[View[P, R]], View[P, R]]:
        """Return a decorator that asks for these names."""
        ...


class RequireLogin(Protocol):
    """The type of `require_login`."""

    def __call__(
        self, *, optional: Optional = False, fresh: bool = False, locations: Collection[str] | None = None
    ) -> Any:
        """Return the user, or a guest."""
        ...
