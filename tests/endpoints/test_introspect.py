"""POST /introspect: RFC 7662, for services that were let in, and for nobody else."""

from __future__ import annotations

import hmac
import math

import pytest
from flask import Response, request
from msgspec.structs import replace
from sites import FIREFOX, IPHONE, error_of

from flask_gosession import Device, events
from flask_gosession.session import encoding as records
from flask_gosession.stores.base import Record

SERVICE = {"Authorization": "Basic c2hvcDpzM2NyZXQ="}


def is_service() -> bool:
    given = request.authorization
    return given is not None and hmac.compare_digest(given.password or "", "s3cret")


LET_IN = {"introspection_auth": is_service}


def ask(shop, token, **options):
    return shop.send("POST", "/auth/introspect", data={"token": token}, headers=SERVICE, **options)


def test_not_there_by_default(make_any):
    """Without a function that says who may ask there is no such endpoint."""
    shop = make_any()
    assert ask(shop, shop.pair().access_token).status_code == 404


def test_an_active_token(make):
    """A live access token is described in the words of RFC 7662, with the claims that the app put in."""
    shop = make(blueprint=LET_IN)
    pair = shop.pair(client="ios", claims={"plan": "pro"})
    answer = ask(shop, pair.access_token)
    now = int(shop.clock())
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_json() == {
        "active": True,
        "token_type": "Bearer",
        "sub": "ada",
        "sid": pair.sid,
        "client": "ios",
        "iat": now,
        "exp": now + pair.expires_in,
        "auth_time": now,
        "plan": "pro",
    }


def test_an_opaque_token(make):
    """A reference token, which says nothing itself, is described as fully."""
    shop = make(blueprint=LET_IN, TOKEN_MODE="opaque")
    pair = shop.pair(claims={"plan": "pro"})
    body, now = ask(shop, pair.access_token).get_json(), int(shop.clock())
    assert (body["active"], body["sub"], body["sid"], body["plan"]) == (True, "ada", pair.sid, "pro")
    assert (body["iat"], body["exp"] - now) == (now, pair.expires_in)


def test_own_claims_cannot_lie(make_any):
    """The app's own claims never stand in for what the server says of a token."""
    shop = make_any(blueprint=LET_IN)
    pair = shop.pair(claims={"active": False, "token_type": "refresh_token"})
    body = ask(shop, pair.access_token).get_json()
    assert (body["active"], body["token_type"]) == (True, "Bearer")


def test_stored_claims_that_no_json_can_hold(make):
    """They are left out (bytes in an opaque session's claims were a 500)."""
    shop = make(blueprint=LET_IN, TOKEN_MODE="opaque")
    pair = shop.pair(claims={"plan": "pro"})
    stored = shop.store.load("ada")
    whole = records.read(stored.value, "ada")
    claims = {"plan": "pro", "raw": b"\xff", "odd": math.nan}
    spoiled = replace(whole, sessions=tuple(replace(one, extra_claims=claims) for one in whole.sessions))
    shop.store.swap("ada", stored.etag, Record(records.encode(spoiled), b"damaged!"), shop.clock() + 86_400)
    body = ask(shop, pair.access_token).get_json()
    assert (body["active"], body["plan"], "raw" in body, "odd" in body) == (True, "pro", False, False)


def test_a_refresh_token(make):
    """A refresh token is active and says that it is one, without the access token's claims (TOK-17)."""
    shop = make(blueprint=LET_IN)
    pair = shop.pair(claims={"plan": "pro"})
    body = ask(shop, pair.refresh_token).get_json()
    assert (body["active"], body["token_type"], body["sid"]) == (True, "refresh_token", pair.sid)
    assert "plan" not in body


