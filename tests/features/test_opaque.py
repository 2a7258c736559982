"""Reference tokens: what is special about them; everything else here runs with both kinds of token."""

from __future__ import annotations

import base64
import hashlib

import pytest

from flask_gosession import events

BODY = {"access_token", "token_type", "expires_in", "refresh_after", "session_expires_at"}


@pytest.fixture
def site(make):
    return make(TOKEN_MODE="opaque", IDLE_TIMEOUT=1000, ABSOLUTE_TIMEOUT=5000, TOUCH_INTERVAL=60)


def secret_of(token):
    part = token.split(".")[3]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def stored(site, subject="ada"):
    return site.store.store.load(subject).value


def test_one_token_alone(site):
    """There is no refresh token; the token lives until the idle end."""
    pair = site.login()
    assert set(pair) == BODY
    assert pair["access_token"].startswith("v1.")
    assert pair["expires_in"] == 1000


def test_the_secret_is_hashed_at_rest(site):
    """The record holds the SHA-256 of the secret, never the secret or the token (REF-05)."""
    token = site.login()["access_token"]
    value = stored(site)
    assert hashlib.sha256(secret_of(token)).digest() in value
    assert secret_of(token) not in value
    assert token.encode() not in value
    site.refresh({"access_token": token})
    assert hashlib.sha256(secret_of(token)).digest() not in stored(site)


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


def test_a_new_secret_kills_the_old_at_once(site):
    """A refresh gives a new secret to the same session; the old one opens nothing, without any grace."""
    old = site.login()
    new = site.refresh(old).json
    assert new["access_token"] != old["access_token"]
    assert site.get(new["access_token"]).json["sid"] == old["access_token"].split(".")[2]
    for answer in (site.get(old["access_token"]), site.refresh(old)):
        assert (answer.status_code, answer.json["error"]) == (401, "token_rotated")
    assert site.get(new["access_token"]).status_code == 200
    assert len(site.told(events.Refreshed)) == 1


def test_a_new_secret_leaves_as_a_cookie(make):
    """In cookie mode the new secret replaces the cookie, and is not in the body."""
    site = make(TOKEN_MODE="opaque", TOKEN_LOCATIONS=("cookie",))
    browser = site.browser()
    assert set(browser.login().json) == BODY - {"access_token", "token_type"}
    old = browser.cookie("gosession_access")
    answer = browser.post("/auth/refresh")
    assert set(answer.json) == BODY - {"access_token", "token_type"}
    assert browser.cookie("gosession_access") != old
    assert browser.get().status_code == 200


def test_the_subject_can_be_read_and_nothing_be_changed(site):
    """The subject stands in the token in clear; another one, or another session, needs the key (TOK-16)."""
    ada, bob = site.login()["access_token"].split("."), site.login("bob")["access_token"].split(".")
    assert base64.urlsafe_b64decode(ada[1] + "==").startswith(b"ada")
    site.store.calls.clear()
    for part in range(1, 4):
        forged = ".".join([*ada[:part], bob[part], *ada[part + 1 :]])
        assert site.get(forged).json["error"] == "token_invalid"
    assert site.store.calls == []


def test_who_reads_the_store_cannot_sign_in(site):
    """The stored hash in the place of the secret opens nothing (REF-05)."""
    parts = site.login()["access_token"].split(".")
    digest = hashlib.sha256(secret_of(".".join(parts))).digest()
    parts[3] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert site.get(".".join(parts)).status_code == 401
