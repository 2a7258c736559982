"""A refresh over HTTP: by header or cookie, converging, and never past the end of the session."""

from __future__ import annotations

from flask_gosession import events

PAIR = {
    "access_token",
    "token_type",
    "expires_in",
    "refresh_after",
    "refresh_token",
    "refresh_expires_in",
    "session_expires_at",
}


def test_the_pair_tells_a_client_all_it_needs_to_plan(make):
    """A login answers with both tokens, how long they live, when to refresh, and when the session ends."""
    site = make(ACCESS_LIFETIME="10m", ABSOLUTE_TIMEOUT="1h", IDLE_TIMEOUT="1h")
    pair = site.login()
    assert set(pair) == PAIR
    assert pair["token_type"] == "Bearer"
    assert 0 < pair["refresh_after"] < pair["expires_in"] <= 600
    assert pair["refresh_expires_in"] in (3599, 3600)
    assert pair["session_expires_at"] == int(site.clock() + 3600)


def test_access_tokens_end_up_to_a_twentieth_early(make):
    """The access expiry is jittered by up to -5 %, and never later than configured."""
    site = make(ACCESS_LIFETIME=1000)
    lifetimes = {site.login(f"user-{number}")["expires_in"] for number in range(30)}
    assert len(lifetimes) > 3
    assert min(lifetimes) >= 949
    assert max(lifetimes) <= 1000


def test_a_refresh_by_header_gives_a_new_pair(make):
    """POST /auth/refresh takes the refresh token from the Authorization header and answers 200 with a new pair."""
    site = make()
    old = site.login()
    answer = site.refresh(old)
    assert answer.status_code == 200
    assert set(answer.json) == PAIR
    assert answer.headers["Cache-Control"] == "no-store"
    assert site.get(answer.json["access_token"]).json["sub"] == "ada"
    assert site.told(events.Refreshed)[0].gen == 1


def test_a_refresh_by_cookie_leaves_as_cookies(make):
    """What came by a cookie goes by a cookie: the body of the answer holds no token (COO-05)."""
    site = make(TOKEN_LOCATIONS=("cookie",))
    browser = site.browser()
    browser.login()
    before = browser.cookie("gosession_refresh", "/auth")
    answer = browser.post("/auth/refresh")
    assert answer.status_code == 200
    assert set(answer.json) == {"expires_in", "refresh_after", "session_expires_at"}
    assert browser.cookie("gosession_refresh", "/auth") not in (None, before)
    assert browser.get().status_code == 200


def test_no_refresh_moves_the_absolute_end(make):
    """The end fixed at login is never extended, and past it there is nothing to refresh (REV-04, REV-12)."""
    site = make(ABSOLUTE_TIMEOUT=1000, IDLE_TIMEOUT=1000, ACCESS_LIFETIME=400)
    pair = site.login()
    end = pair["session_expires_at"]
    for _ in range(3):
        site.clock.advance(300)
        pair = site.refresh(pair).json
        assert pair["session_expires_at"] == end
    assert pair["expires_in"] <= 100
    site.clock.advance(111)
    assert site.refresh(pair).json["error"] == "token_expired"


GARBAGE = [
    "x",
    "a.b.c",
    "victim_x",
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ2aWN0aW0ifQ.",
    "." * 50,
    "A" * 9000,
    "v1.dmljdGlt.AAAAAAAAAAAAAAAAAAAAAA.AAAA.AAAA",
    "\xe9\xe8",
]


def test_garbage_costs_no_store_trip(make_any):
    """An invented refresh token is refused before the store is asked (TOK-15, REV-12)."""
    site = make_any()
    for token in GARBAGE:
        answer = site.send("POST", "/auth/refresh", token)
        assert (answer.status_code, answer.json["error"] in {"token_malformed", "token_invalid"}) == (401, True), token
    assert site.store.calls == []


def test_nothing_presented_is_told_without_an_error(make_any):
    """A refresh without a token gets the bare challenge (HTT-03)."""
    site = make_any()
    answer = site.send("POST", "/auth/refresh", None)
    assert (answer.status_code, answer.json["error"]) == (401, "token_missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_an_access_token_refreshes_nothing(make):
    """The other kind of token is told so (TOK-17)."""
    site = make()
    answer = site.send("POST", "/auth/refresh", site.login()["access_token"])
    assert (answer.status_code, answer.json["error"]) == (401, "token_type")


def test_a_lost_answer_tried_again_gets_the_same_successor(make):
    """While the successor is unused the parent is honoured without end (REF-03, REF-07)."""
    site = make()
    pair = site.login()
    site.refresh(pair)
    site.clock.advance(3600)
    again = site.refresh(pair)
    assert again.status_code == 200
    assert site.get(again.json["access_token"]).status_code == 200
    assert len(site.told(events.Refreshed)) == 1


def test_a_refresh_view_that_looks_at_the_user_does_not_use_the_successor(make):
    """What the server itself asks during the refresh is no first use: the answer may still be lost (REF-07)."""
    site = make()

    @site.app.post("/refresh-and-look")
    def refresh_and_look():
        pair = site.gosession.refresh()
        assert site.gosession.current_session.subject == "ada"
        return pair.to_dict()

    pair = site.login()
    site.send("POST", "/refresh-and-look", pair["refresh_token"])
    site.clock.advance(60)
    assert site.refresh(pair).status_code == 200


def test_an_older_token_is_rotated_until_the_newer_one_was_used(make):
    """A grandparent is told token_rotated while the current pair is unused or inside the grace; the session lives."""
    site = make()
    first = site.login()
    second = site.refresh(first).json
    third = site.refresh(second).json
    for seconds in (0, 9):
        site.clock.advance(seconds)
        assert site.refresh(first).json["error"] == "token_rotated"
        assert site.get(third["access_token"]).status_code == 200


def test_a_thief_after_first_use_ends_the_session(make):
    """Reuse after the grace ends the session and tells it once, with both addresses (REF-03)."""
    site = make()
    old = site.login(environ={"REMOTE_ADDR": "192.0.2.1"})
    new = site.refresh(old).json
    assert site.get(new["access_token"]).status_code == 200
    site.clock.advance(11)
    answer = site.refresh(old, environ_overrides={"REMOTE_ADDR": "198.51.100.9"})
    assert (answer.status_code, answer.json["error"]) == (401, "token_reused")
    after = site.get(new["access_token"])
    assert (after.json["error"], after.json["reason"]) == ("session_ended", "reuse_detected")
    assert site.refresh(new).json["reason"] == "reuse_detected"
    (event,) = site.told(events.ReuseDetected)
    assert (event.ip, event.session_ip) == ("198.51.100.9", "192.0.2.1")


def test_a_refresh_never_revives(make_any):
    """After a logout neither token refreshes anything, and nothing is written (REV-12)."""
    site = make_any()
    pair = site.login()
    assert site.send("POST", "/auth/logout", pair["access_token"]).status_code == 204
    written = site.store.count("swap")
    answer = site.refresh(pair)
    assert (answer.status_code, answer.json["error"], answer.json["reason"]) == (401, "session_ended", "logged_out")
    assert site.store.count("swap") == written
