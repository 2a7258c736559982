"""The app's own users: a table in SQLite, with hashed passwords."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from werkzeug.security import check_password_hash, generate_password_hash

from example_app.database import Database

SEED = (("alice", "wonderland", "user"), ("bob", "builder", "user"), ("admin", "overlord", "admin"))

_TABLE = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    role TEXT NOT NULL
)
"""


@dataclass(frozen=True)
class User:
    """What views see of a user."""

    id: int
    username: str
    role: str


class Users:
    """The users in the database at *path*, which is made and seeded if it is new."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        with self._database.writing() as db:
            db.execute(_TABLE)
            if db.execute("SELECT 1 FROM users").fetchone() is None:
                rows = [(name, generate_password_hash(password), role) for name, password, role in SEED]
                db.executemany("INSERT INTO users (username, password, role) VALUES (?, ?, ?)", rows)

    def by_subject(self, subject: str) -> User | None:
        """Return the user whose id is *subject*, or None."""
        with self._database.reading() as db:
            row = db.execute("SELECT id, username, role FROM users WHERE id = ?", (subject,)).fetchone()
        return User(*row) if row else None

    def by_password(self, username: str, password: str) -> User | None:
        """Return the user with that name and password, or None; it takes as long for a name that nobody has."""
        with self._database.reading() as db:
            query = "SELECT password, id, username, role FROM users WHERE username = ?"
            # A name that nobody has is checked against somebody's password, and refused whatever comes of it.
            decoy = db.execute("SELECT password FROM users LIMIT 1").fetchone()
            hashed, *fields = db.execute(query, (username,)).fetchone() or decoy
        return User(*fields) if check_password_hash(hashed, password) and fields else None

    def named(self, start: str, after: str, limit: int) -> list[User]:
        """Return users whose names begin with *start* and come after *after*, by name, at most *limit*."""
        query = """
            SELECT id, username, role FROM users WHERE username > ? AND lower(substr(username, 1, ?)) = lower(?)
            ORDER BY username LIMIT ?
        """
        with self._database.reading() as db:
            return [User(*row) for row in db.execute(query, (after, len(start), start, limit))]

    def change_password(self, user: User, password: str) -> None:
        """Let *user* sign in with *password* from now on, and with no other."""
        hashed = generate_password_hash(password)
        with self._database.writing() as db:
            db.execute("UPDATE users SET password = ? WHERE id = ?", (hashed, user.id))
