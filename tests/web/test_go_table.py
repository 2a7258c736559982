"""The table of docs/moving/go.md for those who come from the Go library, line by line, with either kind of token."""

from __future__ import annotations

import logging

import pytest

from flask_gosession import AuthError

WEEK = 7 * 86_400
YEAR = 365 * 86_400


@pytest.fixture
def asked():
    return []


@pytest.fixture
def site(make_any_site, asked):
    lives = {"IDLE_TIMEOUT": YEAR, "ABSOLUTE_TIMEOUT": YEAR, "ACCESS_LIFETIME": YEAR}
    return make_any_site(loader=lambda subject: asked.append(subject) or {"id": subject}, **lives)


@pytest.mark.parametrize("seconds", [600, WEEK, YEAR])
def test_set_token_and_check_token(site, seconds):
    """A session lives the seconds it was made with, and a check says whose it is and how much is left."""
    pair = site.manager.login("ada", lifetime=seconds)
    site.clock.advance(100)
    found = site.manager.check(pair.access_token)
    assert (found.subject, found.sid) == ("ada", pair.sid)
    assert found.jti == site.manager.claims(pair.access_token).jti_text
    assert found.session_seconds_left == pytest.approx(seconds - 100, abs=1)
    assert 0 < found.token_seconds_left <= seconds - 99
    site.clock.advance(seconds)
    with pytest.raises(AuthError):
        site.manager.check(pair.access_token)


@pytest.mark.parametrize(
    "mode", [{"TOKEN_MODE": "opaque"}, {"ACCESS_LIFETIME": WEEK, "rng": lambda: 0.9}], ids=["opaque", "signed"]
)
def test_a_token_of_seven_days_lives_seven_days(make_site, mode):
    """To the second, as there: an opaque one, and a signed one, for over an hour none ends early."""
    site = make_site(IDLE_TIMEOUT=WEEK, ABSOLUTE_TIMEOUT=WEEK, **mode)
    token = site.manager.login("ada").access_token
    site.clock.advance(WEEK - 60)
    assert site.manager.check(token).token_seconds_left == pytest.approx(60, abs=1)


def test_refresh_and_extend(site):
    """Neither brings back what has ended."""
    pair = site.manager.login("ada", lifetime=600)
    pair = site.manager.refresh(pair.refresh_token or pair.access_token)
    assert site.manager.extend(pair.access_token).sid == pair.sid
    site.manager.logout(pair.access_token)
    for call, token in (
        (site.manager.refresh, pair.refresh_token or pair.access_token),
        (site.manager.extend, pair.access_token),
    ):
        with pytest.raises(AuthError):
            call(token)


def test_lists_and_ends(site):
    """ListUserToken, DeleteUserToken."""
    site.manager.login("ada")
    site.manager.login("ada")
    assert len(site.manager.sessions("ada")) == 2
    assert site.manager.revoke_all("ada").count == 2
    assert site.manager.sessions("ada") == []


def test_users(site, asked):
    """AddUser asks the loader each time, CheckTokenOrUpdateUser only when the cached detail has run out."""
    for _ in range(2):
        site.manager.users.refresh(["ada"], ttl=600)
    assert asked == ["ada", "ada"]
    token = site.manager.login("ada").access_token
    asked.clear()
    for _ in range(2):
        assert site.manager.check_with_user(token, user_ttl=600)[1] == {"id": "ada"}
    assert asked == []
    site.clock.advance(601)
    site.manager.check_with_user(token, user_ttl=600)
    assert asked == ["ada"]
    site.manager.users.forget("ada")
    site.manager.users.refresh(["ada", "bob"])
    assert asked == ["ada", "ada", "bob"]


def test_default_expire_time(make_any_site):
    """ConfigDefaultExpireTime(600) starts, and no token outlives its session."""
    site = make_any_site(ABSOLUTE_TIMEOUT=600)
    found = site.manager.check(site.manager.login("ada").access_token)
    assert 0 < found.token_seconds_left <= found.session_seconds_left <= 600


def test_long_tokens_are_warned_of(make_site, caplog):
    """A signed token of a week starts, and the log says what it costs."""
    with caplog.at_level(logging.WARNING, "flask_gosession"):
        make_site(ACCESS_LIFETIME=WEEK)
    assert "access tokens live for 168 hours" in caplog.text


def test_single_mode(make_any_site):
    """SetSingleMode: the later login ends the earlier."""
    site = make_any_site(SESSION_LIMIT=1)
    first, second = site.manager.login("ada"), site.manager.login("ada")
    assert site.manager.check(second.access_token)
    with pytest.raises(AuthError):
        site.manager.check(first.access_token)


def test_claims_and_data(site):
    """CreateNewLogInToken and GetSessionInfoByAccessToken, by the store or by the signature alone."""
    pair = site.manager.login("ada", claims={"tier": "gold"}, data={"cart": [1]})
    assert site.manager.check(pair.access_token).data == {"cart": [1]}
    assert site.manager.claims(pair.access_token).subject == "ada"
