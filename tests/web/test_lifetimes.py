"""How long a session lives: idle, absolute, remembered, or as one login says."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from flask_gosession import AuthError


def error(answer):
    return answer.json["error"] if answer.status_code != 200 else None


def keep_using(site, pair, seconds, step):
    """Refresh and ask every *step* seconds; return the last pair."""
    for _ in range(int(seconds / step)):
        site.clock.advance(step)
        answer = site.refresh(pair)
        assert answer.status_code == 200, answer.json
        pair = answer.json
        assert site.get(pair["access_token"]).status_code == 200
    return pair


def test_idle(make_any_site):
    """A session unused for longer than the idle timeout is over, and says so (REV-04)."""
    site = make_any_site(IDLE_TIMEOUT=1000, ACCESS_LIFETIME=5000)
    pair = site.login()
    site.clock.advance(900)
    assert site.get(pair["access_token"]).status_code == 200
    site.clock.advance(900)
    assert site.get(pair["access_token"]).status_code == 200
    site.clock.advance(1000)
    body = site.get(pair["access_token"]).json
    assert (body["error"], body["reason"]) == ("session_idle", "idle")
    assert body["at"] == int(site.clock())
    assert error(site.refresh(pair)) == "session_idle"


def test_absolute(make_any_site):
    """In use or not, a session ends at its absolute timeout (REV-04)."""
    site = make_any_site(IDLE_TIMEOUT=1000, ABSOLUTE_TIMEOUT=5000, ACCESS_LIFETIME=1000)
    pair = keep_using(site, site.login(), 4500, 500)
    site.clock.advance(499)
    site.refresh(pair)
    site.clock.advance(1)
    body = site.get(pair["access_token"]).json
    assert body["error"] in {"session_expired", "token_expired"}
    assert error(site.refresh(pair)) in {"session_expired", "token_rotated"}


def test_idle_out_is_remembered(make_site):
    """Long after, a phone that wakes still learns that it was idle."""
    site = make_site(IDLE_TIMEOUT=1000)
    pair = site.login()
    site.login()
    site.clock.advance(5000)
    site.login()
    assert error(site.refresh(pair)) == "session_idle"


def test_remember_me_is_another_pair(make_any_site):
    """A remembered session has its own idle and absolute timeouts."""
    site = make_any_site(
        IDLE_TIMEOUT=100, ABSOLUTE_TIMEOUT=1000, REMEMBER_IDLE_TIMEOUT=3000, REMEMBER_ABSOLUTE_TIMEOUT=9000,
        ACCESS_LIFETIME=900,
    )  # fmt: skip
    plain, remembered = site.login(), site.login(remember=True)
    assert remembered["session_expires_at"] - plain["session_expires_at"] == 8000
    site.clock.advance(650)
    assert error(site.get(plain["access_token"])) == "session_idle"
    assert error(site.get(remembered["access_token"])) is None
    site.clock.advance(2900)
    assert error(site.refresh(remembered)) is None


def test_a_login_can_say_so_itself(make_any_site):
    """lifetime, idle and access_lifetime of one login replace the configured ones, for it alone."""
    site = make_any_site()
    pair = site.login(lifetime=1000, idle=300, access_lifetime=200)
    assert pair["session_expires_at"] == int(site.clock() + 1000)
    assert 149 <= pair["expires_in"] <= 300
    site.clock.advance(299)
    pair = site.refresh(pair).json
    site.clock.advance(301)
    assert error(site.refresh(pair)) == "session_idle"
    assert site.login()["session_expires_at"] == int(site.clock() + 30 * 86_400)


def test_no_lifetime_beyond_the_policy(make_any_site):
    """A lifetime of nothing, or over the longest that the policy has, is refused; 0 never means for ever."""
    site = make_any_site()
    for lifetime in (0, -1, 181 * 86_400, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="more than 0"):
            site.manager.login("ada", lifetime=lifetime)
    assert site.store.count("swap") == 0


@pytest.mark.parametrize("name", ["idle", "access_lifetime"])
def test_no_timeout_of_nothing(make_any_site, name):
    """A session that would end as it begins, or an endless one, is refused: 0 never means for ever."""
    site = make_any_site()
    for seconds in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="seconds"):
            site.manager.login("ada", **{name: seconds})
    assert site.store.count("swap") == 0


def test_extend_moves_the_idle_end_alone(make_any_site):
    """manager.extend is a use on purpose: never past the absolute end, never a revival (REV-12)."""
    site = make_any_site(IDLE_TIMEOUT=1000, ABSOLUTE_TIMEOUT=2500, ACCESS_LIFETIME=2500)
    token = site.login(access_lifetime=2500)["access_token"]
    site.clock.advance(900)
    session = site.manager.extend(token)
    assert session.ends == site.clock() + 1000
    site.clock.advance(900)
    assert site.manager.extend(token).ends == session.expires
    site.manager.logout(token)
    written = site.store.count("swap")
    with pytest.raises(AuthError) as refused:
        site.manager.extend(token)
    assert refused.value.reason == "logged_out"
    assert site.store.count("swap") == written


def test_extend_does_not_wait_for_the_touch_interval(make_any_site):
    """What is asked for is written at once, where a mere check is throttled."""
    site = make_any_site(IDLE_TIMEOUT=1000, TOUCH_INTERVAL=60)
    token = site.login()["access_token"]
    site.clock.advance(5)
    assert site.manager.extend(token).seen == site.clock()
    assert site.manager.sessions("ada")[0].seen == site.clock()


@pytest.mark.parametrize("hour", [3600, "3600", "1h", "60m", timedelta(hours=1)], ids=str)
def test_an_hour_in_every_form(make_site, hour):
    """A login, a ban and the user info take an hour however it is written."""
    site = make_site(loader=lambda subject: {"name": subject})
    pair = site.manager.login("ada", lifetime=hour, idle=hour, access_lifetime=hour)
    session, user = site.manager.check_with_user(pair.access_token, user_ttl=hour)
    assert (session.expires - session.created, session.idle, session.access_lifetime) == (3600, 3600, 3600)
    assert user == site.manager.users.load("ada", ttl=hour)


def test_a_ban_until_a_datetime(make_site):
    """A ban ends at a moment, as a datetime or as a Unix time; without a time zone nobody could tell when."""
    site = make_site()
    end = datetime.fromtimestamp(int(site.clock()) + 3600, tz=timezone.utc)
    site.manager.ban("ada", until=end)
    assert site.manager.ban_of("ada").until == end.timestamp()
    with pytest.raises(ValueError, match="until must have a time zone"):
        site.manager.ban("ada", until=end.replace(tzinfo=None))
