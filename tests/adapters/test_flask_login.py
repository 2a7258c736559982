"""Flask-Login over our sessions: its views stay, and each login can be seen, limited and ended."""

from __future__ import annotations

from datetime import timedelta

import flask_login
import pytest
from flask import render_template_string, request, session
from flask.sessions import SecureCookieSessionInterface
from sites import LONG, cookies_of, make_app

from flask_gosession.adapters.flask_login import RevocableLoginManager
from flask_gosession.adapters.session import RecordSessionInterface

from .conftest import act

DAY = 86_400
OURS = {"gosession_access", "gosession_refresh", "gosession_csrf", "gosession_state"}
USERS = {"ada", "bob"}


class User(flask_login.UserMixin):
    """A user as Flask-Login knows them."""

    def __init__(self, name):
        self.id = name


def add_plain_views(app):
    """Add the views of an app that knows Flask-Login alone."""

    @app.post("/login/<name>")
    def login(name):
        given = request.args
        duration = timedelta(days=int(given["days"])) if "days" in given else None
        flask_login.login_user(User(name), remember="remember" in given, duration=duration, fresh="stale" not in given)
        return {}

    @app.post("/logout")
    def logout():
        flask_login.logout_user()
        return {}

    @app.get("/me")
    @flask_login.login_required
    def me():
        return {"me": flask_login.current_user.id, "fresh": flask_login.login_fresh()}

    @app.get("/page")
    def page():
        return render_template_string("{{ current_user.id if current_user.is_authenticated else 'nobody' }}")

    @app.get("/fresh")
    @flask_login.fresh_login_required
    def fresh():
        return "fresh"

    @app.post("/confirm")
    def confirm():
        flask_login.confirm_login()
        return {}


def add_login_views(app, gosession):
    """Add such views, over our sessions, and one that asks us."""
    manager = RevocableLoginManager(app)
    manager.user_loader(lambda name: User(name) if name in USERS else None)
    app.extensions["login_manager"] = manager
    add_plain_views(app)

    @app.get("/native")
    @gosession.login_required
    def native():
        return {"me": gosession.current_session.subject, "fresh": gosession.current_session.fresh}

    @app.route("/do/<name>", methods=["GET", "POST"])
    def do(name):
        return app.extensions["acts"][name]()


@pytest.fixture
def site(make, clock):
    return make(views=add_login_views, LEGACY_UNTIL=clock() + 90 * DAY)


@pytest.fixture
def browser(site):
    browser = site.browser()
    assert cookies_of(browser.post("/login/ada?remember")) >= OURS
    return browser


def close(browser):
    """Let the browser be closed: what does not last is gone."""
    for name in OURS:
        browser.client.delete_cookie(name)
        browser.client.delete_cookie(name, path="/auth")


def sids(site, subject="ada"):
    return [found.sid for found in site.manager.sessions(subject)]


def test_a_login_is_a_session(site):
    """It has a device and a place in the list, and both libraries agree who it is."""
    browser = site.browser(REMOTE_ADDR="203.0.113.7")
    browser.post("/login/ada", headers={"User-Agent": "Firefox"})
    (found,) = site.manager.sessions("ada")
    assert (found.ip, found.remember, found.second) == ("203.0.113.7", False, None)
    assert browser.get("/page").text == "ada"
    assert browser.get("/native").json["me"] == "ada"
    assert browser.cookie("session") is None


def test_it_can_be_ended_from_elsewhere(site, browser):
    """REV-01: after revoke_all the next request is nobody's, also by the remember cookie."""
    site.manager.revoke_all("ada")
    assert browser.get("/me").status_code == 401
    close(browser)
    assert browser.get("/me").status_code == 401


def test_a_limit_holds(make):
    """A login that needs the place of another takes it, and the reason is kept."""
    site = make(views=add_login_views, SESSION_LIMIT=1)
    first, second = site.browser(), site.browser()
    first.post("/login/ada?remember")
    second.post("/login/ada?remember")
    assert (first.get("/me").status_code, second.get("/me").status_code) == (401, 200)
    assert [one.reason for one in site.manager.records.read("ada").record.ended] == ["evicted"]


