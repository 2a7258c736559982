"""The name of the table or collection in which the records of one key prefix lie."""

from __future__ import annotations

import hashlib
import re

_PLAIN = re.compile("[a-z][a-z0-9_]{0,39}")


def corner_name(key_prefix: str) -> str:
    """Return a name of at most 46 characters out of ``a-z0-9_``; no two prefixes share one, case or not.

    An ordinary prefix gives ``prefix_subjects``; another is made plain, and told apart by the start of its SHA-256.
    """
    if _PLAIN.fullmatch(key_prefix):
        return f"{key_prefix}_subjects"
    plain = re.sub("[^a-z0-9]+", "_", key_prefix.lower()).strip("_")[:24]
    return f"{plain or 'prefix'}_subjects_{hashlib.sha256(key_prefix.encode()).hexdigest()[:12]}"
