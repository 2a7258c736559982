"""An older worker beside a newer one over one store: nothing that the newer wrote is lost, nothing is spoilt."""

from __future__ import annotations

import logging

import msgspec
import pytest

from flask_gosession import AuthError, SessionManager, StoreError
from flask_gosession.ids import new_etag
from flask_gosession.session.record import MAJOR, Session, SubjectRecord, Tombstone
from flask_gosession.stores.base import Record

SESSIONS, ENDED, BAN, USER, ACT = 3, 4, 5, 6, 20
EXTRA = {"session": "newer field", "ended": [1, {"deep": b"\x00"}], "record": {"a": None}, "actor": 7, "ban": True}


def fill(part, kind):
    """Write the defaults out that a shorter form leaves to the reader."""
    missing = len(kind.__struct_fields__) - len(part)
    part.extend(kind.__struct_defaults__[-missing:] if missing else ())


class NewerWorker:
    """Writes records as a version of tomorrow does: with more fields at the end of each part."""

    def __init__(self, store):
        self.store = store

    def load(self, subject="ada"):
        return msgspec.msgpack.decode(self.store.load(subject).value)

    def change(self, how, subject="ada"):
        stored = self.store.load(subject)
        plain = msgspec.msgpack.decode(stored.value)
        how(plain)
        self.store.swap(subject, stored.etag, Record(msgspec.msgpack.encode(plain), new_etag()), 1e11)

    def append(self, subject="ada"):
        """Add a field to every part that there is, behind all that are known."""

        def more(plain):
            fill(plain, SubjectRecord)
            for session in plain[SESSIONS]:
                fill(session, Session)
                session.append([EXTRA["session"], session[0]])
                if session[ACT]:
                    session[ACT].append(EXTRA["actor"])
            for stone in plain[ENDED]:
                fill(stone, Tombstone)
                stone.append(EXTRA["ended"])
            if plain[BAN]:
                plain[BAN].append(EXTRA["ban"])
            plain.append(EXTRA["record"])

        self.change(more, subject)

    def set_major(self, major):
        def renamed(plain):
            plain[0] = major

        self.change(renamed)


@pytest.fixture
def site(make_any_site):
    return make_any_site(loader=lambda subject: {"name": subject})


@pytest.fixture
def newer(site):
    return NewerWorker(site.store.store)


WRITES = {
    "a touch": lambda site, pair: (site.clock.advance(120), site.get(pair["access_token"])),
    "a login": lambda site, pair: site.login(client="tv"),
    "a refresh": lambda site, pair: site.refresh(pair),
    "an eviction": lambda site, pair: site.login(client="ios", limit=2),
    "a logout of another": lambda site, pair: site.manager.revoke("ada", site.manager.sessions("ada")[-1].sid),
    "session data": lambda site, pair: site.manager.save_data(
        site.manager.authenticate(pair["access_token"]), {"a": [1]}
    ),
    "user info": lambda site, pair: site.manager.users.forget("ada"),
    "a confirmed login": lambda site, pair: (
        site.clock.advance(5),
        site.manager.confirm(site.manager.authenticate(pair["access_token"])),
    ),
    "an extension": lambda site, pair: (site.clock.advance(5), site.manager.extend(pair["access_token"])),
}


@pytest.mark.parametrize("name", WRITES)
def test_newer_fields_survive_every_write_of_an_older_worker(site, newer, name):
    """Whatever the older worker writes, each part keeps the fields that only the newer one knows."""
    gone, old, pair = site.login(), site.login(), site.login(client="web")
    site.send("POST", "/auth/logout", gone["access_token"])
    newer.append()
    width = len(newer.load()[SESSIONS][0])
    before = newer.load()
    WRITES[name](site, pair)
    after = newer.load()
    assert after != before
    assert after[-1] == EXTRA["record"]
    known = {session[0] for session in before[SESSIONS]}
    for session in after[SESSIONS]:
        if session[0] in known:
            assert session[-1] == [EXTRA["session"], session[0]]
            assert len(session) == width
    first = {stone[0]: stone for stone in after[ENDED]}[before[ENDED][0][0]]
    assert first[-1] == EXTRA["ended"]
    assert old["access_token"] != pair["access_token"]


