"""Where a person may be sent after signing in: a path on this host, and nowhere else."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


def safe_next(target: str | None, default: str = "/") -> str:
    r"""Return *target* if it is a path on this host, else *default*.

    Refused are other hosts in any spelling: with a scheme, ``//host``, ``/\host`` or control characters, also when
    they are percent-encoded once or twice. A space must be encoded.
    """
    return target if target and " " not in target and all(map(_is_local, _spellings(target))) else default


def _spellings(target: str) -> tuple[str, str, str]:
    once = unquote(target)
    return target, once, unquote(once)


def _is_local(text: str) -> bool:
    if not text.startswith("/") or text.startswith("//") or _CONTROL.search(text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc
