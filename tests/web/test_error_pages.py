"""Refusals in an app with error handlers and pages of its own: the app answers as it always does."""

from __future__ import annotations

import logging

import pytest
from flask import Blueprint, get_flashed_messages, jsonify
from sites import make_app
from werkzeug.exceptions import Conflict, Forbidden, ServiceUnavailable, Unauthorized

from flask_gosession import AuthError, ConfigError, GoSession

PAGE = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def refuse(site, status):
    """Return the answer of a request that is refused with that status."""
    if status == 401:
        return site.get(None)
    token = site.login()["access_token"]
    if status == 403:
        return site.get(token, "/boss")
    if status == 409:
        return site.browser().login("ada", limit=1, on_limit="refuse")
    site.store.fail("load", 5)
    return site.get(token)


@pytest.fixture
def site(make_site):
    site = make_site()
    site.app.add_url_rule("/boss", "boss", site.gosession.roles_required("boss")(lambda: "boss"))
    return site


@pytest.mark.parametrize("status", [401, 403, 409, 503])
def test_the_app_s_handler_of_the_status_answers(site, status):
    """An ``errorhandler`` for 401, 403, 409 or 503 gets our refusals, too."""
    site.app.register_error_handler(status, lambda error: (f"the app: {error.error}", status))
    assert refuse(site, status).text.startswith("the app: ")


@pytest.mark.parametrize("kind", [Unauthorized, Forbidden, Conflict, ServiceUnavailable])
def test_the_app_s_handler_of_werkzeug_s_class_answers(site, kind):
    """The same for werkzeug's classes of these statuses."""
    site.app.register_error_handler(kind, lambda error: (error.description, kind.code, {"X-By": "the app"}))
    assert refuse(site, kind.code).headers["X-By"] == "the app"


def test_the_realm_s_handler_comes_first(site):
    """What is registered with the realm answers before what the app has for the status, the class or a blueprint."""
    desk = Blueprint("desk", __name__)
    desk.add_url_rule("/desk", "desk", site.gosession.login_required(lambda: "desk"))
    for owner in (site.app, desk):
        for kind in (401, AuthError, Unauthorized):
            owner.register_error_handler(kind, lambda error: ("the app", 401))
    site.app.register_blueprint(desk)
    site.gosession.error_handler("token_missing")(lambda error: ("the realm", 401))
    assert [site.get(None, path).text for path in ("/me", "/desk")] == ["the realm", "the realm"]
    assert site.get("x").text == "the app"


def test_the_login_view_comes_before_the_app_s_handler(make_site):
    """A browser is sent to sign in, a script gets what the app answers to a 401."""
    site = make_site(LOGIN_VIEW="sign_in")
    site.app.add_url_rule("/sign-in", "sign_in", lambda: "")
    site.app.register_error_handler(401, lambda error: ("the app", 401))
    assert site.get(None, headers=PAGE).status_code == 303
    assert site.get(None).text == "the app"


def test_a_role_refused_is_a_page_in_a_browser(site):
    """A person reads a sentence, a script JSON."""
    token = site.login()["access_token"]
    answer = site.get(token, "/boss", headers=PAGE)
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert "You do not have permission to do this." in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert site.get(token, "/boss").json["error"] == "insufficient_scope"


def test_a_form_refused_as_forged_is_a_page_and_the_log_says_why(make_site, caplog):
    """The person reads a sentence, and the developer what was missing."""
    browser = make_site(TOKEN_LOCATIONS=("cookie",)).browser()
    browser.login()
    with caplog.at_level(logging.WARNING, "flask_gosession"):
        answer = browser.post(csrf=False, headers=PAGE)
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert "reload the page" in answer.text
    assert "POST /me was refused as forged (CSRF): " in caplog.text


def test_what_was_sent_never_becomes_markup(make_site):
    """A message is text on the page, also one that an administrator has written with angle brackets."""
    site = make_site()
    token = site.login()["access_token"]
    site.manager.revoke_all("ada", "kicked", message="<script>alert(1)</script>")
    assert "<script>" not in site.get(token, headers=PAGE).text


