"""GET /sessions and DELETE /sessions/<sid>: what a person sees of their sessions, and how they end one."""

from __future__ import annotations

import pytest
from sites import cookies_of, error_of

from flask_gosession import ids
from flask_gosession.session.device import Device

COOKIES = {"TOKEN_LOCATIONS": ("cookie",)}


def listed(shop, pair):
    answer = shop.send("GET", "/auth/sessions", pair.access_token)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    return answer.get_json()["sessions"]


def test_the_list(make_any):
    """All live sessions of the person, the latest used first, this one marked, nobody else's."""
    shop = make_any()
    first = shop.pair(client="ios")
    shop.clock.advance(100)
    second = shop.pair(client="web")
    shop.pair("bob")
    assert [(one["client"], one["current"]) for one in listed(shop, second)] == [("web", True), ("ios", False)]
    shop.clock.advance(100)
    assert [(one["client"], one["current"]) for one in listed(shop, first)] == [("ios", True), ("web", False)]


def test_what_is_told(make_any):
    """What a person recognises a device by, and nothing that could be used as a token (LOG-01)."""
    shop = make_any()
    pair = shop.pair(device=Device("192.0.2.7", "Firefox", "Firefox on Linux"), remember=True, data={"cart": 1})
    (one,) = listed(shop, pair)
    now = int(shop.clock())
    assert one == {
        "sid": pair.sid,
        "client": "web",
        "label": "Firefox on Linux",
        "ip": "192.0.2.7",
        "agent": "Firefox",
        "created": now,
        "last_seen": now // 3600 * 3600,
        "expires": pair.session_expires_at,
        "remember": True,
        "actor": None,
        "current": True,
    }


def test_an_actor_is_shown(make_any):
    """A session that somebody else has opened in the person's name says who."""
    shop = make_any()
    pair = shop.pair()
    shop.manager.impersonate(shop.manager.authenticate(shop.pair("root").access_token), "ada")
    assert sorted(str(one["actor"]) for one in listed(shop, pair)) == ["None", "root"]


def test_the_ended_are_not_listed(make_any):
    """What has ended, by itself or not, is not in the list."""
    shop = make_any()
    shop.pair(lifetime=60)
    shop.manager.logout(shop.pair().access_token)
    pair = shop.pair()
    shop.clock.advance(61)
    assert [one["sid"] for one in listed(shop, pair)] == [pair.sid]


def test_end_another(make_any):
    """One's own other session ends, this one goes on."""
    shop = make_any()
    phone, pair = shop.pair(client="ios"), shop.pair()
    answer = shop.send("DELETE", f"/auth/sessions/{phone.sid}", pair.access_token)
    assert (answer.status_code, answer.data) == (204, b"")
    assert (shop.lives(phone), shop.lives(pair)) == (False, True)


def test_end_this_one(make_any):
    """To end the session that asks is to sign out: the cookies go with it."""
    shop = make_any(**COOKIES)
    browser = shop.browser()
    browser.sign_in()
    (session,) = shop.manager.sessions("ada")
    answer = browser.call("DELETE", f"/auth/sessions/{session.sid}")
    assert answer.status_code == 204
    assert cookies_of(answer) >= {"gosession_access", "gosession_csrf", "gosession_state"}
    assert browser.cookie("gosession_access") is None
    assert shop.manager.sessions("ada") == []


def test_nobody_elses(make_any):
    """The sid of somebody else's session has no effect, and the answer does not tell that there is one."""
    shop = make_any()
    pair, other = shop.pair(), shop.pair("bob")
    assert shop.send("DELETE", f"/auth/sessions/{other.sid}", pair.access_token).status_code == 204
    assert shop.lives(other)


@pytest.mark.parametrize("sid", [ids.to_text(bytes(16)), "x", "%00", "é", "..;", "A" * 5000])
def test_unknown_sids(make_any, sid):
    """What is no session any more, or never was one, is gone: 204, twice, and nothing else has ended (REV-07)."""
    shop = make_any()
    pair = shop.pair()
    for _ in range(2):
        assert shop.send("DELETE", f"/auth/sessions/{sid}", pair.access_token).status_code == 204
    assert shop.lives(pair)


def test_twice(make_any):
    """The same session can be ended twice."""
    shop = make_any()
    phone, pair = shop.pair(), shop.pair()
    path = f"/auth/sessions/{phone.sid}"
    assert [shop.send("DELETE", path, pair.access_token).status_code for _ in range(2)] == [204, 204]


def test_signed_in_only(make_any):
    """Whoever is not signed in neither sees nor ends anything."""
    shop = make_any()
    pair = shop.pair()
    assert error_of(shop.send("GET", "/auth/sessions")) == (401, "token_missing")
    assert error_of(shop.send("DELETE", f"/auth/sessions/{pair.sid}")) == (401, "token_missing")
    assert shop.lives(pair)


@pytest.mark.parametrize("own", [True, False])
def test_needs_the_csrf_value(make_any, own):
    """By cookie the page must have meant it, for this session and for others (CSR-01)."""
    shop = make_any(**COOKIES)
    browser = shop.browser()
    browser.sign_in()
    (this,) = shop.manager.sessions("ada")
    sid = this.sid if own else shop.pair().sid
    before = len(shop.manager.sessions("ada"))
    assert error_of(browser.call("DELETE", f"/auth/sessions/{sid}", csrf=False)) == (403, "csrf_failed")
    assert len(shop.manager.sessions("ada")) == before


def test_store_down(make_any):
    """While the store cannot write, no session is said to have ended (REV-07)."""
    shop = make_any()
    phone, pair = shop.pair(), shop.pair()
    shop.store.fail("swap", 2)
    answer = shop.send("DELETE", f"/auth/sessions/{phone.sid}", pair.access_token)
    assert error_of(answer) == (503, "store_unavailable")
    assert shop.lives(phone)
