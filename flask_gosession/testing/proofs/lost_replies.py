"""The proof that a lost reply has no second effect: each operation of the manager, with each of its calls lost once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from flask_gosession.errors import StoreUnavailable
from flask_gosession.session.record import SubjectRecord
from flask_gosession.stores.base import Store
from flask_gosession.testing.faulty import FaultyStore
from flask_gosession.testing.proofs.racing import Side
from flask_gosession.tokens.types import TokenPair


class Scene(NamedTuple):
    """A subject with two sessions, one of which was just refreshed, and who may do something with them."""

    side: Side
    subject: str
    pair: TokenPair

    def picture(self) -> tuple[Any, ...]:
        """Return what is stored about the subject, without the ids and times that chance and the clock have made."""
        record: SubjectRecord = self.side.manager.records.read(self.subject).record
        sessions = [(s.gen, s.used_at is None, s.client, s.data) for s in record.sessions]
        return sessions, [stone.reason for stone in record.ended], record.ban is None, record.user is None


OPERATIONS: Mapping[str, Callable[[Scene], object]] = {
    "login": lambda it: it.side.manager.login(it.subject, client="new"),
    "check": lambda it: it.side.manager.check(it.pair.access_token),
    "refresh": lambda it: it.side.manager.refresh(it.pair.refresh_token or ""),
    "extend": lambda it: it.side.manager.extend(it.pair.access_token),
    "confirm": lambda it: it.side.manager.confirm(it.side.manager.authenticate(it.pair.access_token)),
    "logout": lambda it: it.side.manager.logout(it.pair.access_token).count,
    "revoke": lambda it: it.side.manager.revoke(it.subject, it.pair.sid, "kicked").count,
    "revoke_all": lambda it: it.side.manager.revoke_all(it.subject).count,
    "revoke_others": lambda it: it.side.manager.revoke_all(it.subject, but=it.pair.sid).count,
    "ban": lambda it: it.side.manager.ban(it.subject, until=it.side.manager.clock() + 3600).count,
    "save_data": lambda it: it.side.manager.save_data(
        it.side.manager.authenticate(it.pair.access_token), {"note": it.subject[:0]}
    ),
    "load user": lambda it: it.side.manager.users.load(it.subject)["name"],
    "forget user": lambda it: it.side.manager.users.forget(it.subject),
}


class LostReplies:
    """A subclass gives a fixture ``store``, an empty store."""

    def test_lost_swaps(self, store: Store) -> None:
        """Each swap of each operation loses its reply once: the outcome, the record and the events stay the same."""
        for name, operation in OPERATIONS.items():
            expected = _outcome(_scene(store, name), operation)
            faulty = FaultyStore(store)
            scene = _scene(faulty, f"{name}, with lost replies")
            faulty.lose_reply()
            assert _outcome(scene, operation) == expected, name

    def test_lost_loads(self, store: Store) -> None:
        """Each load of each operation is lost once: it fails or is done, and done again it has one effect."""
        for name, operation in OPERATIONS.items():
            expected = _outcome(_scene(store, name), operation)
            faulty = FaultyStore(store)
            scene = _scene(faulty, f"{name}, without a load")
            before = scene.picture()
            faulty.fail("load")
            told = len(scene.side.told)
            try:
                operation(scene)
            except StoreUnavailable:
                assert (scene.picture(), len(scene.side.told)) == (before, told), name
                assert _outcome(scene, operation) == expected, name

    def test_lost_swap_and_look_up(self, store: Store) -> None:
        """Where the look-up is lost, too, the caller hears of it, tries again, and nothing has happened twice."""
        for name, operation in OPERATIONS.items():
            expected = _scene(store, name)
            operation(expected)
            faulty = FaultyStore(store)
            scene = _scene(faulty, f"{name}, without an answer")
            faulty.lose_reply()
            faulty.before_swap(partial(faulty.fail, "load"))
            with suppress(StoreUnavailable):
                operation(scene)
            faulty.mend()
            operation(scene)
            assert _live(scene) == _live(expected) + (name == "login"), name


def _scene(store: Store, subject: str) -> Scene:
    side = Side(store, loader=lambda _subject: {"name": "somebody"})
    side.manager.login(subject, client="other")
    pair = side.manager.refresh(side.manager.login(subject).refresh_token or "")
    side.manager.check(pair.access_token)
    pair = side.manager.refresh(pair.refresh_token or "")
    return Scene(side, subject, pair)


def _outcome(scene: Scene, operation: Callable[[Scene], object]) -> tuple[object, ...]:
    """Return everything that can be seen of an operation: its result, what is stored, and what was told."""
    seen = len(scene.side.told)
    result = operation(scene)
    told = sorted(type(event).__name__ for event in scene.side.told[seen:])
    return type(result) if hasattr(result, "sid") else result, scene.picture(), told


def _live(scene: Scene) -> int:
    return len(scene.side.manager.sessions(scene.subject))
