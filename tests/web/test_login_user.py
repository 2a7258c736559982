"""login_user and logout_user: whom they take, and what the rest of the request sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from flask import jsonify, request

from flask_gosession import current_session, current_user
from flask_gosession.errors import TokenRotated


@dataclass
class Account:
    pk: int


@pytest.fixture
def site(shop):
    """Return the shop with views that sign in and out."""
    shop.options = {}

    @shop.app.post("/login")
    def login():
        return shop.gosession.login_user(request.json["user"], **shop.options).to_dict()

    @shop.app.post("/logout")
    def logout():
        return jsonify(ended=shop.gosession.logout_user().count, guest=not current_user)

    return shop


def sign_in(site, user, token=None, **options):
    return site.get(token, "/login", method="POST", json={"user": user}, **options)


@pytest.mark.parametrize(("user", "subject"), [("ada", "ada"), (7, "7"), ("7", "7"), (-1, "-1"), ("é_:{}/", "é_:{}/")])
def test_text_and_numbers_are_subjects(site, user, subject):
    """A str or int is the subject; the answer is the pair, as OAuth spells it, not to be cached (COO-05)."""
    answer = sign_in(site, user)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.json) == {
        *("access_token", "refresh_token", "token_type", "expires_in", "refresh_expires_in"),
        *("refresh_after", "session_expires_at"),
    }
    assert site.get(answer.json["access_token"]).json["sub"] == subject
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("user", [None, True, 1.5, ["ada"], {"name": "ada"}])
def test_other_objects_need_a_getter(site, user):
    """Anything else is a TypeError that says what to pass or register."""
    with pytest.raises(TypeError, match=r"pass user.id.*@gosession.subject_getter"):
        sign_in(site, user)


def test_a_getter_finds_the_subject(shop):
    """With a subject_getter an object of the app can be signed in; text and numbers still can."""
    shop.gosession.subject_getter(lambda account: account.pk)
    for user, subject in ((Account(7), "7"), (8, "8"), ("nine", "nine")):
        with shop.app.test_request_context():
            pair = shop.gosession.login_user(user)
        assert shop.get(pair.access_token).json["sub"] == subject


def test_an_async_getter(shop):
    """A subject_getter may be async."""

    async def subject_of(account: Account) -> int:
        return account.pk

    shop.gosession.subject_getter(subject_of)
    with shop.app.test_request_context():
        pair = shop.gosession.login_user(Account(7))
    assert shop.get(pair.access_token).json["sub"] == "7"


def test_the_subject_has_a_name(shop):
    """What is signed in can be given by name, to login_user and to impersonate."""
    token = shop.pair("admin").access_token
    with shop.app.test_request_context(headers={"Authorization": f"Bearer {token}"}):
        pair = shop.gosession.impersonate(subject="ada")
    with shop.app.test_request_context():
        other = shop.gosession.login_user(subject="bob")
    assert [shop.get(one.access_token).json["sub"] for one in (pair, other)] == ["ada", "bob"]


async def department(subject: str) -> dict[str, str]:
    return {"department": "ours", "of": subject}


@pytest.mark.parametrize("load", [lambda subject: {"department": "ours", "of": subject}, department])
def test_claims_of_every_login(shop, load):
    """A claims_loader, plain or async, adds claims to each access token; those given at the login win."""
    assert shop.gosession.claims_loader(load) is load
    with shop.app.test_request_context():
        first = shop.gosession.login_user(7)
        second = shop.gosession.login_user(7, claims={"department": "theirs"})
        acting = shop.gosession.impersonate("bob")
    claims = [shop.manager.claims(pair.access_token).extra for pair in (first, second)]
    assert claims == [{"department": "ours", "of": "7"}, {"department": "theirs", "of": "7"}]
    assert shop.manager.claims(acting.access_token).extra["of"] == "bob"
    refreshed = shop.manager.refresh(second.refresh_token)
    assert shop.manager.claims(refreshed.access_token).extra == claims[1]


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_claims_of_every_refresh(shop, kind):
    """LIF-01: a claims_loader, registered whenever, is asked at each refresh, and by the manager's own login."""
    roles = {"ada": "editor"}

    async def load_async(subject: str) -> dict[str, str]:
        return {"role": roles[subject]}

    shop.gosession.claims_loader((lambda subject: {"role": roles[subject]}) if kind == "plain" else load_async)
    shop.app.register_blueprint(shop.gosession.blueprint())
    pair = shop.pair()
    roles["ada"] = "reader"
    answer = shop.get(pair.refresh_token, "/auth/refresh", method="POST").json
    claims = [shop.manager.claims(token).extra for token in (pair.access_token, answer["access_token"])]
    assert claims == [{"role": "editor"}, {"role": "reader"}]


@pytest.mark.parametrize("loaded", [{"sub": "bob"}, {"act": {"sub": "bob"}}])
def test_a_claims_loader_cannot_lie(shop, store, loaded):
    """Reserved names are refused from a claims_loader as from a view, before anything is written."""
    shop.gosession.claims_loader(lambda _subject: loaded)
    with shop.app.test_request_context(), pytest.raises(ValueError, match="reserved"):
        shop.gosession.login_user("ada")
    assert store.calls == []


