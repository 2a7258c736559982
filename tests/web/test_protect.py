"""A whole app, or a blueprint, asks for a login, but for what is marked public."""

from __future__ import annotations

import asyncio

import pytest
from flask import Blueprint
from flask.views import MethodView

from flask_gosession import public


def text(body):
    return lambda: body


@pytest.fixture
def site(make_any_site, tmp_path):
    site = make_any_site(LOGIN_VIEW="sign_in")
    app, gosession = site.app, site.gosession
    app.static_folder = str(tmp_path)
    (tmp_path / "style.css").write_text("body{}")
    app.add_url_rule("/page", "page", text("page"))
    app.add_url_rule("/open", "open", public(text("open")))
    app.add_url_rule("/sign-in", "sign_in", text("sign in"))

    @app.get("/async")
    async def later():
        await asyncio.sleep(0)
        return "async"

    @app.get("/async-open")
    @public
    async def open_later():
        return "async"

    class Items(MethodView):
        def get(self):
            return "items"

        def post(self):
            return "made"

    @public
    class Prices(MethodView):
        def get(self):
            return "prices"

    class Offers(Prices):
        pass

    class Drafts(MethodView):
        decorators = (gosession.login_required,)

        def get(self):
            return "drafts"

    class Secrets(MethodView):
        decorators = (gosession.fresh_login_required,)

        async def get(self):
            return "secrets"

    for view in (Items, Prices, Offers, Drafts, Secrets):
        app.add_url_rule(f"/{view.__name__.lower()}", view_func=view.as_view(view.__name__.lower()))
    return site


def statuses(site, paths, token=None):
    return {path: status(site, path, token) for path in paths}


def status(site, path, token):
    with site.get(token, path) as answer:  # a static file stays open with its answer
        return answer.status_code


OPEN = ["/open", "/sign-in", "/async-open", "/prices", "/static/style.css", "/auth/jwks.json"]
CLOSED = ["/page", "/async", "/items", "/offers", "/drafts", "/secrets", "/maybe", "/form"]


def test_everything_but_the_public(site):
    """Static files, the login view, the blueprint's public endpoints and @public are open; all else asks."""
    token = site.manager.login("ada").access_token
    site.gosession.protect(site.app)
    assert statuses(site, OPEN) == dict.fromkeys(OPEN, 200)
    assert statuses(site, CLOSED) == dict.fromkeys(CLOSED, 401)
    assert statuses(site, [*OPEN, *CLOSED], token) == dict.fromkeys([*OPEN, *CLOSED], 200)


def test_without_protect_only_the_decorated(site):
    """Protection is asked for, never assumed."""
    decorated = {"/drafts", "/secrets"}
    for path, status in statuses(site, [*OPEN, *CLOSED]).items():
        assert status == (401 if path in decorated else 200)


def test_every_method_of_a_view(site):
    """A MethodView is protected whole; Flask's answer to OPTIONS is open, as a browser asks it without credentials."""
    site.gosession.protect(site.app)
    assert site.send("POST", "/items", None).status_code == 401
    assert site.send("HEAD", "/items", None).status_code == 401
    assert site.send("OPTIONS", "/items", None).status_code == 200


def test_a_view_that_answers_options_is_protected(site):
    """OPTIONS that runs a view is refused to guests, in a function and in a MethodView."""

    class Answers(MethodView):
        def options(self):
            return "answered"

    site.app.add_url_rule("/function", "function", text("answered"), methods=["GET", "OPTIONS"])
    site.app.add_url_rule("/methods", view_func=Answers.as_view("methods"))
    site.gosession.protect(site.app)
    token = site.manager.login("ada").access_token
    for path in ("/function", "/methods"):
        assert site.send("OPTIONS", path, None).status_code == 401
        assert site.send("OPTIONS", path, token).text == "answered"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/page", 405)])
def test_what_is_not_there_stays_so(site, method, path, status):
    """404 and 405 are no secrets, and never a redirect to the login view."""
    site.gosession.protect(site.app)
    for headers in ({}, {"Accept": "text/html"}):
        assert site.send(method, path, None, headers=headers).status_code == status


def test_the_blueprint_s_own_endpoints(site):
    """Refresh, logout and keys are reached by guests; the list of sessions is not."""
    site.gosession.protect(site.app)
    assert site.send("POST", "/auth/logout", None).status_code == 204
    assert site.send("POST", "/auth/refresh", None).json["error"] == "token_missing"
    assert site.get(None, "/auth/sessions").status_code == 401


def test_a_blueprint_alone(make_any_site):
    """protect(blueprint) asks on its routes, and on no others."""
    site = make_any_site()
    desk = Blueprint("desk", __name__, url_prefix="/desk")
    desk.add_url_rule("/", "home", text("desk"))
    desk.add_url_rule("/help", "help", public(text("help")))
    site.gosession.protect(desk)
    site.app.register_blueprint(desk)
    site.app.add_url_rule("/page", "page", text("page"))
    assert statuses(site, ["/desk/", "/desk/help", "/page"]) == {"/desk/": 401, "/desk/help": 200, "/page": 200}
    token = site.login()["access_token"]
    assert site.get(token, "/desk/").text == "desk"


def test_a_view_called_static_is_no_static_file(make_any_site):
    """A view that happens to have the name of the static endpoint is asked for a login like any other."""
    site = make_any_site()
    desk = Blueprint("desk", __name__, url_prefix="/desk")
    desk.add_url_rule("/static-report", "static", text("figures"))
    site.app.register_blueprint(desk)
    site.gosession.protect(site.app)
    assert status(site, "/desk/static-report", None) == 401


def test_a_user_who_is_gone_is_out(make_any_site):
    """Protection asks for the user, too, not for the session alone."""
    users = {"ada": {"name": "Ada"}}
    site = make_any_site(loader=users.get)
    site.app.add_url_rule("/page", "page", text("page"))
    site.gosession.protect(site.app)
    token = site.manager.login("ada").access_token
    assert site.get(token, "/page").status_code == 200
    users.clear()
    site.manager.users.forget("ada")
    assert site.get(token, "/page").json["error"] == "user_not_found"


def test_an_async_loader(make_any_site):
    """An async user loader works in plain and in async views."""

    async def loader(subject: str):
        await asyncio.sleep(0)
        return {"name": subject.title()}

    site = make_any_site(loader=loader)

    @site.app.get("/plain")
    @site.gosession.login_required
    def plain():
        return site.gosession.current_user["name"]

    @site.app.get("/async")
    @site.gosession.login_required
    async def later():
        await asyncio.sleep(0)
        return site.gosession.current_user["name"]

    token = site.login()["access_token"]
    assert [site.get(token, path).text for path in ("/plain", "/async")] == ["Ada", "Ada"]
    site.manager.users.forget("ada")
    assert site.get(token, "/async").text == "Ada"


def test_the_store_is_down(site):
    """A protected page is 503 then, never open and never 401; a public one is shown."""
    token = site.manager.login("ada").access_token
    site.gosession.protect(site.app)
    site.store.fail("load", 2)
    answer = site.get(token, "/page")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert site.get(token, "/open").status_code == 200