@pytest.mark.parametrize(
    ("view", "leads"),
    [
        ("pages.sign_in", "/pages/sign-in?next=%2Fme"),
        ("/enter", "/enter?next=%2Fme"),
        ("/enter?lang=en", "/enter?lang=en&next=%2Fme"),
        ("http://localhost/enter", "http://localhost/enter?next=%2Fme"),
        ("https://id.example/enter", "https://id.example/enter?next=http%3A%2F%2Flocalhost%2Fme"),
    ],
)
def test_the_login_view_is_an_endpoint_a_path_or_an_address(make_site, view, leads):
    """The way back is a path on this host, and a whole address where another host asks for the password."""
    site = make_site(LOGIN_VIEW=view)
    pages = Blueprint("pages", __name__, url_prefix="/pages")
    pages.add_url_rule("/sign-in", "sign_in", lambda: "")
    site.app.register_blueprint(pages)
    assert site.get(None, headers=PAGE).headers["Location"] == leads


def test_a_login_page_named_by_its_path_is_open(make_site):
    """`protect` leaves the login page open, and it never redirects to itself."""
    site = make_site(LOGIN_VIEW="/enter", LOGIN_VIEWS={"desk": "/desk/enter"})
    site.app.add_url_rule("/enter", "enter", lambda: "please")
    site.app.add_url_rule("/desk/enter", "desk_enter", lambda: "please")
    site.gosession.protect(site.app)
    assert [site.get(None, path, headers=PAGE).status_code for path in ("/enter", "/desk/enter")] == [200, 200]
    assert site.get(None, "/me", headers=PAGE).status_code == 303


@pytest.mark.parametrize(
    ("view", "advice"),
    [("sign_in", 'did you mean "pages.sign_in"?'), ("x", "a path begins with /"), ("report", "needs arguments")],
)
def test_a_login_view_that_does_not_exist_lets_nothing_start(make_site, view, advice):
    """The first request, of whatever page, says what is wrong: not the first refusal, months later."""
    site = make_site(LOGIN_VIEW=view)
    site.app.add_url_rule("/health", "health", lambda: "ok")
    site.app.add_url_rule("/report/<name>", "report", lambda name: name)
    pages = Blueprint("pages", __name__, url_prefix="/pages")
    pages.add_url_rule("/sign-in", "sign_in", lambda: "")
    site.app.register_blueprint(pages)
    for _ in range(2):
        with pytest.raises(ConfigError) as refused:
            site.get(None, "/health")
        assert advice in str(refused.value)


@pytest.mark.parametrize("view", ["//evil.example", "javascript:alert(1)", "ftp://x/", "/a\\b", "a b", "https://", 1])
def test_what_can_be_no_login_view_is_refused_at_once(view):
    """An address that leads nowhere is told by init_app."""
    with pytest.raises(ConfigError, match="LOGIN_VIEW must be"):
        GoSession(make_app(LOGIN_VIEW=view))


def test_a_blueprint_has_a_login_view_of_its_own(make_site):
    """Or none: then its browsers get the refusal itself."""
    site = make_site(LOGIN_VIEW="/enter", LOGIN_VIEWS={"desk": "/desk/enter", "api": None})
    for name in ("desk", "api", "shop"):
        blueprint = Blueprint(name, __name__, url_prefix=f"/{name}")
        blueprint.add_url_rule("/", "home", site.gosession.login_required(lambda: ""))
        site.app.register_blueprint(blueprint)
    answers = [site.get(None, f"/{name}/", headers=PAGE) for name in ("desk", "api", "shop")]
    assert [answer.status_code for answer in answers] == [303, 401, 303]
    assert [answers[0].location, answers[2].location] == ["/desk/enter?next=%2Fdesk%2F", "/enter?next=%2Fshop%2F"]


class Lazy:
    """Text that is translated when it is shown, as flask-babel has it."""

    def __str__(self):
        return "Bitte anmelden."


@pytest.mark.parametrize(
    ("message", "flashed"),
    [
        (None, [["warning", "Please sign in."]]),
        ("Members only.", [["warning", "Members only."]]),
        (Lazy(), [["warning", "Bitte anmelden."]]),
        (lambda error: f"({error.error})", [["warning", "(token_missing)"]]),
        (lambda error: None, []),
        ("", []),
    ],
    ids=["default", "text", "lazy", "function", "function of nothing", "nothing"],
)
def test_what_is_flashed(make_site, message, flashed):
    """Text, category and translation are the app's to choose."""
    site = make_site(LOGIN_VIEW="sign_in", LOGIN_MESSAGE=message, LOGIN_MESSAGE_CATEGORY="warning")
    site.app.add_url_rule("/sign-in", "sign_in", lambda: jsonify(get_flashed_messages(with_categories=True)))
    browser = site.browser()
    browser.get(headers=PAGE)
    assert browser.get("/sign-in").json == flashed