def test_logging_out_ends_it(site, browser):
    """REV-01: the session ends, all cookies go, and no copy of any of them brings it back."""
    copies = {name: browser.cookie(name) for name in ("gosession_access", "remember_token")}
    assert {*OURS, "remember_token"} <= cookies_of(browser.post("/logout"))
    assert sids(site) == []
    for name, value in copies.items():
        thief = site.browser()
        thief.keep(name, value)
        assert thief.get("/me").status_code == 401


def test_the_remember_cookie_brings_the_same_session_back(site, browser):
    """After the browser was closed the session goes on, in its own place, and is not fresh."""
    (before,) = sids(site)
    close(browser)
    answer = browser.get("/me")
    assert (answer.json, cookies_of(answer) >= OURS) == ({"me": "ada", "fresh": False}, True)
    assert sids(site) == [before]
    assert browser.get("/native").json == {"me": "ada", "fresh": False}
    assert browser.get("/fresh").status_code == 401


def test_its_own_return_does_not_evict_it(make):
    """At a limit of one the remember cookie costs no place of its own."""
    site = make(views=add_login_views, SESSION_LIMIT=1, ON_LIMIT="refuse")
    browser = site.browser()
    browser.post("/login/ada?remember")
    for _ in range(3):
        close(browser)
        assert browser.get("/me").status_code == 200
    assert len(sids(site)) == 1


def test_the_users_id_is_not_in_the_cookie(browser):
    """The cookie that Flask-Login signs holds a credential, and not whose it is for ever."""
    payload = flask_login.decode_cookie(browser.cookie("remember_token"), key=LONG)
    assert payload is not None
    assert payload.count(".") == 2


def test_a_cookie_of_ones_own_making_is_nobody(site):
    """What names a user, signed with the right key, is from before: past the date it counts for nobody."""
    site.clock.advance(90 * DAY)
    browser = site.browser()
    with site.app.app_context():
        browser.keep("remember_token", flask_login.encode_cookie("ada"))
    assert browser.get("/me").status_code == 401
    assert sids(site) == []


def test_whose_cookie_is_from_before_stays(site):
    """A plain remember cookie becomes one session for a browser, however many requests bring it, and is replaced."""
    with site.app.app_context():
        old = flask_login.encode_cookie("ada")
    for _ in range(4):
        browser = site.browser()
        browser.keep("remember_token", old)
        assert browser.get("/me").json == {"me": "ada", "fresh": False}
        assert browser.cookie("remember_token") != old
    assert len(sids(site)) == 1
    close(browser)
    assert browser.get("/me").status_code == 200
    browser.post("/logout")
    browser.keep("remember_token", old)
    assert browser.get("/me").status_code == 401


@pytest.mark.parametrize("how", ["logout", "kicked"])
def test_a_copy_of_a_plain_cookie_ends_with_it(site, how):
    """REV-01: no address or user agent that a client may choose brings it back, and the record does not grow."""
    with site.app.app_context():
        old = flask_login.encode_cookie("ada")
    owner = site.browser()
    owner.keep("remember_token", old)
    assert owner.get("/me").status_code == 200
    if how == "logout":
        owner.post("/logout")
    else:
        site.manager.revoke("ada", sids(site)[0], how)
    for number in range(3):
        thief = site.browser(HTTP_USER_AGENT=f"thief-{number}", REMOTE_ADDR=f"203.0.113.{number}")
        thief.keep("remember_token", old)
        assert thief.get("/me").status_code == 401
    assert (sids(site), len(site.manager.records.read("ada").record.ended)) == ([], 1)


ODD_COOKIES = ["1|\xe9", "\xe9|1", "|", "1", "", "1|" + "0" * 128]


@pytest.mark.parametrize("value", ODD_COOKIES)
def test_an_odd_cookie_is_a_guests(site, value):
    """Whatever bytes a visitor sends as a remember cookie, they are nobody."""
    browser = site.browser()
    browser.keep("remember_token", value)
    assert (browser.get("/page").text, browser.get("/me").status_code) == ("nobody", 401)


