"""Reference tokens: what is special about them; everything else here runs with both kinds of token."""

from __future__ import annotations

import base64
import hashlib

import pytest

from flask_gosession import events

TIMES = {"expires_in", "refresh_after", "session_expires_at"}
BODY = {*TIMES, "access_token", "token_type", "refresh_token", "refresh_expires_in"}


@pytest.fixture
def site(make_site):
    return make_site(TOKEN_MODE="opaque", IDLE_TIMEOUT=1000, ABSOLUTE_TIMEOUT=5000, TOUCH_INTERVAL=60)


def secret_of(token):
    part = token.split(".")[7]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def stored(site, subject="ada"):
    return site.store.store.load(subject).value


def test_a_pair_that_does_not_end_by_itself(site):
    """There are two tokens; the access token lives until the idle end, and is refreshed within an access lifetime."""
    pair = site.login(access_lifetime=100)
    assert set(pair) == BODY
    assert pair["access_token"].startswith("v2.access.")
    assert pair["refresh_token"].startswith("v2.refresh.")
    assert (pair["expires_in"], pair["refresh_expires_in"]) == (1000, 5000)
    assert 50 <= pair["refresh_after"] <= 90


def test_the_secrets_are_hashed_at_rest(site):
    """The record holds the SHA-256 of the secrets, never a secret or a token (REF-05)."""
    pair = site.login()
    tokens = pair["access_token"], pair["refresh_token"]
    for token in tokens:
        assert hashlib.sha256(secret_of(token)).digest() in stored(site)
        assert secret_of(token) not in stored(site)
        assert token.encode() not in stored(site)


def test_use_extends_it(site):
    """Each use moves the idle end, never past the absolute one; the token stays the same."""
    token = site.login()["access_token"]
    for _ in range(5):
        site.clock.advance(900)
        assert site.get(token).status_code == 200
    site.clock.advance(499)
    assert site.get(token).status_code == 200
    site.clock.advance(1)
    assert site.get(token).json["error"] == "session_expired"


def test_a_superseded_token_ends_with_the_overlap(site):
    """The access token before a refresh is good for the overlap after the new one's first use, and no longer."""
    old = site.login()
    new = site.refresh(old).json
    assert site.get(new["access_token"]).json["sid"] == old["access_token"].split(".")[3]
    assert site.get(old["access_token"]).status_code == 200
    site.clock.advance(70)
    assert site.get(old["access_token"]).json["error"] == "token_rotated"
    assert site.get(new["access_token"]).status_code == 200
    assert len(site.told(events.Refreshed)) == 1


def test_a_theft_is_detected(site):
    """A superseded refresh token ends the session, as a signed one does (REF-03)."""
    old = site.login()
    new = site.refresh(old).json
    assert site.get(new["access_token"]).status_code == 200
    site.clock.advance(70)
    assert site.refresh(old).json["error"] == "token_reused"
    assert site.get(new["access_token"]).json["reason"] == "reuse_detected"


def test_a_new_pair_leaves_as_cookies(make_site):
    """In cookie mode the new pair replaces the cookies, and is not in the body."""
    site = make_site(TOKEN_MODE="opaque", TOKEN_LOCATIONS=("cookie",))
    browser = site.browser()
    assert set(browser.login().json) == TIMES
    old = browser.cookie("gosession_access")
    answer = browser.post("/auth/refresh")
    assert set(answer.json) == TIMES
    assert browser.cookie("gosession_access") != old
    assert browser.get().status_code == 200


def test_the_subject_can_be_read_and_nothing_be_changed(site):
    """The subject stands in the token in clear; another one, or another session, needs the key (TOK-16)."""
    ada, bob = site.login()["access_token"].split("."), site.login("bob")["access_token"].split(".")
    assert base64.urlsafe_b64decode(ada[2] + "==").startswith(b"ada")
    site.store.calls.clear()
    for part in (2, 3, 6, 7):
        forged = ".".join([*ada[:part], bob[part], *ada[part + 1 :]])
        assert site.get(forged).json["error"] == "token_invalid"
    assert site.store.calls == []


def test_who_reads_the_store_cannot_sign_in(site):
    """The stored hash in the place of the secret opens nothing (REF-05)."""
    parts = site.login()["access_token"].split(".")
    digest = hashlib.sha256(secret_of(".".join(parts))).digest()
    parts[7] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert site.get(".".join(parts)).status_code == 401
