"""Guests whose session is a record of its own: the browser holds a token, and cannot read what is kept."""

from __future__ import annotations

import json
import threading

import pytest
from flask import session
from gevents import needs_gevent, run_script
from sites import make_app, open_site

from flask_gosession import ConfigError
from flask_gosession.adapters.session import RecordSessionInterface
from flask_gosession.cli import gosession as commands

from .conftest import COOKIES, act, add_views


@pytest.fixture
def site(make, guest_store):
    return make(interface={"guests": "record", "guest_store": guest_store, "guest_lifetime": "1h"})


def guests(store):
    return list(store.subjects())


@pytest.fixture
def make_small(make, guest_store):
    """Return what makes a site with room for so many guests."""
    return lambda limit, **config: make(
        interface={"guests": "record", "guest_store": guest_store, "guest_limit": limit}, **config
    )


def live(site):
    """Return how many guests are kept."""
    with site.app.app_context():
        return site.app.session_interface.guest_records(site.app).stats().live


def new_guest(site):
    browser = site.browser()
    browser.post("/set", json={"a": 1})
    return browser


def keys_of(browser):
    return browser.get("/keys").json["keys"]


def test_the_browser_cannot_read_it(site, guest_store):
    """The cookie has a token and nothing else; the record has the data."""
    browser = site.browser()
    browser.post("/set", json={"answer": "forty-two"})
    assert browser.cookie("session").startswith("v2.access.")
    assert "forty-two" not in browser.cookie("session")
    assert browser.get("/keys").json == {"keys": ["answer"], "new": False, "modified": False}
    assert len(guests(guest_store)) == 1
    assert guests(site.store) == []


def test_who_only_looks_makes_no_record(site, guest_store):
    """A record begins with the first value that is written."""
    assert site.browser().get("/keys").json["new"] is True
    assert guest_store.calls == []


def test_two_requests_never_lose_each_others_keys(site):
    """A guest's changes are merged by key, too."""
    browser = site.browser()
    browser.post("/set", json={"a": 1})

    @act(site)
    def slow():
        session["slow"] = len(session)
        other = site.browser()
        other.keep("session", browser.cookie("session"))
        other.post("/set", json={"fast": 1})
        return {}

    browser.post("/do/slow")
    assert browser.get("/keys").json["keys"] == ["a", "fast", "slow"]


def test_to_delete_the_last_key_loses_nobody_elses(site):
    """What is empty to one request ends only if no other request has written meanwhile."""
    browser = site.browser()
    browser.post("/set", json={"flash": "hi"})

    @act(site)
    def take():
        del session["flash"]
        other = site.browser()
        other.keep("session", browser.cookie("session"))
        other.post("/set", json={"cart": 1})
        return {}

    browser.post("/do/take")
    assert keys_of(browser) == ["cart"]


def test_it_has_an_end(site, clock):
    """Unused for its lifetime, it is over, and the next value begins another."""
    browser = site.browser()
    browser.post("/set", json={"a": 1})
    before = browser.cookie("session")
    clock.advance(3600)
    assert browser.get("/keys").json["keys"] == []
    browser.post("/set", json={"b": 1})
    assert browser.get("/keys").json["keys"] == ["b"]
    assert browser.cookie("session") != before


def test_it_has_a_limit(site):
    """What does not fit is told at the assignment."""

    @act(site)
    def put():
        with pytest.raises(ValueError, match="keep it elsewhere"):
            session["x"] = "y" * 5000
        return {}

    assert site.browser().post("/do/put").status_code == 200


@pytest.mark.parametrize("limit", [1, 5, 40])
def test_there_are_never_more_than_the_limit(make_small, limit, caplog):
    """However many come, so many are kept at most, and whoever came last is; one line in the log says so in an hour."""
    site = make_small(limit)
    for _ in range(2 * limit + 20):
        last = new_guest(site)
    assert 1 <= live(site) <= limit
    assert keys_of(last) == ["a"]
    assert caplog.text.count(f"guest_limit is {limit}") == 1


def test_room_is_made_by_whoever_was_away_longest(make_small, clock):
    """A guest who has come back stays, and another who has not begins anew without an error."""
    site = make_small(2)
    here, away = new_guest(site), new_guest(site)
    clock.advance(3600)
    assert keys_of(here) == ["a"]
    new_guest(site)
    assert (keys_of(here), keys_of(away)) == (["a"], [])
    away.post("/set", json={"b": 1})
    assert keys_of(away) == ["b"]


