"""How often somebody may try passwords: a few times per name and address, and again after a while."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from example_app.database import Database
from example_app.users import User, Users
from flask_gosession.errors import AnsweredError

MOST = 10
WINDOW = 15 * 60
"""Seconds in which so many attempts fail before the next is refused unread."""

_TABLE = """
CREATE TABLE IF NOT EXISTS attempts (username TEXT NOT NULL, address TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS attempts_of ON attempts (username, address);
"""


class TooManyAttempts(AnsweredError):
    """The password is not even looked at."""

    code = 429
    error = "too_many_attempts"
    text = "Too many attempts. Please try again in 15 minutes."

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer: when to try again at the latest."""
        return {**super().headers, "Retry-After": str(WINDOW)}


class Attempts:
    """Looks passwords up for whoever has not failed too often; counted in the database, for all workers together."""

    def __init__(self, path: Path, users: Users, clock: Callable[[], float]) -> None:
        self._database = Database(path)
        self._users = users
        self._clock = clock
        with self._database.writing() as db:
            for statement in filter(str.strip, _TABLE.split(";")):
                db.execute(statement)

    def by_password(self, username: str, password: str, address: str | None) -> User | None:
        """Return the user with that name and password, or None. Raises TooManyAttempts.

        An attempt counts before the password is checked, so that many at once are no more than one after the other. A
        right password forgives the wrong ones before it.
        """
        who = (username.casefold()[:100], address or "")
        self._count(who)
        user = self._users.by_password(username, password)
        if user is not None:
            with self._database.writing() as db:
                db.execute("DELETE FROM attempts WHERE username = ? AND address = ?", who)
        return user

    def _count(self, who: tuple[str, str]) -> None:
        now = self._clock()
        with self._database.writing() as db:
            db.execute("DELETE FROM attempts WHERE at <= ?", (now - WINDOW,))
            query = "SELECT count(*) FROM attempts WHERE username = ? AND address = ?"
            if db.execute(query, who).fetchone()[0] >= MOST:
                raise TooManyAttempts
            db.execute("INSERT INTO attempts (username, address, at) VALUES (?, ?, ?)", (*who, now))