def test_a_rotated_refresh_token(make):
    """The parent of a refresh token is active while it would be honoured, and then no longer (REF-03)."""
    shop = make(blueprint=LET_IN)
    pair = shop.pair()
    renewed = shop.manager.refresh(pair.refresh_token)
    assert ask(shop, pair.refresh_token).get_json()["active"] is True
    shop.manager.check(renewed.access_token)
    shop.clock.advance(70)
    assert ask(shop, pair.refresh_token).get_json() == {"active": False}
    assert ask(shop, pair.access_token).get_json() == {"active": False}
    assert ask(shop, renewed.refresh_token).get_json()["active"] is True


def test_an_impersonated_session(make_any):
    """A session in somebody's name says who is behind it, and is over with theirs (RFC 8693 section 4.1)."""
    shop = make_any(blueprint=LET_IN)
    root = shop.pair("root")
    pair = shop.manager.impersonate(shop.manager.authenticate(root.access_token), "ada")
    body = ask(shop, pair.access_token).get_json()
    assert (body["sub"], body["act"]) == ("ada", {"sub": "root"})
    assert "auth_time" not in body
    shop.manager.logout(root.access_token)
    assert ask(shop, pair.access_token).get_json() == {"active": False}


def logged_out(shop, pair):
    shop.manager.logout(pair.access_token)


def kicked(shop, pair):
    shop.manager.revoke("ada", pair.sid, "kicked", message="Out!")


def banned(shop, pair):
    shop.manager.ban("ada", until=shop.clock() + 60, reason="spam")


def too_old(shop, pair):
    shop.clock.advance(4000)


@pytest.mark.parametrize("end", [logged_out, kicked, banned, too_old])
def test_an_ended_one(make_any, end):
    """Whatever has ended a session, its token is not active, and nothing else is told (RFC 7662 section 2.2)."""
    shop = make_any(blueprint=LET_IN, IDLE_TIMEOUT=3600)
    pair = shop.pair()
    end(shop, pair)
    answer = ask(shop, pair.access_token)
    assert (answer.status_code, answer.get_json()) == (200, {"active": False})


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "v1.x.y.z.w", "é\0", "x" * 20_000])
def test_garbage(make_any, token):
    """Garbage is not active, and costs no store trip."""
    shop = make_any(blueprint=LET_IN)
    assert ask(shop, token).get_json() == {"active": False}
    assert shop.store.calls == []


def test_another_audiences_token(make):
    """A token of the same issuer and secret, but for somebody else, is not active (TOK-13)."""
    shop, elsewhere = make(blueprint=LET_IN), make(AUDIENCE="elsewhere")
    assert ask(shop, elsewhere.pair().access_token).get_json() == {"active": False}
    assert shop.store.calls == []


def test_a_user_who_is_gone(make_any):
    """A token whose user the loader no longer knows is not active, as it is not accepted either."""
    users = {"ada": {"name": "Ada"}}
    shop = make_any(blueprint=LET_IN, loader=users.get, USER_TTL=0)
    pair = shop.pair()
    assert ask(shop, pair.access_token).get_json()["active"] is True
    users.clear()
    assert ask(shop, pair.access_token).get_json() == {"active": False}


def test_to_be_asked_about_is_not_to_be_used(make_any):
    """Introspection neither slides the idle end nor counts as a token's first use."""
    shop = make_any(blueprint=LET_IN)
    pair = shop.pair()
    shop.clock.advance(800)
    shop.store.calls.clear()
    ask(shop, pair.refresh_token or pair.access_token)
    verbs = [call.verb for call in shop.store.calls if call.verb != "purge"]  # that comes when it likes
    assert verbs == ["load"]


async def no_async() -> bool:
    return False


def a_response() -> Response:
    return Response("no", 401)


@pytest.mark.parametrize(
    "auth",
    [lambda: False, lambda: None, no_async, a_response, lambda: ("no", 401), lambda: "no", lambda: 1],
    ids=["false", "none", "async", "response", "tuple", "text", "number"],
)
def test_unauthorised(make_any, auth):
    """Whoever is not let in by True itself is 401 and told nothing: other truthy answers, too, mean no."""
    shop = make_any(blueprint={"introspection_auth": auth})
    pair = shop.pair()
    shop.store.calls.clear()
    answer = ask(shop, pair.access_token)
    assert error_of(answer) == (401, "invalid_client")
    assert "ada" not in answer.get_data(as_text=True)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert shop.store.calls == []


