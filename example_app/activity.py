"""Remembers which sessions there were: told by the extension's signals, kept in the app's own database."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask

from example_app.database import Database
from flask_gosession import events, signals

_TABLE = """
CREATE TABLE IF NOT EXISTS activity (
    sid TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    client TEXT NOT NULL,
    began REAL NOT NULL,
    ended REAL
)
"""


class Life(NamedTuple):
    """One session: its client class and, in Unix seconds, its beginning and its end, if it has ended."""

    client: str
    began: float
    ended: float | None


class Activity:
    """The sessions in the database at *path*."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        with self._database.writing() as db:
            db.execute(_TABLE)

    def follow(self, app: Flask) -> None:
        """Write down from now on what happens to the sessions of *app*."""
        signals.logged_in.connect(self._begin, app, weak=False)
        for signal in (signals.logged_out, signals.evicted, signals.revoked, signals.reuse_detected):
            signal.connect(self._end, app, weak=False)

    def settle(self, subject: str, live: Collection[str], now: float) -> None:
        """End what is not among the *live* session ids of *subject*: nobody is told when a session runs out."""
        with self._database.writing() as db:
            query = "SELECT sid FROM activity WHERE subject = ? AND ended IS NULL AND began < ?"
            gone = [(now, sid) for (sid,) in db.execute(query, (subject, now)) if sid not in live]
            db.executemany("UPDATE activity SET ended = ? WHERE sid = ?", gone)

    def since(self, start: float) -> list[Life]:
        """Return the sessions that were live at the Unix time *start* or later."""
        with self._database.reading() as db:
            query = "SELECT client, began, ended FROM activity WHERE ended IS NULL OR ended >= ?"
            return [Life(*row) for row in db.execute(query, (start,))]

    def _begin(self, _app: Flask, event: events.LoggedIn, **_more: Any) -> None:
        client = "impersonation" if event.actor else event.client
        row = (event.sid, event.subject, client, event.at)
        with self._database.writing() as db:
            db.execute("INSERT OR IGNORE INTO activity (sid, subject, client, began) VALUES (?, ?, ?, ?)", row)

    def _end(self, _app: Flask, event: events.Ended, **_more: Any) -> None:
        with self._database.writing() as db:
            db.execute("UPDATE activity SET ended = ? WHERE sid = ? AND ended IS NULL", (event.at, event.sid))
