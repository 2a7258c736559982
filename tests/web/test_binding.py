"""A session may be bound to where it was made: its network, its user agent."""

from __future__ import annotations

import pytest
from sites import FIREFOX, IPHONE

from flask_gosession import Device, events
from flask_gosession.errors import BindingMismatch

HOME = {"REMOTE_ADDR": "192.0.2.10", "HTTP_USER_AGENT": FIREFOX}


def away(**changed):
    return {"environ_overrides": {**HOME, **changed}}


OTHER_NET = away(REMOTE_ADDR="198.51.100.1")
OTHER_AGENT = away(HTTP_USER_AGENT=IPHONE)


def with_fresh(site):
    site.app.add_url_rule("/fresh", view_func=site.gosession.fresh_login_required(lambda: "fresh"))
    return site


def bound_site(make_site, action, binding=("ip", "agent")):
    return with_fresh(make_site(BINDING=binding, BINDING_ACTION=action))


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


def test_an_address_is_its_network(make_any_site):
    """The same /24, or /64 of IPv6, is the same place."""
    site = bound_site(make_any_site, "refuse", ("ip",))
    for made, used, same in NETWORKS:
        token = site.login(environ={"REMOTE_ADDR": made})["access_token"]
        answer = site.get(token, environ_overrides={"REMOTE_ADDR": used})
        assert answer.status_code == (200 if same else 401), (made, used)
        assert answer.json.get("error") == (None if same else "binding_mismatch"), (made, used)


def test_not_bound_by_default(make_any_site):
    """Without the setting a session moves freely, and nothing is told."""
    site = make_any_site()
    token = site.login(environ=HOME)["access_token"]
    assert site.get(token, **OTHER_NET).status_code == 200
    assert site.told(events.BindingChanged) == []


@pytest.mark.parametrize(("moved", "changed"), [(OTHER_NET, "ip"), (OTHER_AGENT, "agent")], ids=["ip", "agent"])
def test_a_signal(make_any_site, moved, changed):
    """By default the request goes on, and who listens hears what has changed, and from where."""
    site = with_fresh(make_any_site(BINDING=("ip", "agent")))
    token = site.login(environ=HOME)["access_token"]
    site.get(token, environ_overrides=HOME)
    assert site.told(events.BindingChanged) == []
    assert site.get(token, "/fresh", **moved).status_code == 200
    (event,) = site.told(events.BindingChanged)
    assert (event.changed, event.ip) == (changed, moved["environ_overrides"]["REMOTE_ADDR"])


@pytest.mark.parametrize("moved", [OTHER_NET, OTHER_AGENT], ids=["ip", "agent"])
def test_a_step_up(make_any_site, moved):
    """Views that want a fresh login want one from here; others go on."""
    site = bound_site(make_any_site, "step_up")
    token = site.login(environ=HOME)["access_token"]
    assert site.get(token, "/fresh", environ_overrides=HOME).status_code == 200
    assert site.get(token, **moved).status_code == 200
    assert site.get(token, "/fresh", **moved).json["error"] == "fresh_login_required"


@pytest.mark.parametrize("moved", [OTHER_NET, OTHER_AGENT], ids=["ip", "agent"])
def test_a_refusal(make_any_site, moved):
    """Every use from elsewhere is refused, a refresh too, and the session lives on at home."""
    site = bound_site(make_any_site, "refuse")
    pair = site.login(environ=HOME)
    for answer in (site.get(pair["access_token"], **moved), site.refresh(pair, **moved)):
        assert (answer.status_code, answer.json["error"]) == (401, "binding_mismatch")
    assert site.get(pair["access_token"], environ_overrides=HOME).status_code == 200
    assert site.refresh(pair, environ_overrides=HOME).status_code == 200


@pytest.mark.parametrize("moved", [OTHER_NET, OTHER_AGENT], ids=["ip", "agent"])
def test_a_token_by_a_message(make_any_site, moved):
    """authenticate_token refuses it, too: from the place of the request, or from the one that it is told."""
    site = bound_site(make_any_site, "refuse")
    token = site.login(environ=HOME)["access_token"]
    check = site.gosession.authenticate_token
    with site.app.test_request_context(environ_overrides=HOME):
        assert check(token).subject == "ada"
    with site.app.test_request_context(**moved), pytest.raises(BindingMismatch):
        check(token)
    there = moved["environ_overrides"]
    with site.app.app_context():
        assert check(token, device=Device(HOME["REMOTE_ADDR"], FIREFOX)).subject == "ada"
        with pytest.raises(BindingMismatch):
            check(token, device=Device(there["REMOTE_ADDR"], there["HTTP_USER_AGENT"]))


def test_a_token_from_an_unknown_place(make_any_site):
    """Outside of a request, where it could not be refused, it is told to pass the place."""
    site = bound_site(make_any_site, "refuse")
    token = site.login(environ=HOME)["access_token"]
    with site.app.app_context(), pytest.raises(RuntimeError, match="pass device="):
        site.gosession.authenticate_token(token)


@pytest.mark.parametrize(("action", "fresh"), [("signal", True), ("step_up", False)])
def test_a_token_from_an_unknown_place_is_not_fresh(make_any_site, action, fresh):
    """Where a move asks for a fresh login, an unknown place does."""
    site = bound_site(make_any_site, action)
    token = site.login(environ=HOME)["access_token"]
    with site.app.app_context():
        assert site.gosession.authenticate_token(token).fresh is fresh
        assert site.gosession.authenticate_token(token, device=Device(HOME["REMOTE_ADDR"], FIREFOX)).fresh


def test_a_refused_use_is_no_use(make_any_site):
    """Who is refused does not keep the session alive, nor use up a rotation."""
    site = bound_site(make_any_site, "refuse")
    pair = site.login(environ=HOME)
    seen = site.manager.sessions("ada")[0].seen
    site.clock.advance(600)
    site.get(pair["access_token"], **OTHER_NET)
    assert site.manager.sessions("ada")[0].seen == seen


def test_from_elsewhere_one_may_still_sign_out(make_any_site):
    """A logout is never refused for its place."""
    site = bound_site(make_any_site, "refuse")
    token = site.login(environ=HOME)["access_token"]
    assert site.send("POST", "/auth/logout", token, **OTHER_NET).status_code == 204
    assert site.manager.sessions("ada") == []