def test_an_odd_cookie_beside_a_session_is_no_error(site, browser):
    """With such a remember cookie, an emptied session ends."""

    @act(site)
    def clear():
        session.clear()
        return {}

    browser.keep("remember_token", "1|\xe9")
    assert browser.post("/do/clear").status_code == 200
    assert sids(site) == []


@pytest.mark.parametrize("name", ["", "u" * 256])
def test_a_signed_name_that_nobody_can_have_is_a_guests(site, name):
    """A cookie from before, of either kind, for a user whom no record could hold is nobody's, and no error."""
    with site.app.app_context():
        remember = flask_login.encode_cookie(name)
    signed_in = SecureCookieSessionInterface().get_signing_serializer(site.app).dumps({"_user_id": name, "_id": "x"})
    for cookie, value in (("remember_token", remember), ("session", signed_in)):
        browser = site.browser()
        browser.keep(cookie, value)
        assert browser.get("/me").status_code == 401


def test_a_plain_cookie_of_a_name_beyond_ascii_counts(site):
    """Only the signature is plain by nature: names are in any script."""
    site.app.extensions["login_manager"].user_loader(User)
    browser = site.browser()
    with site.app.app_context():
        browser.keep("remember_token", flask_login.encode_cookie("zo\xeb"))
    assert browser.get("/me").json["me"] == "zo\xeb"


def test_a_plain_cookie_is_refused_after_revoke_all(site):
    """LIF-05: it does not say when it was issued, so that any mark refuses it."""
    site.manager.revoke_all("ada")
    browser = site.browser()
    with site.app.app_context():
        browser.keep("remember_token", flask_login.encode_cookie("ada"))
    assert browser.get("/me").status_code == 401


def test_who_was_signed_in_before_stays(site):
    """Flask's own cookie with Flask-Login's note in it goes on as a session, with its data."""
    values = {"_user_id": "ada", "_fresh": True, "_id": "x", "cart": [1]}
    browser = site.browser()
    browser.keep("session", SecureCookieSessionInterface().get_signing_serializer(site.app).dumps(values))
    assert browser.get("/me").json["me"] == "ada"
    assert site.manager.sessions("ada")[0].data["cart"] == [1]
    assert browser.cookie("session") is None


def test_how_long_it_is_remembered(site):
    """The session lasts as long as the cookie, where the policy allows it."""
    for days, lasts in (("10", 10), ("400", 180)):
        site.browser().post(f"/login/bob?remember&days={days}")
        found = site.manager.sessions("bob")
        assert lasts * DAY in {one.expires - one.created for one in found}


def test_freshness_is_that_of_both(site):
    """LIF-03: a stale login is stale for our guards, too, and a confirmation makes new tokens and both fresh."""
    stale = site.browser()
    stale.post("/login/bob?stale")
    assert (stale.get("/me").json["fresh"], stale.get("/native").json["fresh"]) == (False, False)
    copy = stale.cookie("gosession_access")
    stale.post("/confirm")
    assert (stale.get("/me").json["fresh"], stale.get("/native").json["fresh"]) == (True, True)
    assert stale.cookie("gosession_access") != copy
    assert stale.get("/fresh").text == "fresh"


def test_session_protection_makes_it_stale(browser):
    """Another user agent makes the session stale, for both."""
    assert browser.get("/fresh").status_code == 200
    assert browser.get("/fresh", headers={"User-Agent": "another"}).status_code == 401
    assert browser.get("/native").json["fresh"] is False


def test_strong_session_protection_ends_it(site):
    """In the strong mode the session ends, and with it the remember cookie."""
    site.app.extensions["login_manager"].session_protection = "strong"
    browser = site.browser()
    browser.post("/login/ada?remember")
    cookie = browser.cookie("remember_token")
    assert browser.get("/me", headers={"User-Agent": "another"}).status_code == 401
    assert (browser.cookie("remember_token"), sids(site)) == (None, [])
    browser.keep("remember_token", cookie)
    assert browser.get("/me").status_code == 401


