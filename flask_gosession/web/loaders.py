"""The app's loaders as the engine calls them: plain functions, whatever they are to the app."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask

from flask_gosession.web.state import State


def use_user_loader(state: State, loader: Callable[[str], Any] | None) -> None:
    """Let *loader* map subjects to users; without one, a user is their subject."""
    if loader is None:
        state.manager.users.use(_subject_alone, cached=False)
    else:
        state.manager.users.use(_in_app(state.app, loader))


def use_claims_loader(state: State, loader: Callable[[str], Any] | None) -> None:
    """Let *loader* map subjects to the claims of their access tokens; without one, there are none."""
    if loader is not None:
        state.manager.issuer.loader = _in_app(state.app, loader)


def use_impersonation_check(state: State, check: Callable[[Any, str], Any] | None) -> None:
    """Let *check* say who may act as whom; without one, the views that impersonate decide."""
    if check is not None:
        state.manager.actors.check = _in_app(state.app, check)


def _in_app(app: Flask, loader: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap *loader* so that it may be async and is called with the app's own rules."""

    @wraps(loader)
    def load(*args: Any) -> Any:
        return app.ensure_sync(loader)(*args)

    return load


def _subject_alone(subject: str) -> dict[str, str]:
    return {"sub": subject}
