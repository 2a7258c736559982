"""Works together with `CSRFProtect` of Flask-WTF: a request that it has verified needs no value of ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Flask, current_app, g
from werkzeug.exceptions import HTTPException


def exempt(app: Flask, blueprints: Iterable[Blueprint]) -> None:
    """Exempt our endpoints from Flask-WTF's check: they have one of their own."""
    protection = _protection_of(app)
    if protection is not None:
        for blueprint in blueprints:
            protection.exempt(blueprint)


def has_verified() -> bool:
    """Whether the current request has a valid value of Flask-WTF, and so comes from a page of this app."""
    protection = _protection_of(current_app)
    if protection is None or not current_app.config.get("WTF_CSRF_ENABLED"):
        return False
    if not g.get("csrf_valid"):  # its turn may come after ours
        try:
            protection.protect()
        except HTTPException:
            return False
    return bool(g.get("csrf_valid"))


def _protection_of(app: Flask) -> Any:
    found = app.extensions.get("csrf")
    return found if type(found).__module__.startswith("flask_wtf") else None