def test_a_claims_loader_may_have_none(shop):
    """Where the loader has nothing to say, the token has no claims of the app."""
    shop.gosession.claims_loader(lambda _subject: None)
    with shop.app.test_request_context():
        pair = shop.gosession.login_user("ada")
    assert shop.manager.claims(pair.access_token).extra == {}


@pytest.mark.parametrize("found", [None, 1.5, "", Account(1)])
def test_a_getter_that_finds_no_subject(shop, store, found):
    """A getter that returns no subject is an error, and nobody is signed in."""
    shop.gosession.subject_getter(lambda _account: found)
    with shop.app.test_request_context(), pytest.raises((TypeError, ValueError), match="a subject"):
        shop.gosession.login_user(Account(7))
    assert store.calls == []


def test_the_device_is_who_asked(site):
    """HTT-08: address and user agent are those of the connection, whatever the forwarding headers say."""
    headers = {"User-Agent": "Phone/1", "X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.2"}
    sign_in(site, "ada", headers=headers, environ_overrides={"REMOTE_ADDR": "203.0.113.7"})
    (session,) = site.manager.sessions("ada")
    assert (session.ip, session.agent) == ("203.0.113.7", "Phone/1")


def test_the_session_of_the_request_ends(site):
    """REV-05: who signs in with a token of a session leaves that session, whoever it was of, also when it expired."""
    first = sign_in(site, "ada").json["access_token"]
    second = sign_in(site, "ada", first).json["access_token"]
    assert len(site.manager.sessions("ada")) == 1
    site.clock.advance(3600)
    third = sign_in(site, "bob", second).json["access_token"]
    assert site.manager.sessions("ada") == []
    assert site.get(third).json["sub"] == "bob"


@pytest.mark.parametrize("junk", ["junk", "a.b.c", ""])
def test_junk_beside_a_login_is_nothing(site, junk):
    """A token that is none does not keep anybody from signing in, and ends nothing."""
    site.pair("ada")
    assert sign_in(site, "ada", junk).status_code == 200
    assert len(site.manager.sessions("ada")) == 2


def test_the_rest_of_the_request_is_the_new_person(shop):
    """After login_user the view sees the new user and session, and its data is kept; after logout_user nobody."""
    seen: list[Any] = []

    @shop.app.post("/switch")
    def switch():
        seen.append(str(current_user and current_user["sub"]))
        pair = shop.gosession.login_user("bob")
        current_session.data["cart"] = [1]
        seen.append((current_user["sub"], current_session.sid == pair.sid))
        return pair.to_dict()

    @shop.app.post("/leave")
    def leave():
        shop.gosession.logout_user()
        return jsonify(bool(current_user), bool(current_session))

    token = shop.get(shop.pair().access_token, "/switch", method="POST").json["access_token"]
    assert seen == ["ada", ("bob", True)]
    assert shop.manager.sessions("bob")[0].data == {"cart": [1]}
    assert shop.get(token, "/leave", method="POST").json == [False, False]


def test_a_look_at_the_new_session_is_no_use_of_it(shop):
    """REF-07: what the view asks about its own new tokens does not end the old ones, whose answer may be lost."""
    parent = shop.pair()

    @shop.app.post("/renew")
    def renew():
        pair = shop.gosession.refresh()
        assert current_user["sub"] == "ada"
        return pair.to_dict()

    lost = shop.get(parent.refresh_token, "/renew", method="POST").json
    shop.clock.advance(71)
    again = shop.get(parent.refresh_token, "/renew", method="POST")
    assert again.status_code == 200
    assert again.json["access_token"] != lost["access_token"]
    assert shop.get(again.json["access_token"]).status_code == 200


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_logout_with_either_token(site, which):
    """REV-01, REV-07: either token signs out, again and again, and the next request is refused with the reason."""
    pair = site.pair()
    for ended in (1, 0):
        answer = site.get(getattr(pair, which), "/logout", method="POST")
        assert (answer.status_code, answer.json) == (200, {"ended": ended, "guest": True})
    refused = site.get(pair.access_token)
    assert (refused.status_code, refused.json["error"], refused.json["reason"]) == (401, "session_ended", "logged_out")
    assert refused.json["at"] == int(site.clock())


@pytest.mark.parametrize("token", [None, "junk", "a.b.c"])
def test_logout_of_nobody_is_no_error(site, store, token):
    """REV-07: who brings no token of ours is signed out already, without a look at the store."""
    assert site.get(token, "/logout", method="POST").json["ended"] == 0
    assert store.calls == []


def test_logout_while_the_store_is_down(site, store):
    """REV-07: nobody is told that they are signed out who is not."""
    token = site.pair().access_token
    store.fail("load")
    assert site.get(token, "/logout", method="POST").status_code == 503
    assert site.get(token).status_code == 200


def test_a_token_that_came_by_a_message(shop):
    """authenticate_token checks a token outside of any request, and raises what a view would."""
    pair = shop.pair()
    newer = shop.manager.refresh(pair.refresh_token)
    with shop.app.app_context():
        assert shop.gosession.authenticate_token(newer.access_token).subject == "ada"
        shop.clock.advance(70)
        with pytest.raises(TokenRotated):
            shop.gosession.authenticate_token(pair.access_token)
