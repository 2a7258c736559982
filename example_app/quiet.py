"""Keeps out of the log of Flask's own server what open pages ask every second: whether their session still lives."""

from __future__ import annotations

import logging


class _WithoutPolls(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        line = record.getMessage()
        return "GET /auth/events " not in line or not (" 200 " in line or " 304 " in line)


_WITHOUT_POLLS = _WithoutPolls()


def hush() -> None:
    """Leave those lines out while the answer is that it does; the end of a session is a line."""
    logging.getLogger("werkzeug").addFilter(_WITHOUT_POLLS)
