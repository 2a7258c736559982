"""The mapping behind `flask.session`: it loads nothing before it is touched, and knows what was changed.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, Protocol

import msgspec
from flask.sessions import SessionMixin

from flask_gosession.adapters.tagging import stored_form

log: logging.Logger = logging.getLogger("flask_gosession")


class Content(msgspec.Struct, eq=False):
    """What a session holds, and for whom: *sid* is None for a guest; *stored* has the values in stored form."""

    sid: str | None
    subject: str | None
    values: dict[str, Any]
    stored: dict[str, Any]
    is_new: bool = False
    unsaved: frozenset[str] = frozenset()
    """The keys to store although the request has not written them."""

    def goes_on_in(self, other: Content) -> bool:
        """Whether all of it belongs in *other*, too: a guest who signs in, or the same user again."""
        return other.sid is not None and self.subject in (None, other.subject)


class Keeper(Protocol):
    """Where the content comes from, and its limits."""

    def sid(self) -> str | None:
        """Return the current session id, or None for a guest."""
        ...

    def open(self, *, first: bool) -> Content:
        """Return what is stored for the current user or guest; except for the *first* load, a guest starts empty."""
        ...

    def judge(self, content: Content) -> None:
        """Raise TypeError for what cannot be stored, and ValueError if it is too large."""
        ...


class RecordSession(SessionMixin):
    """`flask.session` as a dict of text keys, loaded when it is touched; it follows a login and a logout.

    A wrong assignment raises at once: TypeError for what cannot be stored, ValueError if the whole would be too large.
    As in Flask, a change inside a list or dict counts only if ``modified`` is set to True.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._content: Content | None = None
        self._written: set[str] = set()
        self._all_modified = False
        self.accessed = False

    @property
    def is_open(self) -> bool:
        """Whether anything was touched."""
        return self._content is not None

    def load(self) -> None:
        """Load the content before another user signs in."""
        _ = self.content

    @property
    def content(self) -> Content:
        """What it holds, for the current user or guest."""
        if self._content is None:
            self._content = self._keeper.open(first=True)
            self._written |= self._content.unsaved
        elif self._content.sid != self._keeper.sid():
            self._content = self._carried(self._content, self._keeper.open(first=False))
        return self._content

    @property
    def written(self) -> frozenset[str]:
        """The keys that were assigned or deleted."""
        return frozenset(self._written)

    @property
    def new(self) -> bool:  # type: ignore[override]  # Flask has a plain attribute, to be read
        """Whether nothing had been stored for this browser."""
        return self.content.is_new

    @property
    def modified(self) -> bool:
        """Whether anything was assigned or deleted; set it to True after a change inside a list or dict."""
        return self._all_modified or bool(self._written)

    @modified.setter
    def modified(self, value: bool) -> None:
        self._all_modified = value
        if not value:
            self._written.clear()

    def changes(self, removed: object) -> dict[str, Any]:
        """Return the keys whose stored form differs, with that form; *removed* stands for a deleted one."""
        values, stored = self.content.values, self.content.stored
        names = {*values, *stored} if self._all_modified else self._written
        forms = {name: stored_form(values[name]) if name in values else removed for name in names}
        return {name: form for name, form in forms.items() if stored.get(name, removed) != form}

    def copy(self) -> dict[str, Any]:
        """Return a plain dict of it."""
        return dict(self)

    def _carried(self, old: Content, new: Content) -> Content:
        """Return *new* with what carries over: everything, or only what the request itself has written."""
        written = {name: old.values[name] for name in self._written & old.values.keys()}
        stored = {name: new.values[name] for name in new.stored}
        carried = old.values if old.goes_on_in(new) else written
        moved = msgspec.structs.replace(new, values={**new.values, **carried, **stored})
        try:
            self._keeper.judge(moved)
        except (TypeError, ValueError):  # an earlier cookie, or the whole of both together
            log.warning("what a guest's session held was dropped at the login: it does not fit the record")
            moved = msgspec.structs.replace(new, values={**new.values, **written, **stored})
        self._written, self._all_modified = {*moved.values} - {*new.stored}, False
        return moved

    def __getitem__(self, key: str) -> Any:
        self.accessed = True
        return self.content.values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"the keys of flask.session are text, not {type(key).__name__}")
        content = self.content
        self._keeper.judge(msgspec.structs.replace(content, values={**content.values, key: value}))
        self.accessed = True
        content.values[key] = value
        self._written.add(key)

    def __delitem__(self, key: str) -> None:
        self.accessed = True
        del self.content.values[key]
        self._written.add(key)

    def __iter__(self) -> Iterator[str]:
        self.accessed = True
        return iter(self.content.values)

    def __len__(self) -> int:
        return len(self.content.values)

    def __repr__(self) -> str:
        return f"RecordSession(keys={sorted(self._content.values) if self._content else '...'})"
