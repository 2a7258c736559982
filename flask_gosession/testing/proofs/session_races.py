"""The proof that what happens to a session at the same time happens in some order, and that no end is undone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask_gosession.errors import Banned, SessionEnded, TokenRotated
from flask_gosession.stores.base import Store
from flask_gosession.testing.proofs.racing import Side, together
from flask_gosession.tokens.types import TokenPair


class SessionRaces:
    """Duels, one subject a round. A subclass gives a fixture ``store``, an empty store."""

    rounds = 50

    def test_logout_and_refresh(self, store: Store) -> None:
        """A session that is ended while it is refreshed is over, with its successor. REV-12."""
        self._race(store, log_out_and_refresh)

    def test_logout_and_first_use(self, store: Store) -> None:
        """A session that is ended while its use is noted stays ended: a touch brings nothing back. REV-12."""
        self._race(store, log_out_and_use)

    def test_revoke_all_and_login(self, store: Store) -> None:
        """A login beside a revocation of all came before it and is over, or is refused, or came later. REV-02."""
        self._race(store, revoke_all_and_log_in)

    def test_ban_and_login(self, store: Store) -> None:
        """A login beside a ban came before it and is over, or is refused; nothing comes back with its end. REV-02."""
        self._race(store, ban_and_log_in)

    def test_data_and_logout(self, store: Store) -> None:
        """Data that is saved while its session ends is dropped or goes with it; another session is left alone."""
        self._race(store, save_and_log_out)

    def test_data_of_many(self, store: Store) -> None:
        """What several write under different keys is all there, though another session ends meanwhile."""
        self._race(store, save_by_many)

    def test_refresh_and_next_refresh(self, store: Store) -> None:
        """A token refreshed while its successor is, too, is answered or told of a newer one: no theft. REF-03."""
        self._race(store, refresh_parent_and_successor)

    def test_fill_and_forget(self, store: Store) -> None:
        """A loader that is asked while its answer changes never puts the old one back."""
        names: dict[str, str] = {}
        slow, quick = (Side(store, loader=lambda subject: {"name": names[subject]}) for _ in range(2))
        for subject in map(str, range(self.rounds)):
            names[subject] = "old"
            together(partial(slow.manager.users.load, subject), partial(_rename, names, subject, quick))
            assert [side.manager.users.load(subject) for side in (slow, quick)] == [{"name": "new"}] * 2

    def _race(self, store: Store, duel: Callable[[Side, str], None]) -> None:
        side = Side(store)
        for number in range(self.rounds):
            duel(side, str(number))


def log_out_and_refresh(side: Side, subject: str) -> None:
    """Leave nothing that is live; the events say what was answered."""
    manager, old = side.manager, side.manager.login(subject)
    left, new = together(lambda: manager.logout(old.access_token), lambda: manager.refresh(old.refresh_token or ""))
    assert left.count == 1
    assert isinstance(new, (TokenPair, SessionEnded))
    pairs = [pair for pair in (old, new) if isinstance(pair, TokenPair)]
    assert {side.refusal(pair.access_token) for pair in pairs} == {"session_ended"}
    assert manager.sessions(subject) == []
    assert side.kinds(subject) == ["LoggedIn", "LoggedOut", *["Refreshed"] * (len(pairs) - 1)]


def log_out_and_use(side: Side, subject: str) -> None:
    """Leave nothing that is live."""
    manager = side.manager
    pair = manager.refresh(manager.login(subject).refresh_token or "")
    together(lambda: manager.check(pair.access_token), lambda: manager.logout(pair.access_token))
    assert side.refusal(pair.access_token) == "session_ended"
    assert manager.sessions(subject) == []


def revoke_all_and_log_in(side: Side, subject: str) -> None:
    """Find the login among those that were ended, refused for its age, or live if it began afterwards. LIF-05."""
    manager, first = side.manager, side.manager.login(subject)
    revoked, second = together(lambda: manager.revoke_all(subject), lambda: manager.login(subject))
    assert isinstance(second, (TokenPair, SessionEnded))
    pairs = [pair for pair in (first, second) if isinstance(pair, TokenPair)]
    live = [pair for pair in pairs if side.refusal(pair.access_token) is None]
    assert first not in live
    assert revoked.count == len(pairs) - len(live)
    assert [session.sid for session in manager.sessions(subject)] == [pair.sid for pair in live]
    mark = manager.not_before_of(subject)
    assert mark is not None
    assert all(session.authenticated >= mark.at for session in manager.sessions(subject))
    assert side.kinds(subject) == ["LoggedIn"] * len(pairs) + ["NotBeforeSet"] + ["Revoked"] * revoked.count


def ban_and_log_in(side: Side, subject: str) -> None:
    """Find the login among those that the ban has ended, or refused."""
    manager, first = side.manager, side.manager.login(subject)
    until = manager.clock() + 3600
    banned, second = together(lambda: manager.ban(subject, until=until), lambda: manager.login(subject))
    assert isinstance(second, (TokenPair, Banned))
    pairs = [pair for pair in (first, second) if isinstance(pair, TokenPair)]
    assert banned.count == len(pairs)
    assert {side.refusal(pair.access_token) for pair in pairs} == {"banned"}
    assert manager.lift_ban(subject)
    assert manager.sessions(subject) == []


def save_and_log_out(side: Side, subject: str) -> None:
    """End the session and leave its neighbour alone; whoever saves too late learns of it."""
    manager = side.manager
    leaving, staying = manager.login(subject), manager.login(subject)
    checked = manager.authenticate(leaving.access_token)
    saved, left = together(
        lambda: manager.save_data(checked, {"note": "x"}), lambda: manager.logout(leaving.access_token)
    )
    assert left.count == 1
    assert side.refusal(leaving.access_token) == "session_ended"
    assert [session.sid for session in manager.sessions(subject)] == [staying.sid]
    assert side.kinds(subject).count("DataDropped") == (not saved)


def save_by_many(side: Side, subject: str) -> None:
    """Keep all keys, and let the neighbour be gone."""
    manager = side.manager
    writing, leaving = manager.login(subject), manager.login(subject)
    checked = manager.authenticate(writing.access_token)
    everything = {str(number): True for number in range(4)}
    writers = [partial(manager.save_data, checked, {key: True}) for key in everything]
    *saved, left = together(*writers, lambda: manager.logout(leaving.access_token))
    assert (saved, left.count) == ([True] * 4, 1)
    assert [session.data for session in manager.sessions(subject)] == [everything]


def refresh_parent_and_successor(side: Side, subject: str) -> None:
    """Answer the successor in any case, and take nobody for a thief."""
    manager, first = side.manager, side.manager.login(subject)
    second = manager.refresh(first.refresh_token or "")
    parent, successor = together(
        lambda: manager.refresh(first.refresh_token or ""), lambda: manager.refresh(second.refresh_token or "")
    )
    assert isinstance(parent, (TokenPair, TokenRotated))
    assert side.refusal(successor.access_token) is None
    assert "ReuseDetected" not in side.kinds(subject)


def _rename(names: dict[str, str], subject: str, side: Side) -> None:
    names[subject] = "new"
    side.manager.users.forget(subject)
