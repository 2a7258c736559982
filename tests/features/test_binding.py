"""A session may be bound to where it was made: its network, its user agent."""

from __future__ import annotations

import pytest

from features.sites import FIREFOX, IPHONE
from flask_gosession import events

HOME = {"REMOTE_ADDR": "192.0.2.10", "HTTP_USER_AGENT": FIREFOX}


def away(**changed):
    return {"environ_overrides": {**HOME, **changed}}


OTHER_NET = away(REMOTE_ADDR="198.51.100.1")
OTHER_AGENT = away(HTTP_USER_AGENT=IPHONE)


def with_fresh(site):
    site.app.add_url_rule("/fresh", view_func=site.gosession.fresh_login_required(lambda: "fresh"))
    return site


def bound_site(make, action, binding=("ip", "agent")):
    return with_fresh(make(BINDING=binding, BINDING_ACTION=action))


NETWORKS = [
    ("192.0.2.10", "192.0.2.250", True),
    ("192.0.2.10", "192.0.3.10", False),
    ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
    ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
    ("192.0.2.10", "2001:db8::1", False),
    ("192.0.2.10", "::ffff:192.0.2.77", True),
    ("192.0.2.10", "", False),
    ("unix", "unix", True),
    ("192.0.2.10", "junk", False),
]


def test_an_address_is_its_network(make_any):
    """The same /24, or /64 of IPv6, is the same place."""
    site = bound_site(make_any, "refuse", ("ip",))
    for made, used, same in NETWORKS:
        token = site.login(environ={"REMOTE_ADDR": made})["access_token"]
        answer = site.get(token, environ_overrides={"REMOTE_ADDR": used})
        assert answer.status_code == (200 if same else 401), (made, used)
        assert answer.json.get("error") == (None if same else "binding_mismatch"), (made, used)


def test_not_bound_by_default(make_any):
    """Without the setting a session moves freely, and nothing is told."""
    site = make_any()
    token = site.login(environ=HOME)["access_token"]
    assert site.get(token, **OTHER_NET).status_code == 200
    assert site.told(events.BindingChanged) == []


@pytest.mark.parametrize(("moved", "changed"), [(OTHER_NET, "ip"), (OTHER_AGENT, "agent")], ids=["ip", "agent"])
def test_a_signal(make_any, moved, changed):
    """By default the request goes on, and who listens hears what has changed, and from where."""
    site = with_fresh(make_any(BINDING=("ip", "agent")))
    token = site.login(environ=HOME)["access_token"]
    site.get(token, environ_overrides=HOME)
    assert site.told(events.BindingChanged) == []
    assert site.get(token, "/fresh", **moved).status_code == 200
    (event,) = site.told(events.BindingChanged)
    assert (event.changed, event.ip) == (changed, moved["environ_overrides"]["REMOTE_ADDR"])


@pytest.mark.parametrize("moved", [OTHER_NET, OTHER_AGENT], ids=["ip", "agent"])
def test_a_step_up(make_any, moved):
    """Views that want a fresh login want one from here; others go on."""
    site = bound_site(make_any, "step_up")
    token = site.login(environ=HOME)["access_token"]
    assert site.get(token, "/fresh", environ_overrides=HOME).status_code == 200
    assert site.get(token, **moved).status_code == 200
    assert site.get(token, "/fresh", **moved).json["error"] == "fresh_login_required"


@pytest.mark.parametrize("moved", [OTHER_NET, OTHER_AGENT], ids=["ip", "agent"])
def test_a_refusal(make_any, moved):
    """Every use from elsewhere is refused, a refresh too, and the session lives on at home."""
    site = bound_site(make_any, "refuse")
    pair = site.login(environ=HOME)
    for answer in (site.get(pair["access_token"], **moved), site.refresh(pair, **moved)):
        assert (answer.status_code, answer.json["error"]) == (401, "binding_mismatch")
    assert site.get(pair["access_token"], environ_overrides=HOME).status_code == 200
    assert site.refresh(pair, environ_overrides=HOME).status_code == 200


def test_a_refused_use_is_no_use(make_any):
    """Who is refused does not keep the session alive, nor use up a rotation."""
    site = bound_site(make_any, "refuse")
    pair = site.login(environ=HOME)
    seen = site.manager.sessions("ada")[0].seen
    site.clock.advance(600)
    site.get(pair["access_token"], **OTHER_NET)
    assert site.manager.sessions("ada")[0].seen == seen


def test_from_elsewhere_one_may_still_sign_out(make_any):
    """A logout is never refused for its place."""
    site = bound_site(make_any, "refuse")
    token = site.login(environ=HOME)["access_token"]
    assert site.send("POST", "/auth/logout", token, **OTHER_NET).status_code == 204
    assert site.manager.sessions("ada") == []
