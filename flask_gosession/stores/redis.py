"""Records in Redis or Valkey, alone, behind Sentinel or in a Cluster: one key a subject, one script a swap."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, NamedTuple

import redis
from redis.exceptions import AskError, NoScriptError, OutOfMemoryError, RedisClusterException, RedisError, ResponseError

from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import Record, StoreFull, Swap
from flask_gosession.stores.keys import decode_subject, encode_subject
from flask_gosession.stores.redis_clients import Connector, connector_for, connector_of

log = logging.getLogger("flask_gosession")

CORRUPT = Record(b"", b"corrupt!")
"""What stands for a value that is not ours; `swap.lua` knows the same etag."""

DRIVER_ERRORS = (RedisError, RedisClusterException, OSError)

_LOST, _DONE, _UNHEARD, _GROWS = range(4)
_LAST_MILLISECOND = 2**53


class _Script(NamedTuple):
    text: str
    sha: str


def _script(text: str) -> _Script:
    return _Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


_SWAP = _script(files("flask_gosession.stores").joinpath("swap.lua").read_text("utf-8"))
_SWAP_WHEN_FULL = _script("#!lua flags=allow-oom\n" + _SWAP.text)


class RedisStore:
    """Keeps a record as one string, ``<prefix>:<encoded subject>``; reads come from the primary only."""

    shared = True

    def __init__(
        self, connector: Connector, *, key_prefix: str = "gosession", wait_replicas: int = 0, wait_timeout: float = 0.1
    ) -> None:
        """Use `from_url` or `from_client`. An announced swap waits *wait_timeout* seconds for *wait_replicas*."""
        self.channel = f"{key_prefix}:changed"
        """Where swaps announce the encoded subject whose verdicts have changed."""
        self.announces = True
        """False once the server has refused an announcement: nobody can rely on hearing of changes."""
        self._connector = connector
        self._client = connector.client
        self._hurry = connector.hurry
        self._ask = connector.asks or self._ask_client
        self._prefix = f"{key_prefix}:"
        self._wait = ("WAIT", wait_replicas, round(wait_timeout * 1000))
        self._wait_replicas = wait_replicas

    @classmethod
    def from_url(cls, url: str, *, key_prefix: str = "gosession", wait_replicas: int = 0) -> RedisStore:
        """Open the store at a Redis URL; nothing is connected before the first use. Raises ConfigError."""
        return cls(connector_for(url), key_prefix=key_prefix, wait_replicas=wait_replicas)

    @classmethod
    def from_client(cls, client: Any, *, key_prefix: str = "gosession", wait_replicas: int = 0) -> RedisStore:
        """Use a ready client with its own timeouts and retries; `close` leaves it open. Raises ConfigError."""
        return cls(connector_of(client), key_prefix=key_prefix, wait_replicas=wait_replicas)

    def load(self, subject: str) -> Record | None:
        """Return the record of *subject*, or None: exactly one GET."""
        try:
            value = self._read("GET", self._prefix + encode_subject(subject))
        except ResponseError as error:
            if str(error).startswith("WRONGTYPE"):
                return CORRUPT
            raise StoreUnavailable from error
        except DRIVER_ERRORS as error:
            raise StoreUnavailable from error
        if value is None:
            return None
        return Record(value[8:], value[:8]) if len(value) >= 8 else CORRUPT

    def swap(
        self, subject: str, etag: bytes | None, new: Record | None, expires_at: float, *, announce: bool = False
    ) -> Swap:
        """Put or delete, if nobody else has written: one script. Raises StoreFull when Redis is out of memory."""
        spelling = encode_subject(subject)
        call = (
            *(1, self._prefix + spelling, etag or b"", b"" if new is None else new.etag + new.value),
            *(_milliseconds(expires_at), self.channel if announce else b"", spelling),
        )
        run = self._run_and_wait if announce and self._wait_replicas else self._run
        try:
            code, replicas = self._swap(run, call)
        except DRIVER_ERRORS as error:
            raise StoreUnavailable from error
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
            raise StoreUnavailable from error

    def purge(self, now: float, limit: int = 1000) -> int:  # noqa: ARG002
        """Return 0: Redis forgets by itself."""
        return 0

    def ping(self) -> None:
        """Return when Redis answers; raise StoreUnavailable otherwise."""
        try:
            self._read("PING")
        except DRIVER_ERRORS as error:
            raise StoreUnavailable from error

    def close(self) -> None:
        """Close the connections, unless the client was given ready."""
        self._connector.close()

    def _read(self, *command: str) -> Any:
        """Ask, and once more if the connection was dead; a timeout is not asked twice, it has cost enough."""
        with self._hurry:
            try:
                return self._ask(*command)
            except redis.ConnectionError:
                return self._ask(*command)

    def _ask_client(self, *command: str) -> Any:
        return self._client().execute_command(*command)

    def _swap(self, run: Callable[..., tuple[int, int]], call: tuple[Any, ...]) -> tuple[int, int]:
        with self._hurry:
            try:
                return _load_if_new(run, _SWAP, (*call, "0"))
            except OutOfMemoryError as full:
                return self._swap_when_full(run, call, full)

    def _swap_when_full(
        self, run: Callable[..., tuple[int, int]], call: tuple[Any, ...], full: OutOfMemoryError
    ) -> tuple[int, int]:
        """Let a record that does not grow be written all the same: a revocation must work on a full Redis."""
        try:
            outcome = _load_if_new(run, _SWAP_WHEN_FULL, (*call, "1"))
        except ResponseError:
            # Redis before 7 does not know the flag.
            raise StoreFull from full
        if outcome[0] == _GROWS:
            raise StoreFull from full
        return outcome

    def _run(self, *command: Any) -> tuple[int, int]:
        return self._client().execute_command(*command), 0

    def _run_and_wait(self, *command: Any) -> tuple[int, int]:
        """Run a script and WAIT on the same connection; the number of replicas is 0 where WAIT failed."""
        client = self._client()
        if hasattr(client, "get_node_from_key"):
            node = client.get_node_from_key(command[3])
            client = client.get_redis_connection(node)
        with client.pipeline(transaction=False) as pipe:
            pipe.execute_command(*command)
            pipe.execute_command(*self._wait)
            code, replicas = pipe.execute(raise_on_error=False)
        if isinstance(code, AskError):
            # The slot has moved: nothing was done there, and the cluster client knows where to go.
            return self._run(*command)
        if isinstance(code, Exception):
            raise code
        return code, replicas if isinstance(replicas, int) else 0

    def _report_unheard(self) -> None:
        if self.announces:
            log.error("Redis refuses to publish on %r: revocations are stored, but not announced", self.channel)
        self.announces = False


def _load_if_new(run: Callable[..., tuple[int, int]], script: _Script, call: tuple[Any, ...]) -> tuple[int, int]:
    try:
        return run("EVALSHA", script.sha, *call)
    except NoScriptError:
        return run("EVAL", script.text, *call)


def _milliseconds(seconds: float) -> int:
    """Return *seconds* as a time that Redis takes; never 0 or less, which it would refuse."""
    return max(1, int(min(seconds * 1000, _LAST_MILLISECOND)))


def _glob_escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in "*?[]^-\\" else char for char in text)
