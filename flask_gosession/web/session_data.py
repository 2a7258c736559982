"""The data of a session as a dict that knows which of its keys were changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import msgspec

from flask_gosession.session.data import REMOVED, size_of


class SessionData(MutableMapping[str, Any]):
    """Behaves like a dict of text keys.

    Values are None, booleans, text, bytes, int (64 bits), float, list, dict, and datetime with a time zone, which comes
    back in UTC. Others, such as a date, UUID, Decimal, tuple or set, would not come back unchanged, and are refused.

    A wrong assignment raises at once: TypeError for a key or value of the wrong kind, ValueError when all
    data together would exceed ``GOSESSION_DATA_CAP`` (bytes). Lists and dicts may be changed in place.
    """

    def __init__(self, stored: Mapping[str, Any] | None, cap: int) -> None:
        self._values = dict(stored or {})
        self._cap = cap
        self._assigned: set[str] = set()
        self._handed_out: dict[str, bytes] = {}

    @property
    def changes(self) -> dict[str, Any]:
        """The keys that differ from what is stored, with their values; a deleted one has `REMOVED`.

        What was changed in place is checked here, and raises as an assignment does.
        """
        in_place = {key for key, before in self._handed_out.items() if self._differs(key, before)}
        changed = self._assigned | in_place
        if changed:
            self._require_fitting(self._values)
        return {key: self._values.get(key, REMOVED) for key in changed}

    def _differs(self, key: str, before: bytes) -> bool:
        if key not in self._values:
            return False
        try:
            return msgspec.msgpack.encode(self._values[key]) != before
        except (TypeError, ValueError, OverflowError, RecursionError):
            return True

    def _require_fitting(self, values: Mapping[str, Any]) -> None:
        size = size_of(values)
        if size > self._cap:
            raise ValueError(
                f"session data would have {size} bytes, and at most {self._cap} fit; keep large values elsewhere"
            )

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        if isinstance(value, (list, dict)) and key not in self._handed_out:
            self._handed_out[key] = msgspec.msgpack.encode(value)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"the keys of session data are text, not {type(key).__name__}")
        try:
            self._require_fitting({**self._values, key: value})
        except TypeError as error:
            raise TypeError(f"session data cannot hold {type(value).__name__} under {key!r}: {error}") from error
        self._values[key] = value
        self._assigned.add(key)

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        self._assigned.add(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"SessionData(keys={sorted(self._values)})"
