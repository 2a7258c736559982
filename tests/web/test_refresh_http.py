"""A refresh over HTTP: by header or cookie, converging, and never past the end of the session."""

from __future__ import annotations

import random

import jwt

from flask_gosession import events

OVERLAP = 70
"""How long a superseded pair is honoured once its successor was used: the grace period and the leeway."""

PAIR = {
    "access_token",
    "token_type",
    "expires_in",
    "refresh_after",
    "refresh_token",
    "refresh_expires_in",
    "session_expires_at",
}


def test_the_pair_tells_a_client_all_it_needs_to_plan(make_site):
    """A login answers with both tokens, how long they live, when to refresh, and when the session ends."""
    site = make_site(ACCESS_LIFETIME="10m", ABSOLUTE_TIMEOUT="1h", IDLE_TIMEOUT="1h")
    pair = site.login()
    assert set(pair) == PAIR
    assert pair["token_type"] == "Bearer"
    assert 0 < pair["refresh_after"] < pair["expires_in"] <= 600
    assert pair["refresh_expires_in"] in (3599, 3600)
    assert pair["session_expires_at"] == int(site.clock() + 3600)


def test_access_tokens_end_up_to_a_quarter_early(make_site):
    """An access expiry of up to an hour is jittered by up to -25 %; a longer one is what was asked for."""
    site = make_site(ACCESS_LIFETIME=3600, rng=random.random)
    lifetimes = {site.login(f"user-{number}")["expires_in"] for number in range(30)}
    assert len(lifetimes) > 10
    assert 2699 <= min(lifetimes) <= max(lifetimes) <= 3600
    longer = {site.login(f"user-{number}", access_lifetime=3601)["expires_in"] for number in range(5)}
    assert longer <= {3600, 3601}


def test_the_moment_to_refresh_is_random(make_site):
    """An answer says when to refresh: at a random 50 to 90 % of the token's life, which nobody else can know."""
    site = make_site(ACCESS_LIFETIME=7200, rng=random.random)
    shares = {site.login(f"user-{number}")["refresh_after"] / 7200 for number in range(30)}
    assert len(shares) > 10
    assert 0.49 <= min(shares) <= max(shares) <= 0.9


def test_a_refresh_by_header_gives_a_new_pair(make_site):
    """POST /auth/refresh takes the refresh token from the Authorization header and answers 200 with a new pair."""
    site = make_site()
    old = site.login()
    answer = site.refresh(old)
    assert answer.status_code == 200
    assert set(answer.json) == PAIR
    assert answer.headers["Cache-Control"] == "no-store"
    assert site.get(answer.json["access_token"]).json["sub"] == "ada"
    assert site.told(events.Refreshed)[0].gen == 1


def test_a_refresh_by_cookie_leaves_as_cookies(make_site):
    """What came by a cookie goes by a cookie: the body of the answer holds no token (COO-05)."""
    site = make_site(TOKEN_LOCATIONS=("cookie",))
    browser = site.browser()
    browser.login()
    before = browser.cookie("gosession_refresh", "/auth")
    answer = browser.post("/auth/refresh")
    assert answer.status_code == 200
    assert set(answer.json) == {"expires_in", "refresh_after", "session_expires_at"}
    assert browser.cookie("gosession_refresh", "/auth") not in (None, before)
    assert browser.get().status_code == 200


def test_no_refresh_moves_the_absolute_end(make_site):
    """The end fixed at login is never extended, and past it there is nothing to refresh (REV-04, REV-12)."""
    site = make_site(ABSOLUTE_TIMEOUT=1000, IDLE_TIMEOUT=1000, ACCESS_LIFETIME=400)
    pair = site.login()
    end = pair["session_expires_at"]
    for _ in range(3):
        site.clock.advance(300)
        pair = site.refresh(pair).json
        assert pair["session_expires_at"] == end
    assert pair["expires_in"] <= 100
    site.clock.advance(111)
    assert site.refresh(pair).json["error"] == "token_expired"


def jti(token):
    return jwt.decode(token, options={"verify_signature": False})["jti"]


GARBAGE = [
    "x",
    "a.b.c",
    "victim_x",
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ2aWN0aW0ifQ.",
    "." * 50,
    "A" * 9000,
    "v1.dmljdGlt.AAAAAAAAAAAAAAAAAAAAAA.AAAA.AAAA",
    "v2.refresh.dmljdGlt.AAAAAAAAAAAAAAAAAAAAAA.0..AAAAAAAAAAAAAAAAAAAAAA.AAAA.AAAA",
    "\xe9\xe8",
]


def test_garbage_costs_no_store_trip(make_any_site):
    """An invented refresh token is refused before the store is asked (TOK-15, REV-12)."""
    site = make_any_site()
    for token in GARBAGE:
        answer = site.send("POST", "/auth/refresh", token)
        assert (answer.status_code, answer.json["error"] in {"token_malformed", "token_invalid"}) == (401, True), token
    assert site.store.calls == []


