"""The store: whether and how fast it answers, what it reports about itself, and whether anything purges it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from flask_gosession.config import PREFIX
from flask_gosession.errors import StoreUnavailable
from flask_gosession.findings import Finding, ok
from flask_gosession.stores.breaker import behind_breaker
from flask_gosession.stores.capabilities import Diagnosable, Purgeable
from flask_gosession.web.state import State

PINGS = 20
SLOW, VERY_SLOW = 0.010, 0.100
"""Seconds above which the median, and the slowest answers, cause a warning: every request waits for one."""
LEFT = 1000
"""How many ended records may be left before the lack of purging causes a warning."""

_CREDENTIALS = f"Put the right user and password into {PREFIX}STORE."
_PASSWORD = f"Put the password into {PREFIX}STORE: redis://:password@host"
_RIGHTS = (
    "ACL SETUSER <user> ~<prefix>:* &<prefix>:changed +get +set +del +exists +getrange +strlen +eval +evalsha +publish "
    "+scan +ping"
)
_CURES: Mapping[str, str] = {
    "WRONGPASS": _CREDENTIALS,
    "invalid username-password": _CREDENTIALS,
    "password authentication failed": _CREDENTIALS,
    "NOAUTH": _PASSWORD,
    "Authentication required": _PASSWORD,
    "NOPERM": _RIGHTS,
    "no permissions": _RIGHTS,
    "unsupported startup parameter": "In pgbouncer.ini: ignore_startup_parameters = options",
    "READONLY": "Name the primary, or its Sentinels.",
    "MISCONF": "Make room on the disk of Redis: it refuses to write because it cannot save.",
}
"""What to do, by words in the driver's error."""


def check_store(state: State) -> Iterator[Finding]:
    """Check the store; if it does not answer, that is the only finding."""
    store, manager = behind_breaker(state.manager.store), state.manager
    try:
        store.ping()
        yield _latency(sorted(_seconds(store.ping) for _ in range(PINGS)))
        if isinstance(store, Diagnosable):
            yield from store.diagnose(manager.clock(), manager.policy.leeway)
        if isinstance(store, Purgeable) and store.shared:
            yield _purge(store.count_ended(manager.clock() - 2 * state.config.purge_interval), state)
    except StoreUnavailable as error:
        yield _unavailable(error, state)


def latency_finding(median: float, slowest: float) -> Finding:
    """Return the finding about these seconds."""
    what = f"The store answers in {median * 1e3:.2f} ms (p50), {slowest * 1e3:.2f} ms (p99), of {PINGS} pings."
    if median < SLOW and slowest < VERY_SLOW:
        return ok("store.latency", what)
    why = "Every request that checks a session waits for one such answer."
    return Finding("store.latency", "warning", what, why, "Bring the store nearer to the app, or relieve it.")


def _latency(seconds: Sequence[float]) -> Finding:
    return latency_finding(seconds[len(seconds) // 2], seconds[-1])


def _seconds(ping: Callable[[], None]) -> float:
    began = time.perf_counter()
    ping()
    return time.perf_counter() - began


def _purge(left: int, state: State) -> Finding:
    interval = state.config.purge_interval
    if left < LEFT:
        by_whom = "the app's processes do it" if interval else "only `flask gosession purge` does it"
        return ok("store.purge", f"{left} records that ended long ago are to be purged; {by_whom}.")
    return Finding(
        "store.purge",
        "warning",
        f"{left:,} records have ended long ago and are still there.",
        f"Nothing purges them: {PREFIX}PURGE_INTERVAL is {interval:g}, and the store grows for ever.",
        "flask gosession purge  # from cron, every hour",
    )


def _unavailable(error: StoreUnavailable, state: State) -> Finding:
    said = " ".join(str(error.__cause__ or error).split())
    secret = _password(state.config.store)
    cure = next((cure for words, cure in _CURES.items() if words in said), "")
    shown = (said.replace(secret, "***") if secret else said)[:200]
    return Finding(
        "store.reachable",
        "error",
        f"The store does not do what it should: {type(error.__cause__ or error).__name__}: {shown}",
        "Every request that checks a session is answered with 503.",
        cure or f"Start the server that {PREFIX}STORE names, or name another one.",
    )


def _password(store: object) -> str | None:
    try:
        return urlsplit(store).password if isinstance(store, str) else None
    except ValueError:
        return None
