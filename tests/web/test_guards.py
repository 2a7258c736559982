"""What login_required asks for, in each of its forms, on each kind of view."""

from __future__ import annotations

import asyncio

import pytest
from flask import jsonify
from flask.views import MethodView

from flask_gosession import ConfigError, GoSession, current_session, current_user, login_required

GUEST = {"sub": None}


def who():
    return jsonify(sub=current_session.subject if current_session else None)


@pytest.fixture
def guarded(shop):
    """Return a function that adds a guarded view and asks it with a token."""

    def add(decorate):
        path = f"/view{len(shop.app.url_map._rules)}"
        shop.app.add_url_rule(path, path, decorate(who))
        return lambda token=None, **options: shop.get(token, path, **options)

    return add


def test_bare(shop, guarded):
    """Without parentheses, with empty ones, and from the package: a session is needed."""
    token = shop.pair().access_token
    forms = (shop.gosession.login_required, shop.gosession.login_required(), login_required)
    for ask in [guarded(decorate) for decorate in forms]:
        assert ask(token).json == {"sub": "ada"}
        assert (ask().status_code, ask().json["error"]) == (401, "token_missing")


def test_optional(shop, guarded):
    """A guest may pass, a token that is wrong may not: the client should know."""
    ask = guarded(shop.gosession.login_required(optional=True))
    token = shop.pair().access_token
    assert ask().json == GUEST
    assert ask(token).json == {"sub": "ada"}
    assert ask("junk").json["error"] == "token_malformed"
    shop.manager.revoke_all("ada")
    assert ask(token).json["error"] == "session_ended"


def test_lenient(shop, guarded):
    """With "lenient" whoever has no session is a guest, whatever is wrong with the token."""
    ask = guarded(shop.gosession.login_required(optional="lenient"))
    token = shop.pair().access_token
    assert ask(token).json == {"sub": "ada"}
    shop.clock.advance(3600)
    for nobody in (None, "junk", token):
        answer = ask(nobody)
        assert (answer.status_code, answer.json) == (200, GUEST)


def test_lenient_about_an_unknown_user(make):
    """A session of a user who does not exist is a guest where guests may pass, and has no session either."""
    shop = make(user_loader=lambda _subject: None)
    shop.app.add_url_rule("/lenient", "lenient", shop.gosession.login_required(optional="lenient")(who))
    shop.app.add_url_rule("/optional", "optional", shop.gosession.login_required(optional=True)(who))
    token = shop.pair().access_token
    assert shop.get(token, "/lenient").json == GUEST
    assert shop.get(token, "/optional").json["error"] == "user_not_found"


@pytest.mark.parametrize("optional", [True, "lenient"])
def test_a_store_that_is_down_makes_no_guest(shop, store, guarded, optional):
    """Where a session is optional, a store that is down is still a 503: who is asking is not known."""
    ask = guarded(shop.gosession.login_required(optional=optional))
    token = shop.pair().access_token
    store.fail("load")
    assert ask(token).status_code == 503


def test_fresh(shop, guarded):
    """The credentials must have been seen within FRESH_LIFETIME, or the time that the view names (RFC 9470)."""
    usual = guarded(shop.gosession.login_required(fresh=True))
    short = guarded(shop.gosession.fresh_login_required(within="1m"))
    token = shop.pair(access_lifetime=3600).access_token
    for seconds, expected in ((60, (200, 200)), (1, (200, 401)), (839, (200, 401)), (1, (401, 401))):
        shop.clock.advance(seconds)
        assert (usual(token).status_code, short(token).status_code) == expected
    assert "max_age=60" in short(token).headers["WWW-Authenticate"]
    assert short().json["error"] == "token_missing"


def test_a_guest_is_never_asked_to_be_fresh(shop, guarded):
    """Fresh with optional concerns those who are signed in."""
    ask = guarded(shop.gosession.login_required(optional=True, fresh=True))
    token = shop.pair(access_lifetime=3600).access_token
    shop.clock.advance(901)
    assert ask().json == GUEST
    assert ask(token).json["error"] == "fresh_login_required"


@pytest.mark.parametrize("level", ["memory", "", "Strict", 0])
def test_a_wrong_level_is_an_error_at_once(shop, level):
    """A level that does not exist is an error where the view is written, not at the first request."""
    shop.gosession.login_required(level="strict")
    with pytest.raises(ConfigError, match='use "strict", "cached" or "signature"'):
        shop.gosession.login_required(level=level)


@pytest.mark.parametrize("within", ["soon", 0, -1, None.__class__, True, "0s"])
def test_a_wrong_time_is_an_error_at_once(shop, within):
    """What is no time is an error where the view is written."""
    with pytest.raises(ConfigError, match="within="):
        shop.gosession.fresh_login_required(within=within)