def test_nothing_presented_is_told_without_an_error(make_any_site):
    """A refresh without a token gets the bare challenge (HTT-03)."""
    site = make_any_site()
    answer = site.send("POST", "/auth/refresh", None)
    assert (answer.status_code, answer.json["error"]) == (401, "token_missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_an_access_token_refreshes_nothing(make_site):
    """The other kind of token is told so (TOK-17)."""
    site = make_site()
    answer = site.send("POST", "/auth/refresh", site.login()["access_token"])
    assert (answer.status_code, answer.json["error"]) == (401, "token_type")


def test_a_lost_answer_tried_again_gets_the_same_successor(make_site):
    """Within the grace period the parent brings the same successor again, which is told (REF-03, REF-07)."""
    site = make_site()
    pair = site.login()
    lost = site.refresh(pair).json
    site.clock.advance(59)
    again = site.refresh(pair)
    assert again.status_code == 200
    assert jti(again.json["access_token"]) == jti(lost["access_token"])
    assert site.get(again.json["access_token"]).status_code == 200
    assert [event.parent_again for event in site.told(events.Refreshed)] == [False, True]


def test_an_answer_lost_for_longer_is_forked(make_site):
    """While the successor is unused its parent brings a new pair however late, and who made each is told (REF-07)."""
    site = make_site()
    pair = site.login(environ={"REMOTE_ADDR": "192.0.2.1", "HTTP_USER_AGENT": "phone"})
    site.refresh(pair, environ_overrides={"REMOTE_ADDR": "192.0.2.2", "HTTP_USER_AGENT": "thief"})
    site.clock.advance(3 * 86_400)
    again = site.refresh(pair, environ_overrides={"REMOTE_ADDR": "192.0.2.3", "HTTP_USER_AGENT": "phone"})
    assert site.get(again.json["access_token"]).status_code == 200
    (event,) = site.told(events.RefreshForked)
    assert (event.ip, event.agent, event.gen) == ("192.0.2.3", "phone", 1)
    assert (event.session_ip, event.session_agent) == ("192.0.2.1", "phone")
    assert (event.made_ip, event.made_agent) == ("192.0.2.2", "thief")


def test_a_refresh_view_that_looks_at_the_user_does_not_use_the_successor(make_site):
    """What the server itself asks during the refresh is no first use: the answer may still be lost (REF-07)."""
    site = make_site()

    @site.app.post("/refresh-and-look")
    def refresh_and_look():
        pair = site.gosession.refresh()
        assert site.gosession.current_session.subject == "ada"
        return pair.to_dict()

    pair = site.login()
    site.send("POST", "/refresh-and-look", pair["refresh_token"])
    site.clock.advance(60)
    assert site.refresh(pair).status_code == 200


def test_a_young_pair_comes_again(make_site):
    """A refresh token that was drawn just now brings its own pair again: nothing rotates twice within the overlap."""
    site = make_site()
    second = site.refresh(site.login()).json
    third = site.refresh(second).json
    assert jti(third["access_token"]) == jti(second["access_token"])
    assert len(site.told(events.Refreshed)) == 1
    site.clock.advance(OVERLAP)
    assert jti(site.refresh(third).json["access_token"]) != jti(second["access_token"])


def test_a_grandparent_is_a_theft(make_site):
    """What is older than the parent ends the session, whether the current pair was used or not (REF-03)."""
    site = make_site()
    first = site.login()
    second = site.refresh(first).json
    site.clock.advance(OVERLAP)
    assert site.refresh(second).status_code == 200
    assert site.refresh(first).json["error"] == "token_reused"


def test_a_thief_after_first_use_ends_the_session(make_site):
    """Reuse after the grace ends the session and tells it once, with both addresses (REF-03)."""
    site = make_site()
    old = site.login(environ={"REMOTE_ADDR": "192.0.2.1", "HTTP_USER_AGENT": "phone"})
    new = site.refresh(old).json
    assert site.get(new["access_token"]).status_code == 200
    site.clock.advance(OVERLAP)
    answer = site.refresh(old, environ_overrides={"REMOTE_ADDR": "198.51.100.9", "HTTP_USER_AGENT": "thief"})
    assert (answer.status_code, answer.json["error"]) == (401, "token_reused")
    after = site.get(new["access_token"])
    assert (after.json["error"], after.json["reason"]) == ("session_ended", "reuse_detected")
    assert site.refresh(new).json["reason"] == "reuse_detected"
    (event,) = site.told(events.ReuseDetected)
    assert (event.ip, event.session_ip) == ("198.51.100.9", "192.0.2.1")
    assert (event.agent, event.session_agent) == ("thief", "phone")


def test_a_refresh_never_revives(make_any_site):
    """After a logout neither token refreshes anything, and nothing is written (REV-12)."""
    site = make_any_site()
    pair = site.login()
    assert site.send("POST", "/auth/logout", pair["access_token"]).status_code == 204
    written = site.store.count("swap")
    answer = site.refresh(pair)
    assert (answer.status_code, answer.json["error"], answer.json["reason"]) == (401, "session_ended", "logged_out")
    assert site.store.count("swap") == written
