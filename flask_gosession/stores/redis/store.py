"""Records in Redis or Valkey, alone, behind Sentinel or in a Cluster: one key per subject, one script per swap."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import files
from math import inf
from typing import Any, NamedTuple

import redis
from redis.exceptions import AskError, NoScriptError, OutOfMemoryError, RedisClusterException, RedisError, ResponseError

from flask_gosession.deadline import Deadline, current_operation
from flask_gosession.errors import StoreUnavailable
from flask_gosession.findings import Finding
from flask_gosession.stores.base import Record, StoreBusy, StoreFull, Swap
from flask_gosession.stores.capabilities import Page
from flask_gosession.stores.names import decode_subject, encode_subject
from flask_gosession.stores.redis.connect import Connector, connector_for, connector_of, nodes_of
from flask_gosession.stores.redis.diagnosis import channel_finding, diagnose
from flask_gosession.stores.redis.feed import RedisFeed, places_of
from flask_gosession.stores.redis.pool import lacks_room

log: logging.Logger = logging.getLogger("flask_gosession")

CORRUPT = Record(b"", b"corrupt!")
"""The etag of a value that is not ours; `swap.lua` knows it, too."""

DRIVER_ERRORS = (RedisError, RedisClusterException, OSError)

SAMPLE = 1000
"""How many keys are sampled to estimate our share of all keys."""

PROBE = "}doctor"
"""A subject that does not exist: a diagnosis runs the script of a swap on it, which finds nothing."""

_LOST, _DONE, _UNHEARD, _GROWS = range(4)
_LAST_MILLISECOND = 2**53


class _Script(NamedTuple):
    text: str
    sha: str


def _script(text: str) -> _Script:
    return _Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


_SWAP = _script(files("flask_gosession.stores.redis").joinpath("swap.lua").read_text("utf-8"))
_SWAP_WHEN_FULL = _script("#!lua flags=allow-oom\n" + _SWAP.text)


class RedisStore:
    """Keeps a record as one string, ``<prefix>:<encoded subject>``; reads come from the primary only."""

    shared = True
    forgets = True

    def __init__(
        self, connector: Connector, *, key_prefix: str = "gosession", wait_replicas: int = 0, wait_timeout: float = 0.1
    ) -> None:
        """Use `from_url` or `from_client`. An announced swap waits *wait_timeout* seconds for *wait_replicas*."""
        self.channel: str = f"{key_prefix}:changed"
        """The channel on which swaps announce the encoded subject whose verdicts have changed."""
        self._connector = connector
        self._client = connector.client
        self.budget: float = connector.budget
        self.feed: RedisFeed = RedisFeed(lambda: places_of(connector.client()), self.channel, connector.budget)
        """Hears the announcements of all processes."""
        lane = connector.lane
        self._get: Callable[[str], Any] = lane.get if lane else partial(self._execute, "GET")
        self._run_script: Callable[..., Any] = lane.execute if lane else self._execute
        self._prefix = f"{key_prefix}:"
        self._wait = ("WAIT", wait_replicas, round(wait_timeout * 1000))
        self._wait_replicas = wait_replicas
        self.confirms: bool = wait_replicas > 0
        """Whether replicas are asked to confirm announced swaps."""

    @classmethod
    def from_url(cls, url: str, *, key_prefix: str = "gosession", wait_replicas: int = 0) -> RedisStore:
        """Open the store at a Redis URL; nothing is connected before the first use. Raises ConfigError."""
        return cls(connector_for(url), key_prefix=key_prefix, wait_replicas=wait_replicas)

    @classmethod
    def from_client(cls, client: Any, *, key_prefix: str = "gosession", wait_replicas: int = 0) -> RedisStore:
        """Use a ready client with its own timeouts and retries; `close` leaves it open. Raises ConfigError."""
        return cls(connector_of(client), key_prefix=key_prefix, wait_replicas=wait_replicas)

    @property
    def announces(self) -> bool:
        """False once the server has refused an announcement: no process can rely on hearing of changes."""
        return not self.feed.refused

    @property
    def connections_in_use(self) -> int:
        """How many connections of this process are in use; 0 with a client of the app's own."""
        return self._connector.in_use()

    def load(self, subject: str) -> Record | None:
        """Return the record of *subject*, or None: exactly one GET."""
        try:
            value = self._read(self._get, self._prefix + encode_subject(subject))
        except ResponseError as error:
            if str(error).startswith("WRONGTYPE"):
                return CORRUPT
            raise StoreUnavailable from error
        except DRIVER_ERRORS as error:
            raise _unavailable(error) from error
        return _record(value)

    def swap(
        self, subject: str, etag: bytes | None, new: Record | None, expires_at: float, *, announce: bool = False
    ) -> Swap:
        """Put or delete, if no other writer was faster: one script. Raises StoreFull when Redis is out of memory."""
        spelling = encode_subject(subject)
        call = (
            *(1, self._prefix + spelling, etag or b"", b"" if new is None else new.etag + new.value),
            *(_milliseconds(expires_at), self.channel if announce else b"", spelling),
        )
        run = self._run_and_wait if announce and self._wait_replicas else self._run
        try:
            code, replicas = self._swap(run, call)
        except DRIVER_ERRORS as error:
            raise _unavailable(error) from error
        if code not in (_LOST, _DONE, _UNHEARD):
            raise StoreUnavailable from TypeError(f"the swap was answered with {type(code).__name__}")
        if code == _LOST:
            return Swap.LOST
        if code == _UNHEARD:
            self._report_unheard()
        return Swap.UNCONFIRMED if announce and replicas < self._wait_replicas else Swap.DONE

    def subjects(self) -> Iterator[str]:
        """Iterate over the subjects by SCAN, on all primaries of a cluster; one may come twice while keys move."""
        try:
            for key in self._client().scan_iter(match=_glob_escaped(self._prefix) + "*", count=500):
                subject = decode_subject(key.decode("utf-8", "replace").removeprefix(self._prefix))
                if subject is not None:
                    yield subject
        except DRIVER_ERRORS as error:
            raise _unavailable(error) from error

    def page(self, position: str | None, limit: int) -> Page:
        """Return the next batch by one SCAN and one pipeline of GETs; a position is a node's number and its cursor."""
        index, cursor = _parse_position(position)
        try:
            nodes = nodes_of(self._client())
            cursor, keys = nodes[index].scan(cursor, match=_glob_escaped(self._prefix) + "*", count=limit)
            with nodes[index].pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.get(key)
                values = pipe.execute(raise_on_error=False)
        except DRIVER_ERRORS as error:
            raise _unavailable(error) from error
        index += not cursor
        following = f"{index}:{int(cursor)}" if index < len(nodes) else None
        return Page(list(self._records(keys, values)), following)

    def size(self) -> int:
        """Return about how many records there are: the keys of the database, by our share of a sample of them."""
        try:
            counts = [(node.dbsize(), node.scan(0, count=SAMPLE)[1]) for node in nodes_of(self._client())]
        except DRIVER_ERRORS as error:
            raise _unavailable(error) from error
        prefix = self._prefix.encode()
        shares: list[tuple[int, float]] = [
            (size, sum(key.startswith(prefix) for key in keys) / max(1, len(keys))) for size, keys in counts
        ]
        return round(sum(size * share for size, share in shares))

    def locate(self, subject: str) -> str:
        """Return the key of *subject*."""
        return f"key {self._prefix}{encode_subject(subject)}"

    def diagnose(self, now: float, tolerance: float) -> Iterator[Finding]:
        """Look at the server, or at each primary of a cluster, and at what this user may do there."""
        try:
            nodes = nodes_of(self._client())
            yield from diagnose(nodes, now, tolerance, wait_replicas=self._wait_replicas)
        except DRIVER_ERRORS as error:
            raise _unavailable(error) from error
        self.swap(PROBE, None, None, now, announce=True)
        announces = self.announces
        yield channel_finding(self.channel, announces=announces, hears=self.feed.is_heard())

    def purge(self, now: float, limit: int = 1000) -> int:  # noqa: ARG002
        """Return 0: Redis expires records by itself."""
        return 0

    def ping(self) -> None:
        """Return when Redis answers; raise StoreUnavailable otherwise."""
        try:
            self._read(self._execute, "PING")
        except DRIVER_ERRORS as error:
            raise _unavailable(error) from error

    def close(self) -> None:
        """Close the connections, unless the client was given ready."""
        self._connector.close()

    def _records(self, keys: list[bytes], values: list[Any]) -> Iterator[tuple[str, Record]]:
        for key, value in zip(keys, values, strict=True):
            subject = decode_subject(key.decode("utf-8", "replace").removeprefix(self._prefix))
            # A key of another type, or that has moved to another node, is an error here: it is read again by itself.
            record = self.load(subject) if subject and isinstance(value, Exception) else _record(value)
            if subject is not None and record is not None:
                yield subject, record

    def _read(self, ask: Callable[[str], Any], what: str) -> Any:
        """Ask, and once more if the connection was dead; after a timeout not again, it has taken long enough."""
        if current_operation().ends == inf and self.budget < inf:
            with Deadline(self.budget):
                return self._read(ask, what)
        try:
            return ask(what)
        except redis.ConnectionError as error:
            if lacks_room(error):
                raise
            return ask(what)

    def _execute(self, *command: str) -> Any:
        return self._client().execute_command(*command)

    def _swap(self, run: Callable[..., tuple[int, int]], call: tuple[Any, ...]) -> tuple[int, int]:
        with Deadline(self.budget):
            try:
                return _load_if_new(run, _SWAP, (*call, "0"))
            except OutOfMemoryError as full:
                return self._swap_when_full(run, call, full)

    def _swap_when_full(
        self, run: Callable[..., tuple[int, int]], call: tuple[Any, ...], full: OutOfMemoryError
    ) -> tuple[int, int]:
        """Allow writes that do not make the record longer: a revocation must work on a full Redis."""
        try:
            outcome = _load_if_new(run, _SWAP_WHEN_FULL, (*call, "1"))
        except ResponseError:
            # Redis before 7 does not know the flag.
            raise StoreFull from full
        if outcome[0] == _GROWS:
            raise StoreFull from full
        return outcome

    def _run(self, *command: Any) -> tuple[int, int]:
        return self._run_script(*command), 0

    def _run_and_wait(self, *command: Any) -> tuple[int, int]:
        """Run a script and WAIT on the same connection; the number of replicas is 0 if WAIT failed."""
        client = self._client()
        if hasattr(client, "get_node_from_key"):
            node = client.get_node_from_key(command[3])
            client = client.get_redis_connection(node)
        with client.pipeline(transaction=False) as pipe:
            pipe.execute_command(*command)
            pipe.execute_command(*self._wait)
            code, replicas = pipe.execute(raise_on_error=False)
        if isinstance(code, AskError):
            # The slot has moved: nothing was written there, and the cluster client knows the new node.
            return self._run(*command)
        if isinstance(code, Exception):
            raise code
        return code, replicas if isinstance(replicas, int) else 0

    def _report_unheard(self) -> None:
        if self.announces:
            log.error("Redis refuses to publish on %r: revocations are stored, but not announced", self.channel)
        self.feed.refused = True


def _load_if_new(run: Callable[..., tuple[int, int]], script: _Script, call: tuple[Any, ...]) -> tuple[int, int]:
    try:
        return run("EVALSHA", script.sha, *call)
    except NoScriptError:
        return run("EVAL", script.text, *call)


def _unavailable(error: BaseException) -> StoreUnavailable:
    return StoreBusy() if lacks_room(error) else StoreUnavailable()


def _record(value: Any) -> Record | None:
    if value is None:
        return None
    if not isinstance(value, bytes):
        raise StoreUnavailable from TypeError(f"GET was answered with {type(value).__name__}")
    return Record(value[8:], value[:8]) if len(value) >= 8 else CORRUPT


def _parse_position(position: str | None) -> tuple[int, int]:
    index, _, cursor = (position or "0:0").partition(":")
    if not (index.isdecimal() and cursor.isdecimal()):
        raise ValueError("this is not a position in a scan of Redis")
    return int(index), int(cursor)


def _milliseconds(seconds: float) -> int:
    """Return *seconds* as a time that Redis takes; never 0 or less, which it would refuse."""
    return max(1, int(min(seconds * 1000, _LAST_MILLISECOND)))


def _glob_escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in "*?[]^-\\" else char for char in text)
