"""What people have written about themselves."""

from __future__ import annotations

from pathlib import Path

from example_app.database import Database
from example_app.users import User

LONGEST = 2000
"""Characters of a profile."""


class Profiles:
    """The profiles in the database at *path*."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        with self._database.writing() as db:
            db.execute("CREATE TABLE IF NOT EXISTS profiles (user INTEGER PRIMARY KEY, about TEXT NOT NULL)")

    def about(self, user: User) -> str:
        """Return what *user* has written, or nothing."""
        with self._database.reading() as db:
            row = db.execute("SELECT about FROM profiles WHERE user = ?", (user.id,)).fetchone()
        return str(row[0]) if row else ""

    def write(self, user: User, about: str) -> None:
        """Keep *about* in place of what *user* has written before."""
        with self._database.writing() as db:
            db.execute("REPLACE INTO profiles (user, about) VALUES (?, ?)", (user.id, about[:LONGEST]))