def test_newer_fields_of_an_actor_and_a_ban_survive(site, newer):
    """The small parts inside keep theirs, too."""
    admin = site.manager.authenticate(site.login("root")["access_token"])
    site.manager.impersonate(admin, "ada")
    newer.append()
    site.login()
    session = next(session for session in newer.load()[SESSIONS] if session[ACT])
    assert session[ACT][-1] == EXTRA["actor"]
    site.manager.ban("ada", until=site.clock() + 1000)
    newer.append()
    site.manager.users.forget("ada")
    assert newer.load()[BAN][-1] == EXTRA["ban"]


def test_an_older_worker_reads_what_the_newer_one_wrote(site, newer):
    """More fields at the end change nothing about what is known."""
    pair = site.login()
    newer.append()
    assert site.get(pair["access_token"]).json["sub"] == "ada"
    assert site.refresh(pair).status_code == 200


def test_a_newer_worker_reads_what_an_older_one_wrote(site, newer):
    """Fields that are not there yet have their defaults: a record cut to its required fields is a session."""
    pair = site.login()
    required = 10

    def cut(plain):
        plain[SESSIONS] = [session[:required] for session in plain[SESSIONS]]
        del plain[SESSIONS + 1 :]

    newer.change(cut)
    assert site.get(pair["access_token"]).json["client"] == "web"
    assert site.send("POST", "/auth/logout", pair["access_token"]).status_code == 204


MAJOR_WRITES = {
    "login": lambda manager, token: manager.login("ada"),
    "logout": lambda manager, token: manager.logout(token),
    "ban": lambda manager, token: manager.ban("ada", until=manager.clock() + 100),
    "forget": lambda manager, token: manager.users.forget("ada"),
}


@pytest.mark.parametrize("name", MAJOR_WRITES)
def test_a_newer_major_version_is_never_written(site, newer, name):
    """A record whose meaning may have changed is left alone: 503, and not a byte of it differs."""
    token = site.login()["access_token"]
    newer.set_major(MAJOR + 1)
    before = site.store.store.load("ada")
    with pytest.raises(StoreError) as refused:
        MAJOR_WRITES[name](site.manager, token)
    assert refused.value.code == 503
    assert site.store.store.load("ada") == before


def test_a_newer_major_version_is_readable(site, newer, caplog):
    """Its sessions go on; their use goes unnoted, with a warning; a login is 503 with Retry-After."""
    pair = site.login()
    site.get(pair["access_token"])
    newer.set_major(MAJOR + 1)
    site.clock.advance(120)
    with caplog.at_level(logging.WARNING, "flask_gosession"):
        assert site.get(pair["access_token"]).status_code == 200
    assert "could not be noted" in caplog.text
    answer = site.browser().login()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_a_newer_major_version_that_cannot_be_read_is_not_destroyed(site, newer):
    """Where even reading fails, the record is somebody's, not corrupt: 503, and no login replaces it."""
    pair = site.login()

    def changed(plain):
        plain[0] = MAJOR + 1
        plain[SESSIONS] = {"sessions": "are a map now"}

    newer.change(changed)
    before = site.store.store.load("ada")
    assert site.get(pair["access_token"]).status_code == 503
    assert site.browser().login().status_code == 503
    assert site.store.store.load("ada") == before


def test_two_workers_take_turns(site, newer):
    """An older and a newer worker write by turns, and both find what the other left."""
    other = SessionManager(site.store.store, site.manager.codec, clock=site.clock)
    pair = site.login()
    for number in range(4):
        newer.append()
        site.login(client=f"tv {number}")
        other.save_data(other.authenticate(pair["access_token"]), {f"key {number}": number})
    assert len(newer.load()[SESSIONS]) == 5
    assert other.check(pair["access_token"]).data == {f"key {number}": number for number in range(4)}
    other.revoke_all("ada")
    with pytest.raises(AuthError):
        other.check(pair["access_token"])