def test_async_yes(make):
    """The function may be async."""

    async def yes() -> bool:
        return is_service()

    shop = make(blueprint={"introspection_auth": yes})
    pair = shop.pair()
    assert ask(shop, pair.access_token).get_json()["active"] is True
    assert error_of(shop.send("POST", "/auth/introspect", data={"token": pair.access_token})) == (401, "invalid_client")


def test_a_persons_token_lets_nobody_in(make_any):
    """To be signed in is no right to ask about others."""
    shop = make_any(blueprint=LET_IN)
    pair = shop.pair()
    assert error_of(shop.send("POST", "/auth/introspect", pair.access_token, data={"token": pair.access_token})) == (
        401,
        "invalid_client",
    )


@pytest.mark.parametrize("form", [{}, {"token": ""}])
def test_without_a_token(make, form):
    """A form without a token is 400, and for those only who may ask."""
    shop = make(blueprint=LET_IN)
    assert error_of(shop.send("POST", "/auth/introspect", data=form, headers=SERVICE)) == (400, "invalid_request")
    assert error_of(shop.send("POST", "/auth/introspect", data=form)) == (401, "invalid_client")


def test_store_down(make_any):
    """While the store is down nothing is known: 503, and not that a token is inactive."""
    shop = make_any(blueprint=LET_IN)
    pair = shop.pair()
    shop.store.fail("load")
    assert error_of(ask(shop, pair.access_token)) == (503, "store_unavailable")


def test_times_are_the_servers(make):
    """The end that is told moves with a refresh and never past the session's."""
    shop = make(blueprint=LET_IN, ACCESS_LIFETIME=600, ABSOLUTE_TIMEOUT=700)
    pair = shop.pair()
    shop.clock.advance(300)
    renewed = shop.manager.refresh(pair.refresh_token)
    body = ask(shop, renewed.access_token).get_json()
    assert body["exp"] <= pair.session_expires_at
    assert body["exp"] == int(shop.clock()) + renewed.expires_in


PLACE = {"ip": "192.0.2.10", "agent": FIREFOX}


def ask_for(shop, token, **place):
    return shop.send("POST", "/auth/introspect", data={"token": token, **place}, headers=SERVICE)


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_session_that_is_bound(make, kind):
    """With BINDING_ACTION = "refuse" a token from elsewhere is not active, and the service has to say from where."""
    shop = make(blueprint=LET_IN, BINDING=("ip", "agent"), BINDING_ACTION="refuse")
    token = getattr(shop.pair(device=Device(**PLACE)), kind)
    assert ask_for(shop, token, **PLACE).json["active"] is True
    for name, other in (("ip", "198.51.100.1"), ("agent", IPHONE), ("ip", ""), ("agent", "")):
        answer = ask_for(shop, token, **{**PLACE, name: other})
        assert (answer.status_code, answer.json) == (200, {"active": False}), (name, other)
        unsaid = ask_for(shop, token, **{one: value for one, value in PLACE.items() if one != name})
        assert error_of(unsaid) == (400, "invalid_request")
        assert f"needs the client's {name}" in unsaid.json["message"]


@pytest.mark.parametrize("action", ["signal", "step_up"])
def test_a_session_that_has_moved_and_may(make, action):
    """With other actions it is active, and a move that the service knows of is told."""
    shop = make(blueprint=LET_IN, BINDING="ip", BINDING_ACTION=action)
    token = shop.pair(device=Device(**PLACE)).access_token
    assert ask_for(shop, token).json["active"] is True
    assert shop.told(events.BindingChanged) == []
    assert ask_for(shop, token, ip="198.51.100.1").json["active"] is True
    (event,) = shop.told(events.BindingChanged)
    assert (event.changed, event.ip) == ("ip", "198.51.100.1")
