"""What races are made of: threads and processes that begin together, and managers over one store.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from typing import Any, TypeVar

from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.user_cache import Loader
from flask_gosession.errors import AuthError, StoreConflict
from flask_gosession.events import Event
from flask_gosession.session.policy import Policy
from flask_gosession.stores.base import Store
from flask_gosession.stores.registry import open_store
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring

T = TypeVar("T")

SECRET = hashlib.sha256(b"signs what lives for one test, in all its processes").hexdigest()


class Side:
    """A session manager as one of several processes has it, and what it has told."""

    def __init__(self, store: Store, *, limit: int = 50, loader: Loader | None = None) -> None:
        self.told: list[Event] = []
        codec = JWTCodec(Keyring.from_secret(SECRET))
        policy = Policy(session_limit=limit)
        self.manager: SessionManager = SessionManager(store, codec, policy, user_loader=loader, emit=self.told.append)

    def kinds(self, subject: str) -> list[str]:
        """Return the kinds of events that were told of *subject*, in alphabetical order."""
        return sorted(type(event).__name__ for event in self.told if event.subject == subject)

    def refusal(self, token: str) -> str | None:
        """Return the ``error`` by which an access token is refused, or None when it is accepted."""
        try:
            self.manager.check(token)
        except AuthError as error:
            return error.error
        return None


def patiently(work: Callable[[], T]) -> T:
    """Return what *work* does once the others let it: a conflict is an answer to try again."""
    while True:
        with suppress(StoreConflict):
            return work()


def together(*works: Callable[[], Any]) -> list[Any]:
    """Do all at the same time; return the results in their order, and refusals as values among them."""

    def outcome(number: int) -> Any:
        try:
            return patiently(works[number])
        except AuthError as refusal:
            return refusal

    return in_threads(len(works), outcome)


def in_threads(count: int, work: Callable[[int], T]) -> list[T]:
    """Let *count* threads begin *work* at the same time, each with its number; return the results in their order."""
    start = threading.Barrier(count)

    def begin(number: int) -> T:
        start.wait(30)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return _results(pool.submit(begin, number) for number in range(count))


def in_processes(works: Sequence[Callable[[], T]]) -> list[T]:
    """Do each of *works*, which can be pickled, in a process of its own; return the results in their order."""
    with ProcessPoolExecutor(len(works), mp_context=_context()) as pool:
        return _results(pool.submit(work) for work in works)


@contextmanager
def opened(url: str, key_prefix: str) -> Iterator[Store]:
    """Open the store at *url* until the block ends."""
    store = open_store(url, key_prefix=key_prefix)
    try:
        yield store
    finally:
        store.close()


def soon() -> float:
    """Return an end that lies an hour ahead."""
    return time.time() + 3600


def _context() -> BaseContext:
    """Return how to start processes: never by a fork of this one, which would copy the locks of its threads."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(["flask_gosession.testing.proofs.races"])
    return context


def _results(futures: Iterable[Future[T]]) -> list[T]:
    return [future.result() for future in list(futures)]
