"""Finds people for administrators: by name, by what they are signed in with, by address or by session.

The app knows its people, and asks the session store about each. A page looks at a limited number of them, however many
there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from example_app.users import User, Users
from flask_gosession import GoSession, SubjectView

PAGE = 20
"""People on a page."""
MOST = 200
"""People that are looked at for one page."""
MOST_RECORDS = 5000
"""Records that are read to find an address or a session: the store has no index of those."""

STATES = {"": "Everybody", "live": "Signed in", "banned": "Banned"}


class Filters(NamedTuple):
    """What an administrator looks for; an empty text asks for nothing."""

    name: str = ""
    """How the user name begins."""
    client: str = ""
    state: str = ""
    where: str = ""
    """An address, a network, or the id of a session or token."""


class Page(NamedTuple):
    """People and what is stored about each; *after* is where the next page begins, None where all were seen."""

    rows: list[tuple[User, SubjectView]]
    after: str | None
    is_cut: bool = False
    """Whether the store has more records, or more matches, than were read."""


class _Enough(Exception):
    pass


def find_people(gosession: GoSession[User], users: Users, filters: Filters, after: str = "") -> Page:
    """Return a page of those who match *filters*. Raises ValueError where `Filters.where` is no address and no id."""
    subjects, is_cut = _subjects_at(gosession, filters.where) if filters.where else (None, False)
    rows: list[tuple[User, SubjectView]] = []
    looked, last = 0, after
    for user in _candidates(users, filters.name, after, subjects):
        if looked == MOST or len(rows) == PAGE:
            return Page(rows, last, is_cut)
        looked, last = looked + 1, user.username
        view = gosession.manager.show(user.id)
        if _matches(view, filters):
            rows.append((user, view))
    return Page(rows, None, is_cut)


def _candidates(users: Users, name: str, after: str, subjects: list[str] | None) -> Iterator[User]:
    if subjects is None:
        yield from users.named(name, after, MOST + 1)
        return
    found = (users.by_subject(subject) for subject in subjects)
    in_order = sorted((user for user in found if user is not None), key=lambda user: user.username)
    for user in in_order:
        if user.username > after and user.username.casefold().startswith(name.casefold()):
            yield user


def _matches(view: SubjectView, filters: Filters) -> bool:
    if filters.state == "banned" and view.ban is None:
        return False
    if filters.state == "live" and not view.sessions:
        return False
    return not filters.client or any(session.client == filters.client for session in view.sessions)


def _subjects_at(gosession: GoSession[User], where: str) -> tuple[list[str], bool]:
    """Return those with a live session that *where* points to, and whether there were too many to read all."""
    read = 0

    def count(records: int) -> None:
        nonlocal read
        read += records
        if read >= MOST_RECORDS:
            raise _Enough

    subjects: dict[str, None] = {}
    try:
        for number, match in enumerate(gosession.manager.find(where, on_batch=count)):
            if number == MOST:
                return list(subjects), True
            if match.session is not None:
                subjects[match.subject] = None
    except _Enough:
        return list(subjects), True
    return list(subjects), False
