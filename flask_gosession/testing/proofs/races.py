"""The proof that a store's swap is atomic: threads and processes racing for one record, by store and by manager."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

from flask_gosession import ids
from flask_gosession.errors import SessionEnded
from flask_gosession.events import Refreshed, RefreshForked, ReuseDetected
from flask_gosession.stores.base import Record, Store, Swap
from flask_gosession.testing.proofs.racing import Side, in_processes, in_threads, opened, patiently, soon

RACER = "racer"


class ThreadRaces:
    """Races of many threads on one store. A subclass gives a fixture ``store``, an empty store."""

    threads = 32
    increments = 640
    logins = 1000
    refreshes = 400

    def test_no_update_is_lost(self, store: Store) -> None:
        """A counter that all threads increment by load and swap counts every increment."""
        share = self.increments // self.threads
        in_threads(self.threads, lambda _: increment(store, "counter", share))
        assert stored_number(store, "counter") == share * self.threads

    def test_one_creator_wins(self, store: Store) -> None:
        """Of several who create the same record at the same time, exactly one succeeds, and its record is there."""
        for turn in range(10):
            offers = [Record(str(number).encode(), ids.new_etag()) for number in range(self.threads)]
            outcomes = _swap_all(store, str(turn), None, offers)
            assert Counter(outcomes) == {Swap.DONE: 1, Swap.LOST: self.threads - 1}
            assert store.load(str(turn)) == offers[outcomes.index(Swap.DONE)]

    def test_one_of_writers_and_deleters_wins(self, store: Store) -> None:
        """Of several who replace or delete the same record at the same time, exactly one succeeds."""
        for turn in range(10):
            first = Record(b"first", ids.new_etag())
            store.swap(str(turn), None, first, soon())
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

    def test_one_successor(self, store: Store) -> None:
        """Four hundred refreshes of one token at once leave one successor, and are no theft. REF-01."""
        side, share = Side(store), -(-self.refreshes // self.threads)
        token = side.manager.login(RACER).refresh_token or ""
        found = in_threads(self.threads, lambda _: refresh(side, token, share))
        assert side.kinds(RACER)[0] == "LoggedIn"
        assert [event for event in side.told if isinstance(event, (ReuseDetected, RefreshForked))] == []
        rotated = [event for event in side.told if isinstance(event, Refreshed) and not event.parent_again]
        assert len(rotated) == 1
        _assert_one_successor(side, [pair for pairs in found for pair in pairs])

    def _race_of_logins(self, store: Store, limit: int) -> None:
        share = -(-self.logins // self.threads)
        tokens = in_threads(self.threads, lambda _: log_in(Side(store, limit=limit), share))
        _assert_live(Side(store, limit=limit), [token for each in tokens for token in each], limit)


class ProcessRaces:
    """Races of processes. A subclass gives the fixtures ``store_url`` and ``key_prefix`` of an empty store."""

    processes = 4
    increments = 200
    logins = 1000
    refreshes = 400
    rounds = 50

    def test_no_update_is_lost(self, store_url: str, key_prefix: str) -> None:
        """A counter that all processes increment by load and swap counts every increment."""
        share = self.increments // self.processes
        in_processes([partial(_increment_at, store_url, key_prefix, share)] * self.processes)
        with opened(store_url, key_prefix) as store:
            assert stored_number(store, "counter") == share * self.processes

    def test_single_login(self, store_url: str, key_prefix: str) -> None:
        """A thousand logins of several processes where one is allowed leave exactly one live session. REV-02."""
        self._race_of_logins(store_url, key_prefix, limit=1)

    def test_limit_of_five(self, store_url: str, key_prefix: str) -> None:
        """A thousand logins of several processes where five are allowed leave exactly five live sessions. REV-02."""
        self._race_of_logins(store_url, key_prefix, limit=5)

    def test_one_successor(self, store_url: str, key_prefix: str) -> None:
        """Four hundred refreshes of one token by several processes leave one successor. REF-01."""
        with opened(store_url, key_prefix) as store:
            side = Side(store)
            token = side.manager.login(RACER).refresh_token or ""
            share = self.refreshes // self.processes
            found = in_processes([partial(_refresh_at, store_url, key_prefix, token, share)] * self.processes)
            _assert_one_successor(side, [pair for pairs in found for pair in pairs])

    def test_logout_and_refresh(self, store_url: str, key_prefix: str) -> None:
        """Of sessions that one process ends while another refreshes them, none is live afterwards. REV-12."""
        with opened(store_url, key_prefix) as store:
            side = Side(store)
            pairs = [side.manager.login(str(number)) for number in range(self.rounds)]
            leaving = partial(_log_out_at, store_url, key_prefix, [pair.access_token for pair in pairs])
            going_on = partial(_refresh_each_at, store_url, key_prefix, [pair.refresh_token or "" for pair in pairs])
            ended, refreshed = in_processes([leaving, going_on])
            assert ended == [pair.access_token for pair in pairs]
            assert {side.refusal(token) for token in (*ended, *refreshed)} == {"session_ended"}
            assert [side.manager.sessions(str(number)) for number in range(self.rounds)] == [[]] * self.rounds

    def _race_of_logins(self, store_url: str, key_prefix: str, limit: int) -> None:
        share = self.logins // self.processes
        tokens = in_processes([partial(_log_in_at, store_url, key_prefix, share, limit)] * self.processes)
        with opened(store_url, key_prefix) as store:
            _assert_live(Side(store, limit=limit), [token for each in tokens for token in each], limit)


def increment(store: Store, subject: str, times: int) -> None:
    """Add *times* to the number stored for *subject*, one at a time, each until it is done."""
    for _ in range(times):
        while not _increment_once(store, subject):
            pass


def stored_number(store: Store, subject: str) -> int:
    """Return the number stored for *subject*."""
    stored = store.load(subject)
    return int(stored.value) if stored else 0


def log_in(side: Side, times: int) -> list[str]:
    """Log the one racer in *times* times and return the access tokens."""
    return [patiently(lambda: side.manager.login(RACER)).access_token for _ in range(times)]


def refresh(side: Side, token: str, times: int) -> list[tuple[str, str]]:
    """Refresh the same token *times* times and return the pairs."""
    pairs = [patiently(lambda: side.manager.refresh(token)) for _ in range(times)]
    return [(pair.access_token, pair.refresh_token or "") for pair in pairs]


def _increment_once(store: Store, subject: str) -> bool:
    seen = store.load(subject)
    number = int(seen.value) if seen else 0
    new = Record(str(number + 1).encode(), ids.new_etag())
    return store.swap(subject, seen.etag if seen else None, new, soon()) is not Swap.LOST


def _swap_all(store: Store, subject: str, etag: bytes | None, offers: Sequence[Record | None]) -> list[Swap]:
    """Swap in every offer at the same time and return the outcomes in their order."""
    return in_threads(len(offers), lambda number: store.swap(subject, etag, offers[number], soon()))


def _assert_live(side: Side, tokens: list[str], limit: int) -> None:
    """Assert that *limit* sessions are listed, and that as many of the tokens are accepted."""
    accepted = sum(side.refusal(token) is None for token in tokens)
    assert (len(side.manager.sessions(RACER)), accepted) == (limit, limit)


def _assert_one_successor(side: Side, pairs: list[tuple[str, str]]) -> None:
    """Assert that all pairs are the same successor, by their ids, and that it is in force."""
    successors = {tuple(side.manager.claims(token).jti for token in pair) for pair in pairs}
    generations = {side.manager.claims(token).gen for pair in pairs for token in pair}
    assert (len(successors), generations) == (1, {1})
    assert side.refusal(pairs[0][0]) is None
    assert side.manager.refresh(pairs[0][1])


def _increment_at(url: str, key_prefix: str, times: int) -> None:
    with opened(url, key_prefix) as store:
        increment(store, "counter", times)


def _log_in_at(url: str, key_prefix: str, times: int, limit: int) -> list[str]:
    with opened(url, key_prefix) as store:
        return log_in(Side(store, limit=limit), times)


def _refresh_at(url: str, key_prefix: str, token: str, times: int) -> list[tuple[str, str]]:
    with opened(url, key_prefix) as store:
        return refresh(Side(store), token, times)


def _refresh_each_at(url: str, key_prefix: str, tokens: list[str]) -> list[str]:
    """Refresh each token that still can be; return the new access tokens."""
    with opened(url, key_prefix) as store:
        side = Side(store)
        outcomes = [_refreshed(side, token) for token in tokens]
        return [token for token in outcomes if token is not None]


def _refreshed(side: Side, token: str) -> str | None:
    try:
        return patiently(lambda: side.manager.refresh(token)).access_token
    except SessionEnded:
        return None


def _log_out_at(url: str, key_prefix: str, tokens: list[str]) -> list[str]:
    """Log out with each token; return those whose session was ended by it."""
    with opened(url, key_prefix) as store:
        side = Side(store)
        return [token for token in tokens if patiently(partial(side.manager.logout, token)).count == 1]
