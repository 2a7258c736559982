"""Where a login comes from, in text that fits into the record."""

from __future__ import annotations

import msgspec
from msgspec.structs import force_setattr

_AGENT_CHARS = 200
_LABEL_CHARS = 60
_IP_CHARS = 45


class Device(msgspec.Struct, frozen=True):
    """How a user recognises a session in a list; longer texts are cut, and control characters left out."""

    ip: str = ""
    agent: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        for name, length in (("ip", _IP_CHARS), ("agent", _AGENT_CHARS), ("label", _LABEL_CHARS)):
            # A header may carry anything; bytes that are not text would not fit the record, control characters would
            # reach the terminals and logs of those who list sessions.
            text = str(getattr(self, name)).encode("utf-8", "replace").decode("utf-8")
            if not text.isprintable():
                text = "".join(char for char in text if char.isprintable())
            force_setattr(self, name, text[:length])


UNKNOWN = Device()
"""The default, if a caller names no device."""
