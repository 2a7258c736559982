"""Values that no argument of that name can have, for whatever writes sessions."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any

NO_NUMBERS = (True, "soon", "", "-1h", b"60", [], {}, 1j, object(), math.nan, math.inf, -math.inf, -1, -0.5, 10**400)
NO_DURATIONS = (*NO_NUMBERS, timedelta(-1), datetime.now(timezone.utc))
NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001 - that is the point
NO_MOMENTS = (*NO_NUMBERS, "1h", timedelta(1), NAIVE, datetime(1960, 1, 1, tzinfo=timezone.utc))
NO_TEXTS = (5, 1.5, True, b"x", ["x"], {}, object(), "\ud800")
NO_OBJECTS = (5, "x", [], {}, object())
NO_MAPPINGS = (5, True, "x", b"x", [("a", 1)], {"a"}, object())
NO_DATA = (*NO_MAPPINGS, {1: 2}, {"x": object()}, {"x": 1j}, {"x": "\ud800"}, {"x": 2**64}, {"\udfff": 1})
INEXACT = ({"x": (1,)}, {"x": {1}}, {"x": datetime.now(timezone.utc).date()})

WRONG: dict[str, tuple[Any, ...]] = {
    "subject": (None, True, 1.5, b"ada", [], {}, object(), "", "x" * 256, "\ud800"),
    "client": (5, True, 1.5, b"web", [], {}, object(), "", " web", "a" * 33, "é", "web\n", "\ud800"),
    "device": (None, *NO_OBJECTS),
    "remember": (2, -1, 1.0, math.nan, "maybe", " on", b"on", [], ["on"], {}, object()),
    "lifetime": (*NO_DURATIONS, 0, 1e9),
    "idle": (*NO_DURATIONS, 0, 1e9),
    "access_lifetime": (*NO_DURATIONS, 0, 1e9),
    "claims": (*NO_DATA, {"sub": "eve"}, {"exp": 1}, {"x": b"y"}, {"x": math.nan}),
    "data": (*NO_DATA, *INEXACT, {"x": "y" * 5000}),
    "limit": (True, 1.5, "1", [], {}, object(), -1, math.nan),
    "on_limit": (5, True, "", "evict", "Refuse", ["refuse"], {}, object()),
    "authenticated": NO_MOMENTS,
    "continues": (5, 1.5, True, b"x" * 22, [], {}, object(), "", "x", "é" * 22),
    "presented": NO_OBJECTS,
    "sid": (None, 5, 1.5, True, b"x" * 22, [], {}, object()),
    "but": (5, 1.5, True, b"x" * 22, [], {}, object(), "", "x", "é" * 22),
    "reason": (None, 5, True, "", "because", "Evicted", b"kicked", ["kicked"], {}, object()),
    "message": NO_TEXTS,
    "ip": (None, *NO_TEXTS),
    "until": (None, *NO_MOMENTS, 0, 1e12),
    "cookies": (1, 0, "on", "", [], {}, object()),
    "checked": (None, *NO_OBJECTS),
    "changes": (*INEXACT, None, 5, True, [1], object(), {1: 2}, {"x": object()}, {"x": "\ud800"}, {"x": "y" * 5000}),
    "ttl": NO_DURATIONS,
    "subjects": (None, 5, "ada", ["ada", None], ["ada", ""], ["ada", True]),
}
"""Where None is among them, it is wrong, too."""

REASON_OF_A_BAN = (None, *NO_TEXTS)
"""A ban's reason is the app's own text."""
