"""The app's user loader: how it is given, and what views see of its answer."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flask import current_app, g
from sites import make_app

from flask_gosession import GoSession, current_user


@dataclass
class Person:
    name: str


@pytest.fixture
def people():
    return {"ada": Person("Ada")}


def add_name(shop):
    @shop.app.get("/name")
    @shop.gosession.login_required
    def name():
        return current_user.name


def test_by_the_constructor(make, people):
    """A loader given to GoSession is the app's."""
    shop = make(user_loader=people.get)
    add_name(shop)
    assert shop.get(shop.pair().access_token, "/name").text == "Ada"


def test_by_the_decorator(shop, people):
    """A loader registered afterwards is used from then on; the decorator returns the function itself."""
    add_name(shop)

    @shop.gosession.user_loader
    def load(subject):
        return people.get(subject)

    assert load("ada") is people["ada"]
    assert shop.get(shop.pair().access_token, "/name").text == "Ada"


def test_before_init_app(people, clock):
    """A loader registered before init_app serves every app that comes."""
    gosession = GoSession(clock=clock)
    gosession.user_loader(people.get)
    app = make_app()
    gosession.init_app(app)
    app.add_url_rule("/name", view_func=gosession.login_required(lambda: current_user.name))
    with app.app_context():
        token = gosession.manager.login("ada").access_token
    assert app.test_client().get("/name", headers={"Authorization": f"Bearer {token}"}).text == "Ada"


@pytest.mark.parametrize("given", ["constructor", "decorator"])
def test_an_async_loader(make, people, given):
    """An async loader is awaited, and cached like any other."""
    asked = []

    async def load(subject: str) -> Person | None:
        asked.append(subject)
        return people.get(subject)

    shop = make(user_loader=load) if given == "constructor" else make()
    if given == "decorator":
        shop.gosession.user_loader(load)
    add_name(shop)
    token = shop.pair().access_token
    assert [shop.get(token, "/name").text for _ in range(3)] == ["Ada"] * 3
    assert asked == ["ada"]


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_loader_that_asks_who_is_signed_in_is_told(make, kind):
    """A loader that leads back to the current user is an error with a sentence, not a request that hangs."""

    def load(subject):
        return {"sub": subject, "boss": current_user["sub"]}

    async def load_async(subject):
        return load(subject)

    shop = make(user_loader=load if kind == "plain" else load_async)
    token = shop.pair().access_token
    with pytest.raises(RuntimeError, match="the very user that it is loading"):
        shop.get(token)


def test_the_loader_runs_in_the_app(make):
    """A loader may use the app and the request's `g`."""
    shop = make(user_loader=lambda subject: {"app": current_app.name, "tenant": g.tenant})

    @shop.app.before_request
    def tenant():
        g.tenant = "red"

    assert shop.get(shop.pair().access_token).json["user"] == {"app": "shop", "tenant": "red"}


def test_no_such_user_is_401(make, people):
    """A live session of a user who is gone is refused, at once and from the cache."""
    shop = make(user_loader=people.get)
    token = shop.pair("ghost").access_token
    for _ in range(2):
        answer = shop.get(token)
        assert (answer.status_code, answer.json["error"]) == (401, "user_not_found")


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_user_who_is_gone_cannot_refresh(make, people, kind):
    """LIF-01: the loader, plain or async, is asked at a refresh, and None refuses it."""

    async def load_async(subject):
        return people.get(subject)

    shop = make(user_loader=people.get if kind == "plain" else load_async)
    shop.app.register_blueprint(shop.gosession.blueprint())
    token = shop.pair(idle=86_400).refresh_token
    del people["ada"]
    answers = [shop.get(token, "/auth/refresh", method="POST") for _ in range(2)]
    assert [(each.status_code, each.json["error"]) for each in answers] == [(401, "user_not_found")] * 2
    people["ada"] = Person("Ada")
    shop.clock.advance(301)
    assert shop.get(token, "/auth/refresh", method="POST").status_code == 200


def test_a_loader_s_own_exception_is_the_app_s(make):
    """What a loader raises is not turned into an answer of ours."""

    def load(subject):
        raise ZeroDivisionError(subject)

    shop = make(user_loader=load)
    with pytest.raises(ZeroDivisionError):
        shop.get(shop.pair().access_token)
    shop.app.testing = False
    shop.app.config["PROPAGATE_EXCEPTIONS"] = False
    assert shop.get(shop.pair().access_token).status_code == 500


def test_asked_once_a_request_without_a_cache(make):
    """With USER_TTL = 0 the loader is asked once in a request, however often the view asks for the user."""
    asked = []

    def load(subject):
        asked.append(subject)
        return object()

    shop = make(user_loader=load, USER_TTL=0)

    @shop.app.get("/same")
    @shop.gosession.login_required
    def same():
        return str(shop.gosession.current_user is shop.gosession.current_user)

    token = shop.pair().access_token
    assert shop.get(token, "/same").text == "True"
    assert len(asked) == 1
    shop.get(token, "/same")
    assert len(asked) == 2


def test_without_a_loader_the_user_is_the_subject(shop):
    """An app that registers no loader has users that are their subject, and nothing is cached."""
    assert shop.get(shop.pair().access_token).json == {"sub": "ada", "user": {"sub": "ada"}}
