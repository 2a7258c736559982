"""What a person recognises their sessions by."""

from __future__ import annotations

import pytest
from sites import FIREFOX, IPHONE

ODD = [
    "",
    "x" * 5000,
    "\xe9\xff",
    "<script>alert(1)</script>",
    "Mozilla/5.0 (" * 300,
    "\t",
    "🦊".encode().decode("latin-1"),
]


def hour_of(moment):
    return int(moment // 3600) * 3600


def listed(site, pair):
    return site.get(pair["access_token"], "/auth/sessions").json["sessions"]


def test_the_list_tells_the_devices_apart(make_any_site):
    """Label by a well-kept parser, client class, address, agent, times, and which one this is."""
    site = make_any_site()
    phone = site.login(client="ios", environ={"REMOTE_ADDR": "192.0.2.7", "HTTP_USER_AGENT": IPHONE})
    began = site.clock()
    site.clock.advance(100)
    laptop = site.login(environ={"REMOTE_ADDR": "2001:db8::1", "HTTP_USER_AGENT": FIREFOX})
    one, two = listed(site, laptop)
    assert one.pop("sid") != two.pop("sid")
    assert one == {
        "client": "web",
        "label": "Firefox on Linux",
        "ip": "2001:db8::1",
        "agent": FIREFOX,
        "created": int(began + 100),
        "last_seen": hour_of(began + 100),
        "expires": laptop["session_expires_at"],
        "remember": False,
        "actor": None,
        "current": True,
    }
    assert (two["label"], two["ip"], two["client"]) == ("Mobile Safari on iOS", "192.0.2.7", "ios")
    assert (two["current"], two["created"]) == (False, int(began))
    assert phone["session_expires_at"] == two["expires"]


def test_only_a_login_has_its_device_named(make_any_site, monkeypatch):
    """To name a device takes its time, so nobody makes the server do it without signing in."""
    site = make_any_site(BINDING=["agent"])
    pair = site.login()
    state = site.app.extensions["gosession"]["default"]
    monkeypatch.setattr(state, "label_of", lambda agent: pytest.fail(f"{agent} was named"))
    site.get(pair["access_token"])
    site.send("POST", "/auth/revoke", None, data={"token": "x"})
    assert site.refresh(pair).status_code == 200
    assert site.send("POST", "/auth/logout", pair["access_token"]).status_code == 204


def test_last_seen_follows_the_use(make_any_site):
    """The use of a session is noted, at most once a touch interval."""
    site = make_any_site(TOUCH_INTERVAL="2h", ACCESS_LIFETIME="1d")
    pair = site.login()
    site.clock.advance(7000)
    site.get(pair["access_token"])
    assert listed(site, pair)[0]["last_seen"] == hour_of(site.clock() - 7000)
    site.clock.advance(201)
    site.get(pair["access_token"])
    assert listed(site, pair)[0]["last_seen"] == hour_of(site.clock())


def test_last_seen_says_the_hour_alone(make_any_site):
    """LIF-02: whoever sees when a session was used to the second would know when it is refreshed next."""
    site = make_any_site()
    pair = site.login()
    for _ in range(3):
        site.clock.advance(77)
        assert listed(site, pair)[0]["last_seen"] % 3600 == 0


def test_the_address_is_the_connection_s_alone(make_any_site):
    """Headers that name an address change nothing: trusting a proxy is ProxyFix's job (HTT-08)."""
    site = make_any_site()
    forged = {
        "HTTP_X_FORWARDED_FOR": "203.0.113.1",
        "HTTP_FORWARDED": "for=203.0.113.1",
        "HTTP_X_REAL_IP": "203.0.113.1",
        "REMOTE_ADDR": "192.0.2.7",
    }
    assert listed(site, site.login(environ=forged))[0]["ip"] == "192.0.2.7"


def test_odd_agents_are_kept_short(make_any_site):
    """Whatever a client says it is, the login works and the list can be read."""
    site = make_any_site(SESSION_LIMIT=1)
    for agent in ODD:
        (one,) = listed(site, site.login(environ={"HTTP_USER_AGENT": agent}))
        assert len(one["agent"]) <= 200
        assert len(one["label"]) <= 60


def test_one_of_the_list_can_be_ended(make_any_site):
    """A person ends another of their sessions by its sid; it is told by which client."""
    site = make_any_site()
    lost, mine = site.login(client="ios"), site.login()
    sid = next(one["sid"] for one in listed(site, mine) if not one["current"])
    assert site.send("DELETE", f"/auth/sessions/{sid}", mine["access_token"]).status_code == 204
    body = site.get(lost["access_token"]).json
    assert (body["reason"], body["client"]) == ("logged_out", "web")
    assert len(listed(site, mine)) == 1


def test_an_unknown_sid_ends_nothing(make_any_site):
    """Ending what is not there is no error, and nobody else's session can be named (REV-07)."""
    site = make_any_site()
    pair, other = site.login(), site.login("bob")
    (theirs,) = listed(site, other)
    for named in ("x", "A" * 22, "%00", "..", "a" * 1000, theirs["sid"]):
        assert site.send("DELETE", f"/auth/sessions/{named}", pair["access_token"]).status_code in {204, 404}
    assert site.get(other["access_token"]).status_code == 200