def test_an_emptied_session_is_stale_where_it_is_remembered(site, browser):
    """As in Flask-Login, `session.clear` alone leaves the remember cookie; without one it ends the session."""

    @act(site)
    def clear():
        session.clear()
        return {}

    forgotten = site.browser()
    forgotten.post("/login/bob")
    for visitor in (browser, forgotten):
        visitor.post("/do/clear")
    assert (browser.get("/me").json, len(sids(site))) == ({"me": "ada", "fresh": False}, 1)
    assert (forgotten.get("/me").status_code, sids(site, "bob")) == (401, [])


def test_whoever_may_not_come_in_is_told_in_the_view(make, clock):
    """A ban is raised by `login_user` itself, before any signal says that somebody is in."""
    site = make(views=add_login_views)
    heard = []
    receiver = lambda _app, user: heard.append(user)  # noqa: E731 - a signal keeps it weakly
    flask_login.user_logged_in.connect(receiver, site.app)
    site.manager.ban("ada", until=clock() + 60)
    answer = site.browser().post("/login/ada?remember")
    assert (answer.status_code, answer.json["error"], heard) == (401, "banned", [])
    assert cookies_of(answer) & {*OURS, "remember_token"} == set()


@pytest.mark.parametrize("path", ["/me", "/page", "/fresh"])
def test_a_store_that_is_down_is_a_503(site, browser, path):
    """REV-07: nobody is silently signed out, and the cookies stay."""
    site.store.fail("load", 5)
    answer = browser.get(path)
    assert answer.status_code == 503
    assert cookies_of(answer) == set()


def test_the_page_that_says_so_may_show_the_user(make):
    """An error page with `current_user` in it is shown, as to nobody."""
    site = make(views=add_login_views)
    page = "{{ current_user.is_authenticated }}"
    site.app.register_error_handler(503, lambda _error: (render_template_string(page), 503))
    browser = site.browser()
    browser.post("/login/ada")
    site.store.fail("load", 5)
    answer = browser.get("/page")
    assert (answer.status_code, answer.text) == (503, "False")


def test_what_uses_no_session_asks_for_none(site, browser):
    """A view without `current_user` costs no look at the store."""

    @act(site)
    def static():
        return "plain"

    site.store.calls.clear()
    assert browser.get("/do/static").text == "plain"
    assert site.store.calls == []


def test_the_guests_data_go_along(site):
    """What was in `flask.session` before the login is there after it, and gone for the browser's eyes."""

    @act(site)
    def put():
        session["cart"] = [1]
        return {}

    @act(site)
    def cart():
        return {"cart": session.get("cart")}

    browser = site.browser()
    browser.post("/do/put")
    browser.post("/login/ada")
    assert browser.get("/do/cart").json == {"cart": [1]}
    assert browser.cookie("session") is None


def test_flask_logins_test_client_signs_in(site):
    """Its client for tests makes a session like any other."""
    site.app.test_client_class = flask_login.FlaskLoginClient
    client = site.app.test_client(user=User("ada"))
    assert client.get("/me").json["me"] == "ada"
    assert len(sids(site)) == 1


def test_an_interface_that_is_there_stays(make, guest_store):
    """Guests may be kept in records as well."""
    site = make(views=add_login_views, interface={"guests": "record", "guest_store": guest_store})
    interface = site.app.session_interface
    assert isinstance(interface, RecordSessionInterface)
    assert interface.subject_key == "_user_id"


def test_the_way_back(browser):
    """Under Flask-Login alone the cookies of ours are no error: the person is a guest, and may sign in again."""
    app = make_app()
    flask_login.LoginManager(app).user_loader(lambda name: User(name) if name in USERS else None)
    add_plain_views(app)
    former = app.test_client()
    for cookie in list(browser.client._cookies.values()):
        former.set_cookie(cookie.key, cookie.value, path=cookie.path)
    assert former.get("/me").status_code == 401
    former.post("/login/ada?remember")
    assert former.get("/me").json == {"me": "ada", "fresh": True}
