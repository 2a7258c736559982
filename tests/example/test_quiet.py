"""The log of Flask's own server stays readable while pages are open."""

from __future__ import annotations

import logging

import pytest


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('127.0.0.1 - - [22/Nov/2026 00:00:00] "\x1b[36mGET /auth/events HTTP/1.1\x1b[0m" 304 -', False),
        ('127.0.0.1 - - [22/Nov/2026 00:00:00] "GET /auth/events HTTP/1.1" 200 -', False),
        ('127.0.0.1 - - [22/Nov/2026 00:00:00] "GET /auth/events HTTP/1.1" 401 -', True),
        ('127.0.0.1 - - [22/Nov/2026 00:00:00] "GET /devices HTTP/1.1" 200 -', True),
    ],
)
def test_what_pages_ask_every_second_is_no_line(app, line, shown):
    """A session that lives is no news; its end is, and so is everything else."""
    record = logging.LogRecord("werkzeug", logging.INFO, __file__, 1, line, (), None)
    assert bool(logging.getLogger("werkzeug").filter(record)) == shown