def test_a_flood_without_cookies_pushes_out_nobody_who_came_back(make_small, clock):
    """Whoever sent the cookie once, however soon, stays in a full store; those who never did make room."""
    site = make_small(16)
    kept = [new_guest(site) for _ in range(12)]
    clock.advance(1)
    assert [keys_of(guest) for guest in kept] == [["a"]] * 12
    for _ in range(50):
        clock.advance(1)
        last = new_guest(site)
    assert [keys_of(guest) for guest in (*kept, last)] == [["a"]] * 13


def test_among_those_who_came_back_a_new_guest_finds_room(make_small, clock):
    """Where all have come back, whoever has been away longest makes room, and nobody else."""
    site = make_small(3)
    away, *here = (new_guest(site) for _ in range(3))
    for guest in (away, *here):
        clock.advance(1)
        keys_of(guest)
    for _ in range(10):
        clock.advance(1)
        new_guest(site)
    assert [keys_of(guest) for guest in (away, *here)] == [[], ["a"], ["a"]]


def test_limits_of_client_classes_are_for_people(make_small):
    """A realm that lets in phones alone has guests."""
    assert keys_of(new_guest(make_small(9, CLIENT_LIMITS={"ios": 1}))) == ["a"]


@pytest.mark.parametrize("limit", [0, -1, 2.5, "9"])
def test_a_wrong_limit_is_told(limit):
    """It is a whole number of guests."""
    with pytest.raises(ConfigError, match="guest_limit"):
        RecordSessionInterface(guests="record", guest_limit=limit)


@pytest.mark.parametrize("lifetime", [-1, "soon", None])
def test_a_wrong_lifetime_is_told(lifetime):
    """It is told when the interface is made, not to the first guest."""
    with pytest.raises((TypeError, ValueError), match="guest_lifetime"):
        RecordSessionInterface(guests="record", guest_lifetime=lifetime)


def test_the_shell_counts_them(site):
    """`flask gosession stats --guests` counts guests, and not people."""
    new_guest(site)
    site.pair()
    counted = site.app.test_cli_runner().invoke(commands, ["stats", "--guests", "--json"])
    assert json.loads(counted.stdout)["live_by_client"] == {"guest": 1}


def test_the_shell_says_where_there_are_none(make):
    """With guests in cookies there is nothing to count."""
    told = make().app.test_cli_runner().invoke(commands, ["stats", "--guests"])
    assert (told.exit_code, "keeps no guests in records" in told.stderr) == (2, True)


def test_the_shell_purges_them(make, clock):
    """`flask gosession purge` deletes what is left of guests, and of people."""
    site = make(interface={"guests": "record"}, STORE="memory://")
    new_guest(site)
    site.pair()
    clock.advance(366 * 86_400)
    runner = site.app.test_cli_runner()
    asked = [json.loads(runner.invoke(commands, ["purge", "--json", *more]).stdout) for more in (["--dry-run"], [], [])]
    assert [answer["purged"] for answer in asked] == [2, 2, 0]


def test_signing_in_carries_it_over_and_ends_it(site):
    """Fixation: the id from before the login is worth nothing after it, also to whoever had planted it."""
    browser, attacker = site.browser(), site.browser()
    attacker.post("/set", json={"planted": 1})
    planted = attacker.cookie("session")
    browser.keep("session", planted)
    browser.login()
    assert [found.data for found in site.manager.sessions("ada")] == [{"greeted": True, "planted": 1}]
    assert browser.cookie("session") is None
    attacker.keep("session", planted)
    assert attacker.get("/keys").json["keys"] == []
    assert attacker.get("/native").json == {"data": None}


def test_an_emptied_session_ends(site):
    """Where the last key goes, the record and the cookie go."""
    browser = site.browser()
    browser.post("/set", json={"a": 1})
    browser.post("/clear")
    assert browser.cookie("session") is None
    assert live(site) == 0


def test_a_store_that_is_down_is_a_503(site, guest_store):
    """Nobody is taken for another guest while the store is down, and no write is taken for done."""
    browser = site.browser()
    browser.post("/set", json={"a": 1})
    guest_store.fail("load", 3)
    assert browser.get("/keys").status_code == 503
    guest_store.mend()
    guest_store.fail("swap", 3)
    assert site.browser().post("/set", json={"a": 1}).status_code == 503


@pytest.mark.parametrize("leave", ["/clear", "/login"])
def test_on_a_full_store_no_guest_takes_others_along(make_small, guest_store, leave):
    """One record holds many guests: it is never deleted as a whole to end one of them, and that one is told."""
    site = make_small(16)
    leaving, *others = (new_guest(site) for _ in range(6))
    guest_store.full = True
    assert leaving.post(leave, json={"user": "ada"}).status_code == 503
    assert [keys_of(other) for other in others] == [["a"]] * 5
    guest_store.mend()
    assert leaving.post(leave, json={"user": "ada"}).status_code == 200
    assert live(site) == 5