def test_a_role_decorator_needs_names(shop):
    """`@roles_required` without parentheses would take the view for a role: an error at once."""
    with pytest.raises(ConfigError, match="takes the names of roles"):
        shop.gosession.roles_required(who)


def test_a_preflight_passes(shop, store):
    """A preflight carries no credentials: Flask's own answer to OPTIONS needs none, and not the store either."""
    shop.app.add_url_rule("/cors", "cors", shop.gosession.login_required(lambda: "answered"))
    answer = shop.get(None, "/cors", method="OPTIONS")
    assert (answer.status_code, answer.text) == (200, "")
    assert shop.get(None, "/cors").status_code == 401
    assert store.calls == []


def _function(decorate):
    return {"view_func": decorate(lambda: "answered"), "methods": ["GET", "OPTIONS"]}


def _method_view(decorate):
    class Answers(MethodView):
        decorators = (decorate,)

        def get(self):
            return "answered"

        def options(self):
            return "answered"

    return {"view_func": Answers.as_view("answers")}


def _single_method(decorate):
    class Answers(MethodView):
        @decorate
        def options(self):
            return "answered"

    return {"view_func": Answers.as_view("answers")}


def _told_not_to(decorate):
    return {"view_func": decorate(lambda: "answered"), "methods": ["OPTIONS"], "provide_automatic_options": False}


@pytest.mark.parametrize("kind", [_function, _method_view, _single_method, _told_not_to])
def test_a_view_that_answers_options_is_guarded_as_any(shop, kind):
    """OPTIONS that runs a view runs it for signed-in users only."""
    shop.app.add_url_rule("/cors", "cors", **kind(shop.gosession.login_required))
    answer = shop.get(None, "/cors", method="OPTIONS")
    assert (answer.status_code, answer.json["error"]) == (401, "token_missing")
    assert shop.get(shop.pair().access_token, "/cors", method="OPTIONS").text == "answered"


def test_method_views(shop):
    """The decorator works in MethodView.decorators, and on single methods."""

    class Orders(MethodView):
        decorators = (shop.gosession.login_required,)

        def get(self):
            return who()

    class Items(MethodView):
        def get(self):
            return "public"

        @shop.gosession.login_required
        def post(self):
            return who()

    shop.app.add_url_rule("/orders", view_func=Orders.as_view("orders"))
    shop.app.add_url_rule("/items", view_func=Items.as_view("items"))
    token = shop.pair().access_token
    assert shop.get(token, "/orders").json == {"sub": "ada"}
    assert shop.get(None, "/orders").status_code == 401
    assert shop.get(None, "/items").text == "public"
    assert shop.get(None, "/items", method="POST").status_code == 401
    assert shop.get(token, "/items", method="POST").json == {"sub": "ada"}


def test_async_views(shop):
    """An async view is awaited, sees who is asking across its awaits, and is guarded like any other."""

    @shop.app.get("/slow/<int:number>")
    @shop.gosession.login_required
    async def slow(number):
        before = current_user["sub"]
        await asyncio.sleep(0)
        return jsonify(before, current_session.subject, number)

    assert shop.get(shop.pair().access_token, "/slow/7").json == ["ada", "ada", 7]
    assert shop.get(None, "/slow/7").status_code == 401


def test_stacked_decorators_ask_once(shop, store, guarded):
    """However many decorators, a request makes one round trip."""
    guards = shop.gosession
    ask = guarded(lambda view: guards.login_required(guards.fresh_login_required(guards.login_required(view))))
    token = shop.pair().access_token
    store.calls.clear()
    assert ask(token).status_code == 200
    assert [call.verb for call in store.calls] == ["load"]


def test_the_name_of_the_view_stays(shop):
    """A decorated view keeps its name and docstring, which Flask and tools go by."""
    assert shop.gosession.login_required(who).__name__ == "who"
    assert shop.gosession.fresh_login_required(test_bare).__doc__ == test_bare.__doc__


def test_a_view_that_is_called_by_another(shop):
    """A guarded view called from within another request guards that request."""
    guarded = shop.gosession.login_required(who)
    shop.app.add_url_rule("/outer", "outer", lambda: guarded())  # noqa: PLW0108 - called in the request
    assert shop.get(None, "/outer").status_code == 401
    assert shop.get(shop.pair().access_token, "/outer").json == {"sub": "ada"}


def test_the_decorators_of_an_extension_without_an_app():
    """Decorators can be used before any app is there."""
    assert callable(GoSession().login_required(who))
