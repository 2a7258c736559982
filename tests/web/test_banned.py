"""A banned person is refused at login and at every check, until the end of the ban or until it is lifted."""

from __future__ import annotations

import pytest

from flask_gosession import SessionManager, events


@pytest.fixture
def site(make_any_site):
    return make_any_site()


def ban(site, seconds=1000, **more):
    return site.manager.ban("ada", until=site.clock() + seconds, **more)


def test_it_ends_what_is_live_and_refuses_the_rest(site):
    """Live sessions end, tokens and logins are refused, with the reason, the message and the end of the ban."""
    pair = site.login()
    ended = ban(site, reason="spam", message="You know why.")
    assert (ended.count, ended.confirmed) == (1, True)
    for answer in (site.get(pair["access_token"]), site.refresh(pair), site.browser().login()):
        assert answer.status_code == 401
        assert answer.json == {
            "error": "banned",
            "message": "You know why.",
            "reason": "spam",
            "at": int(site.clock()),
            "until": int(site.clock() + 1000),
        }
    assert site.manager.sessions("ada") == []


def test_it_is_one_subject_s_alone(site):
    """Nobody else notices."""
    pair = site.login("bob")
    ban(site)
    assert site.get(pair["access_token"]).status_code == 200


def test_it_ends_by_itself(site):
    """After its end a login works again; the sessions it ended stay so."""
    pair = site.login()
    ban(site, 500)
    site.clock.advance(500)
    assert site.manager.ban_of("ada") is None
    assert site.browser().login().status_code == 200
    assert site.get(pair["access_token"]).json["reason"] == "banned"


def test_it_can_be_lifted(site):
    """Lifting says whether there was one, and tells it once."""
    ban(site, reason="mistake")
    assert site.manager.ban_of("ada").reason == "mistake"
    assert site.manager.lift_ban("ada") is True
    assert site.manager.lift_ban("ada") is False
    assert site.browser().login().status_code == 200
    assert (len(site.told(events.SubjectBanned)), len(site.told(events.BanLifted))) == (1, 1)


def test_somebody_never_seen_can_be_banned(site):
    """A ban needs no session."""
    assert ban(site).count == 0
    assert site.browser().login().json["error"] == "banned"


def test_it_outlives_the_sessions(site):
    """A long ban is kept though nothing else is left in the record (STO-05)."""
    site.login()
    ban(site, 300 * 86_400)
    site.clock.advance(299 * 86_400)
    site.store.purge(site.clock())
    assert site.browser().login().json["error"] == "banned"


def test_an_optional_view_refuses_it_too(site):
    """A banned person is no guest: the token they bring is refused."""
    pair = site.login()
    ban(site)
    assert site.get(pair["access_token"], "/maybe").json["error"] == "banned"
    assert site.get(None, "/maybe").json == {"sub": None}


def test_it_has_an_end_within_ten_years(site):
    """A ban in the past, or without an end, is refused."""
    for seconds in (0, -1, 11 * 366 * 86_400, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"ten years|number of seconds"):
            ban(site, seconds)
    assert site.store.count("swap") == 0


def test_a_ban_during_a_login_wins(site):
    """A login that was under way when the ban came is refused: one atomic step (REV-01)."""
    other_process = SessionManager(site.store.store, site.manager.codec, clock=site.clock)
    site.store.before_swap(lambda: other_process.ban("ada", until=site.clock() + 1000))
    assert site.browser().login().json["error"] == "banned"
    assert site.manager.sessions("ada") == []