def test_a_guests_token_opens_nothing_else(site):
    """TOK-17: it is no access token of the realm, and an access token is no guest's."""
    browser = site.browser()
    browser.post("/set", json={"a": 1})
    assert site.get(browser.cookie("session"), "/native").json == {"data": None}
    browser.keep("session", site.pair().access_token)
    assert browser.get("/keys").json["keys"] == []


def test_permanent_as_in_flask(site):
    """The cookie of a permanent session lasts, and is set anew with each request that looks at it."""

    @act(site)
    def permanent():
        session.permanent = True
        return {}

    browser = site.browser()
    assert "Expires" in browser.post("/do/permanent").headers["Set-Cookie"]
    assert "Expires" in browser.get("/keys").headers["Set-Cookie"]


def test_beside_people_in_one_store(clock, backends, key_prefix):
    """By a URL, guests have a key prefix of their own: no name of a guest is ever a person's."""
    app = make_app()
    app.session_interface = RecordSessionInterface(guests="record")
    url = backends.get("redis").url
    site = open_site(clock, app=app, views=add_views, **{**COOKIES, "STORE": url, "KEY_PREFIX": key_prefix})
    browser = site.browser()
    browser.post("/set", json={"a": 1})
    assert list(site.manager.store.subjects()) == []
    with app.app_context():
        keeper = app.session_interface.guest_records(app)
    assert len(list(keeper.store.subjects())) == 1
    browser.login()
    assert [found.data for found in site.manager.sessions("ada")] == [{"greeted": True, "a": 1}]
    keeper.close()
    site.manager.close()


@pytest.mark.parametrize("given", [None, "the setting", "the manager's"])
def test_a_store_object_has_no_room_for_them(make, store, given):
    """A store that the app has made itself holds people: guests need another one, and that is said."""
    options = {"guests": "record"}
    site = make(interface=options if given is None else {**options, "guest_store": store})
    if given == "the manager's":
        site.app.session_interface = RecordSessionInterface(**options, guest_store=site.manager.store)
    with site.app.test_request_context(), pytest.raises(ConfigError, match="guest_store"):
        session["a"] = 1


def test_no_record_of_guests_has_the_name_of_a_person(site, guest_store):
    """Numbers are the ids of many users: where two realms share a store by mistake, guests sign nobody out."""
    new_guest(site)
    assert [name.partition("/")[0] for name in guests(guest_store)] == ["guests"]


def test_first_guests_at_once_lose_nothing(make):
    """Threads that meet the first guests of a process keep them in one place."""
    for _ in range(5):
        site = make(interface={"guests": "record"}, STORE="memory://")
        browsers, start = [site.browser() for _ in range(8)], threading.Barrier(8)

        def come(browser, start=start):
            start.wait()
            browser.post("/set", json={"cart": 1})

        threads = [threading.Thread(target=come, args=(browser,)) for browser in browsers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [keys_of(browser) for browser in browsers] == [["cart"]] * 8


GREENLETS = """
import secrets, time
from flask import Flask, session
from flask_gosession import GoSession
from flask_gosession.adapters import guests
from flask_gosession.adapters.session import RecordSessionInterface

app = Flask("site")
app.config.update(SECRET_KEY=secrets.token_hex(32), GOSESSION_STORE="memory://", GOSESSION_TOKEN_LOCATIONS=["cookie"])
app.session_interface = RecordSessionInterface(guests="record")
GoSession(app, user_loader=lambda subject: {})

opened = []
at_once = guests.guest_manager
def guest_manager(*args, **options):
    "Lets other greenlets run, as a database that is asked for its tables does."
    opened.append(time.sleep(0.01))
    return at_once(*args, **options)
guests.guest_manager = guest_manager

@app.get("/")
def note():
    session["cart"] = 1
    return ""

from gevent import monkey
monkey.patch_all()
import gevent

first = [gevent.spawn(lambda: app.test_client().get("/").status_code) for _ in range(5)]
gevent.joinall(first)
print([one.value for one in first], len(opened))
"""


@needs_gevent
def test_first_guests_among_greenlets_wait_for_the_store():
    """The first greenlet opens the store of guests for all, though the app was made before gevent's patch."""
    assert run_script(GREENLETS).strip() == "[200, 200, 200, 200, 200] 1"
