"""Converts the content of `flask.session` into what the record can hold: Flask's own tagged JSON.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask.sessions import session_json_serializer


def stored_form(value: Any) -> Any:
    """Return *value* as plain JSON, with Flask's tags for tuples, bytes, markup, UUIDs and datetimes.

    Raises TypeError for what Flask's own session could not hold, either.
    """
    return json.loads(session_json_serializer.dumps(value))


def stored_forms(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored form of every value. Raises TypeError."""
    return {key: stored_form(value) for key, value in values.items()}


def read_forms(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `stored_forms` was given; values that our own API has stored come back unchanged."""
    return {key: _read_form(value) for key, value in stored.items()}


def _read_form(stored: Any) -> Any:
    try:
        return session_json_serializer.loads(json.dumps(stored))
    except (TypeError, ValueError):
        return stored
