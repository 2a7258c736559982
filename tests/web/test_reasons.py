"""Every refusal says why, when, by which client, and what an administrator wanted to be said."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from flask_gosession import events
from flask_gosession.errors import REASON_MESSAGES, SessionExpired, SessionIdle
from flask_gosession.session.check import touch

NO_STORE = "no-store"


class Case(NamedTuple):
    """How a session ends, and what its holder is told."""

    end: object
    error: str
    reason: str | None
    client: str | None = None
    message: str | None = None


def newer_login(site, _pair):
    site.login(client="ios", limit=1)


CASES = {
    "logged_out": Case(
        lambda site, pair: site.send("POST", "/auth/logout", pair["access_token"]), "session_ended", "logged_out"
    ),
    "evicted": Case(newer_login, "session_ended", "evicted", "ios"),
    "kicked": Case(
        lambda site, pair: site.manager.revoke(
            "ada", sid_of(site), "kicked", message="Please call the desk.", client="admin"
        ),
        "session_ended",
        "kicked",
        "admin",
        "Please call the desk.",
    ),
    "revoked_all": Case(
        lambda site, _: site.manager.revoke_all("ada", client="web"), "session_ended", "revoked_all", "web"
    ),
    "password_changed": Case(
        lambda site, _: site.manager.revoke_all("ada", "password_changed"), "session_ended", "password_changed"
    ),
    "idle": Case(lambda site, _: site.clock.advance(3000), "session_idle", "idle", None, SessionIdle.text),
    "expired": Case(
        lambda site, pair: stay_until_the_end(site), "session_expired", "expired", None, SessionExpired.text
    ),
    "lifted ban": Case(lambda site, _: ban_and_lift(site), "session_ended", "banned"),
}


def sid_of(site):
    return site.manager.sessions("ada")[0].sid


def ban_and_lift(site):
    site.manager.ban("ada", until=site.clock() + 1000)
    site.manager.lift_ban("ada")


def stay_until_the_end(site):
    sid = site.manager.sessions("ada")[0].id
    for _ in range(5):
        site.clock.advance(1000)
        site.manager.records.update("ada", lambda record, now: touch(record, sid, b"", now))


@pytest.mark.parametrize("name", CASES)
def test_the_holder_learns_why(make_any_site, name):
    """The answer names the reason, when, by which client, and a sentence for the person."""
    case = CASES[name]
    # The leeway is more than the jitter of the token's end, so that it is the session that ends first.
    site = make_any_site(IDLE_TIMEOUT=2000, ABSOLUTE_TIMEOUT=5000, ACCESS_LIFETIME=5000, LEEWAY=300)
    pair = site.login(access_lifetime=5000)
    site.clock.advance(10)
    before = site.clock()
    case.end(site, pair)
    answer = site.get(pair["access_token"])
    body = answer.json
    assert answer.status_code == 401
    assert (body["error"], body["reason"], body.get("client")) == (case.error, case.reason, case.client)
    assert body["message"] == (case.message or REASON_MESSAGES[case.reason])
    assert before - 1 <= body["at"] <= site.clock()
    assert answer.headers["Cache-Control"] == NO_STORE
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize("name", [name for name in CASES if name not in {"idle", "expired"}])
def test_a_refresh_learns_it_too(make_any_site, name):
    """A phone that wakes with its refresh token alone is told the same."""
    case = CASES[name]
    site = make_any_site()
    pair = site.login()
    case.end(site, pair)
    site.clock.advance(3600)
    body = site.refresh(pair).json
    assert (body["error"], body["reason"], body.get("client")) == (case.error, case.reason, case.client)


def test_a_tombstone_lasts_a_week_at_most(make_site):
    """After seven days only the end itself is known."""
    site = make_site()
    pair = site.login()
    site.login(limit=1)
    site.clock.advance(7 * 86_400 + 400)
    site.login()
    assert site.refresh(pair).json["reason"] is None
    assert site.refresh(pair).json["error"] == "session_ended"


def test_the_newest_sixteen_are_kept(make_any_site):
    """Of many ended sessions the newest sixteen are remembered."""
    site = make_any_site()
    pairs = [site.login(limit=1) for _ in range(18)]
    reasons = [site.get(pair["access_token"]).json.get("reason") for pair in pairs[:-1]]
    assert reasons == [None] + ["evicted"] * 16


def test_each_end_is_one_event(make_any_site):
    """Whoever listens hears of each end once, with its reason."""
    site = make_any_site()
    for reason in ("kicked", "revoked_all", "password_changed"):
        site.login()
        site.manager.revoke_all("ada", reason)
        site.manager.revoke_all("ada", reason)
    assert [event.reason for event in site.told(events.Revoked)] == ["kicked", "revoked_all", "password_changed"]


def test_the_true_count_is_returned(make_any_site):
    """Revoke one, all, all others, by client class: each says how many live sessions it ended (REV-02)."""
    site = make_any_site()
    for client in ("web", "web", "ios", "tv", "tv"):
        site.login(client=client)
    site.login("bob")
    manager = site.manager
    assert manager.revoke_all("ada", client_class="tv").count == 2
    keep = manager.sessions("ada")[0].sid
    assert manager.revoke("ada", manager.sessions("ada")[1].sid).count == 1
    assert manager.revoke_all("ada", but=keep).count == 1
    assert manager.revoke_all("ada").count == 1
    assert manager.revoke_all("ada").count == 0
    assert len(manager.sessions("bob")) == 1


def test_a_message_is_kept_short(make_any_site):
    """An administrator's message is cut, not refused, and comes as JSON text."""
    site = make_any_site()
    for message in ("x" * 5000, "\n", "<b>", "é" * 300):
        pair = site.login()
        site.manager.revoke_all("ada", "kicked", message=message)
        assert site.get(pair["access_token"]).json["message"] == message[:200]
