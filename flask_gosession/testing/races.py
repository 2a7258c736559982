"""The proof that a store's swap is atomic: threads and processes racing for one record, by store and by manager."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

from flask_gosession import ids
from flask_gosession.errors import AuthError, StoreConflict
from flask_gosession.manager import SessionManager
from flask_gosession.session.policy import Policy
from flask_gosession.stores.base import Record, Store, Swap
from flask_gosession.stores.registry import open_store
from flask_gosession.tokens.opaque import OpaqueCodec

T = TypeVar("T")


class ThreadRaces:
    """Races of many threads on one store. A subclass gives a fixture ``store``, an empty store."""

    threads = 32
    increments = 640
    logins = 1000

    def test_no_update_is_lost(self, store: Store) -> None:
        """A counter that all threads increment by load and swap counts every increment."""
        share = self.increments // self.threads
        _in_threads(self.threads, lambda _: increment(store, "counter", share))
        assert stored_number(store, "counter") == share * self.threads

    def test_one_creator_wins(self, store: Store) -> None:
        """Of those who create the same record at the same time, one is told that it did, and its record is there."""
        for turn in range(10):
            offers = [Record(str(number).encode(), ids.new_etag()) for number in range(self.threads)]
            outcomes = _swap_all(store, str(turn), None, offers)
            assert Counter(outcomes) == {Swap.DONE: 1, Swap.LOST: self.threads - 1}
            assert store.load(str(turn)) == offers[outcomes.index(Swap.DONE)]

    def test_one_of_writers_and_deleters_wins(self, store: Store) -> None:
        """Of those who replace or delete the same record at the same time, one is told that it did."""
        for turn in range(10):
            first = Record(b"first", ids.new_etag())
            store.swap(str(turn), None, first, _soon())
            offers = [Record(b"x", ids.new_etag()) if n % 2 else None for n in range(self.threads)]
            outcomes = _swap_all(store, str(turn), first.etag, offers)
            assert Counter(outcomes) == {Swap.DONE: 1, Swap.LOST: self.threads - 1}
            assert store.load(str(turn)) == offers[outcomes.index(Swap.DONE)]

    def test_single_login(self, store: Store) -> None:
        """A thousand logins at once where one is allowed leave exactly one live session. REV-02."""
        self._race_of_logins(store, limit=1)

    def test_limit_of_five(self, store: Store) -> None:
        """A thousand logins at once where five are allowed leave exactly five live sessions. REV-02."""
        self._race_of_logins(store, limit=5)

    def _race_of_logins(self, store: Store, limit: int) -> None:
        key = secrets.token_bytes(32)
        share = self.logins // self.threads + 1
        tokens = _in_threads(self.threads, lambda _: log_in(store, key, share, limit))
        _assert_live(store, key, [token for each in tokens for token in each], limit)


class ProcessRaces:
    """Races of processes. A subclass gives the fixtures ``store_url`` and ``key_prefix`` of an empty store."""

    processes = 4
    increments = 200
    logins = 1000

    def test_no_update_is_lost(self, store_url: str, key_prefix: str) -> None:
        """A counter that all processes increment by load and swap counts every increment."""
        share = self.increments // self.processes
        _in_processes(self.processes, _increment_at, store_url, key_prefix, "counter", share)
        with _opened(store_url, key_prefix) as store:
            assert stored_number(store, "counter") == share * self.processes

    def test_single_login(self, store_url: str, key_prefix: str) -> None:
        """A thousand logins of several processes where one is allowed leave exactly one live session. REV-02."""
        self._race_of_logins(store_url, key_prefix, limit=1)

    def test_limit_of_five(self, store_url: str, key_prefix: str) -> None:
        """A thousand logins of several processes where five are allowed leave exactly five live sessions. REV-02."""
        self._race_of_logins(store_url, key_prefix, limit=5)

    def _race_of_logins(self, store_url: str, key_prefix: str, limit: int) -> None:
        key = secrets.token_bytes(32)
        share = self.logins // self.processes
        tokens = _in_processes(self.processes, _log_in_at, store_url, key_prefix, key, share, limit)
        with _opened(store_url, key_prefix) as store:
            _assert_live(store, key, [token for each in tokens for token in each], limit)


def increment(store: Store, subject: str, times: int) -> None:
    """Add *times* to the number stored for *subject*, one at a time, each until it is done."""
    for _ in range(times):
        while not _increment_once(store, subject):
            pass


def stored_number(store: Store, subject: str) -> int:
    """Return the number stored for *subject*."""
    stored = store.load(subject)
    return int(stored.value) if stored else 0


def log_in(store: Store, key: bytes, times: int, limit: int) -> list[str]:
    """Log the one racer in *times* times and return the tokens; who is told of a conflict tries again."""
    manager = _manager(store, key, limit)
    return [_log_in_once(manager) for _ in range(times)]


def _increment_once(store: Store, subject: str) -> bool:
    seen = store.load(subject)
    number = int(seen.value) if seen else 0
    new = Record(str(number + 1).encode(), ids.new_etag())
    return store.swap(subject, seen.etag if seen else None, new, _soon()) is not Swap.LOST


def _log_in_once(manager: SessionManager) -> str:
    while (token := _log_in_unless_overtaken(manager)) is None:
        pass
    return token


def _log_in_unless_overtaken(manager: SessionManager) -> str | None:
    try:
        return manager.login("racer").access_token
    except StoreConflict:
        return None


def _swap_all(store: Store, subject: str, etag: bytes | None, offers: Sequence[Record | None]) -> list[Swap]:
    """Swap in every offer at the same time and return the outcomes in their order."""
    return _in_threads(len(offers), lambda number: store.swap(subject, etag, offers[number], _soon()))


def _assert_live(store: Store, key: bytes, tokens: list[str], limit: int) -> None:
    """Assert that *limit* sessions are listed, and that as many of the tokens are accepted."""
    manager = _manager(store, key, limit)
    accepted = sum(_is_accepted(manager, token) for token in tokens)
    assert (len(manager.sessions("racer")), accepted) == (limit, limit)


def _is_accepted(manager: SessionManager, token: str) -> bool:
    try:
        manager.check(token)
    except AuthError:
        return False
    return True


def _manager(store: Store, key: bytes, limit: int) -> SessionManager:
    return SessionManager(store, OpaqueCodec(key), Policy(session_limit=limit))


def _increment_at(url: str, key_prefix: str, subject: str, times: int) -> None:
    with _opened(url, key_prefix) as store:
        increment(store, subject, times)


def _log_in_at(url: str, key_prefix: str, key: bytes, times: int, limit: int) -> list[str]:
    with _opened(url, key_prefix) as store:
        return log_in(store, key, times, limit)


@contextmanager
def _opened(url: str, key_prefix: str) -> Iterator[Store]:
    store = open_store(url, key_prefix=key_prefix)
    try:
        yield store
    finally:
        store.close()


def _in_threads(count: int, work: Callable[[int], T]) -> list[T]:
    start = threading.Barrier(count)

    def begin(number: int) -> T:
        start.wait(30)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return _results(pool.submit(begin, number) for number in range(count))


def _in_processes(count: int, work: Callable[..., T], *arguments: object) -> list[T]:
    # A fork would copy the locks of whatever threads are running here.
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        return _results(pool.submit(work, *arguments) for _ in range(count))


def _results(futures: Iterable[Future[T]]) -> list[T]:
    return [future.result() for future in list(futures)]


def _soon() -> float:
    return time.time() + 3600
