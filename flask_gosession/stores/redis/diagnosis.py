"""A look at a Redis server: what happens to sessions when memory is full, at a restart, and in a failover."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from redis.exceptions import ResponseError

from flask_gosession.findings import Finding, ok

Info = Mapping[str, Any]
T = TypeVar("T")

TIGHT, FULL = 0.8, 0.95
"""Shares of the memory limit that cause a warning, and an error."""
LATE = 10
"""Seconds of replication lag above which a failover would lose more than people expect."""


def diagnose(nodes: Sequence[Any], now: float, tolerance: float, *, wait_replicas: int) -> Iterator[Finding]:
    """Look at the servers behind these clients. Raises what the driver raises."""
    for node in nodes:
        info: Info | None = _if_allowed(node.info)
        if info is None:
            yield _unseen()
            continue
        name = "" if len(nodes) == 1 else f"Node {info.get('tcp_port', '?')}: "
        for finding in _of_server(info, node, now, tolerance, wait_replicas):
            yield Finding(finding.check, finding.severity, name + finding.what, finding.why, finding.fix)


def channel_finding(channel: str, *, announces: bool, hears: bool) -> Finding:
    """Return whether the script of a swap, which is known to run, announces on *channel* and is heard."""
    if announces and hears:
        return ok("redis.acl", f"The script of a swap runs, and announces on {channel!r}, where it is heard.")
    return Finding(
        "redis.acl",
        "warning",
        f"The user of the store may not {'subscribe to' if announces else 'publish on'} {channel!r}.",
        "Revocations are stored, but other processes do not hear of them at once.",
        f"ACL SETUSER <user> &{channel} +publish +subscribe",
    )


def _of_server(info: Info, node: Any, now: float, tolerance: float, wait_replicas: int) -> Iterator[Finding]:
    yield _version(info)
    yield from _role(info)
    yield from _clock(node, now, tolerance)
    yield _eviction(info)
    yield from _memory(info)
    yield from _persistence(info)
    yield from _replicas(info, wait_replicas, _setting(node, "min-replicas-to-write"))


def _version(info: Info) -> Finding:
    text = str(info.get("redis_version", "0"))
    known = tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())
    if known < (6, 2):
        why = "A record's end is set by SET … PXAT, which Redis has had since 6.2: nothing can be written."
        return Finding("redis.version", "error", f"This is Redis {text}.", why, "Upgrade to Redis 7 or Valkey.")
    if known < (7, 0):
        why = "When Redis before 7 is full, a revocation has to delete the whole record of the subject."
        return Finding("redis.version", "advice", f"This is Redis {text}.", why, "Upgrade to Redis 7 or Valkey.")
    return ok("redis.version", f"This is Redis {text}.")


def _role(info: Info) -> Iterator[Finding]:
    if info.get("role") == "slave":
        yield Finding(
            "redis.role",
            "error",
            "This server is a replica.",
            "Nothing can be written here, and what is read may be older than a revocation.",
            'Name the primary, or its Sentinels: GOSESSION_STORE = "redis+sentinel://host:26379/service/0"',
        )


def _clock(node: Any, now: float, tolerance: float) -> Iterator[Finding]:
    time: tuple[int, int] | None = _if_allowed(node.time)
    if time is None:
        return
    skew = time[0] + time[1] / 1e6 - now
    if abs(skew) <= tolerance:
        yield ok("redis.clock", f"The clocks of Redis and of this host are {abs(skew):.1f} s apart.")
        return
    ahead = "ahead of" if skew > 0 else "behind"
    yield Finding(
        "redis.clock",
        "error",
        f"The clock of Redis is {abs(skew):,.0f} s {ahead} this host's; {tolerance:g} s are allowed for.",
        "Redis forgets records by its own clock: too early, they sign people out and lift bans.",
        "timedatectl set-ntp true  # on both hosts",
    )


def _eviction(info: Info) -> Finding:
    policy, limited = str(info.get("maxmemory_policy", "noeviction")), int(info.get("maxmemory", 0)) > 0
    if policy == "noeviction":
        return ok("redis.eviction", "Redis evicts nothing (noeviction).")
    when = "when its memory is full" if limited else "as soon as maxmemory is set"
    return Finding(
        "redis.eviction",
        "error" if limited else "warning",
        f"Redis deletes records {when} (maxmemory-policy {policy}).",
        "An evicted record signs a person out at random, and lifts a ban.",
        "CONFIG SET maxmemory-policy noeviction",
    )


def _memory(info: Info) -> Iterator[Finding]:
    used, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    whole = limit or int(info.get("total_system_memory", 0))
    if not whole:
        return
    what = f"Redis uses {used / 1e6:,.0f} of {whole / 1e6:,.0f} MB{'' if limit else ', all that the machine has'}."
    if used < TIGHT * whole:
        yield ok("redis.memory", what)
        return
    why = "A full Redis refuses logins and refreshes with 503."
    severity = "error" if used >= FULL * whole else "warning"
    yield Finding("redis.memory", severity, what, why, "Raise maxmemory, or give sessions a Redis of their own.")  # type: ignore[arg-type]  # two of its words


def _persistence(info: Info) -> Iterator[Finding]:
    aof = bool(info.get("aof_enabled"))
    yield from _failed_saves(info)
    if aof:
        yield ok("redis.persistence", "Redis keeps an append-only file.")
        return
    yield Finding(
        "redis.persistence",
        "warning",
        "Redis keeps no append-only file.",
        "A restart forgets sessions and bans, or brings back those of the last snapshot: also some signed out since.",
        "CONFIG SET appendonly yes  # and in redis.conf",
    )


def _failed_saves(info: Info) -> Iterator[Finding]:
    for field, what in (("aof_last_write_status", "append-only file"), ("rdb_last_bgsave_status", "snapshot")):
        if info.get(field, "ok") != "ok":
            yield Finding(
                "redis.persistence",
                "error",
                f"The last write of the {what} failed.",
                "Redis refuses all writes in that state, or loses them at a restart.",
                "df -h $(redis-cli CONFIG GET dir | tail -1)  # and read the log of Redis",
            )


def _replicas(info: Info, wait_replicas: int, least: str | None) -> Iterator[Finding]:
    replicas = [value for name, value in info.items() if _is_replica(name, value)]
    online = [replica for replica in replicas if replica.get("state") == "online"]
    if len(online) < wait_replicas:
        yield Finding(
            "redis.replicas",
            "error",
            f"GOSESSION_WAIT_REPLICAS is {wait_replicas}, and {len(online)} replicas are online.",
            "Each revocation waits for nothing, and is reported as unconfirmed.",
            f"Attach {wait_replicas - len(online)} more replicas, or set GOSESSION_WAIT_REPLICAS = {len(online)}",
        )
    yield from _lagging(online)
    if replicas and not wait_replicas and least == "0":
        yield Finding(
            "redis.min_replicas",
            "warning",
            "A primary that has lost contact with its replicas still accepts writes (min-replicas-to-write 0).",
            "After a failover those writes are gone: a session that was signed out lives again.",
            "CONFIG SET min-replicas-to-write 1, or GOSESSION_WAIT_REPLICAS = 1",
        )
    if replicas and len(online) >= wait_replicas:
        yield ok("redis.replicas", f"{len(online)} of {len(replicas)} replicas are online.")


def _is_replica(name: str, value: Any) -> bool:
    return name.startswith("slave") and name[5:].isdecimal() and isinstance(value, dict)


def _lagging(replicas: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    lag = max((int(replica.get("lag", 0)) for replica in replicas), default=0)
    if lag >= LATE:
        yield Finding(
            "redis.lag",
            "warning",
            f"A replica is {lag} s behind.",
            "What was written in that time, such as a revocation, is lost if the primary fails now.",
            "redis-cli INFO replication  # and look at the network and at the replica's disk",
        )


def _unseen() -> Finding:
    return Finding(
        "redis.info",
        "advice",
        "The user of the store may not ask Redis how it is set up.",
        "Eviction, persistence, memory and replicas cannot be looked at from here.",
        "ACL SETUSER <user> +info +time +config|get",
    )


def _setting(node: Any, name: str) -> str | None:
    """Return a setting of the server, or None if this user may not read it."""
    settings: Mapping[str, str] | None = _if_allowed(node.config_get, name)
    return None if settings is None else settings.get(name)


def _if_allowed(ask: Callable[..., T], *arguments: str) -> T | None:
    """Return the answer, or None if the server refuses."""
    try:
        return ask(*arguments)
    except ResponseError:
        return None
