"""Who is asking is known to one request, and to no other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import jsonify, render_template_string

from flask_gosession import current_session, current_user

PAGE = "{% if current_user %}Hello {{ current_user.name }}{% else %}Hello guest{% endif %}"


@pytest.fixture
def pages(make):
    """Return a shop with a public page that greets by name, twice."""
    shop = make(user_loader=lambda subject: {"name": subject.title()} if subject != "ghost" else None)

    @shop.app.get("/page")
    def page():
        return render_template_string(f"{PAGE} {PAGE} {{{{ current_session.client }}}}")

    return shop


def test_a_public_page_greets(pages):
    """current_user and current_session are in every template: falsy for a guest, whatever the token."""
    assert pages.get(pages.pair().access_token, "/page").text == "Hello Ada Hello Ada web"
    for token in (None, "junk", pages.pair("ghost").access_token):
        assert pages.get(token, "/page").text == "Hello guest Hello guest "


def test_a_public_page_while_the_store_is_down(pages, store, caplog):
    """The page is shown as to a guest, with one warning however often it asks."""
    token = pages.pair().access_token
    store.fail("load")
    answer = pages.get(token, "/page")
    assert (answer.status_code, answer.text) == (200, "Hello guest Hello guest ")
    assert [(record.levelname, record.name) for record in caplog.records] == [("WARNING", "flask_gosession")]
    assert pages.get(token, "/page").text == "Hello Ada Hello Ada web"


def test_a_page_that_does_not_ask_costs_nothing(shop, store):
    """A view that never asks who is there makes no round trip and gets no header."""
    shop.app.add_url_rule("/plain", "plain", lambda: "plain")
    token = shop.pair().access_token
    store.calls.clear()
    for answer in (shop.get(token, "/plain"), shop.get("junk", "/plain")):
        assert (answer.text, store.calls) == ("plain", [])
        assert "Vary" not in answer.headers
        assert "Cache-Control" not in answer.headers


def test_the_proxies(shop):
    """The proxies stand for the objects, and are falsy for a guest."""
    seen = []

    @shop.app.get("/proxies")
    def proxies():
        seen.append((bool(current_user), bool(current_session), shop.gosession.current_session is None))
        return ""

    shop.get(None, "/proxies")
    shop.get(shop.pair().access_token, "/proxies")
    assert seen == [(False, False, True), (True, True, False)]


def test_the_session_of_a_view(shop):
    """current_session says what the record says."""
    seen = []

    @shop.app.get("/session")
    @shop.gosession.login_required
    def session():
        seen.append(current_session._get_current_object())
        return repr(current_session)

    pair = shop.pair(client="ios", lifetime=600)
    text = shop.get(pair.access_token, "/session").text
    (found,) = seen
    assert (found.subject, found.sid, found.client, found.actor) == ("ada", pair.sid, "ios", None)
    assert (found.created, found.authenticated, found.expires) == (shop.clock(), shop.clock(), shop.clock() + 600)
    assert found.claims.subject == "ada"
    assert text == f"CurrentSession(sid={pair.sid!r}, client='ios')"


def test_two_clients_under_one_app_context(shop):
    """Requests that share an app context, as tests often do, never see each other's user."""
    ada, bob = shop.pair("ada").access_token, shop.pair("bob").access_token
    with shop.app.app_context():
        seen = [shop.get(token).json.get("sub") for token in (ada, bob, None, ada, "junk", bob)]
    assert seen == ["ada", "bob", None, "ada", None, "bob"]


def test_a_request_within_a_request(shop):
    """A view that asks the app itself for another person stays who it was."""

    @shop.app.get("/outer")
    @shop.gosession.login_required
    def outer():
        before = current_session.subject
        inner = shop.get(bob)
        return jsonify(before, inner.json["sub"], current_session.subject)

    ada, bob = shop.pair("ada").access_token, shop.pair("bob").access_token
    assert shop.get(ada, "/outer").json == ["ada", "bob", "ada"]


def test_many_at_the_same_time(shop):
    """Requests in parallel each see their own person."""
    tokens = {f"user{number}": shop.pair(f"user{number}").access_token for number in range(8)}
    names = list(tokens) * 10
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda name: shop.get(tokens[name]).json["sub"], names))
    assert seen == names


def test_no_context_is_left_behind(shop):
    """After a request nobody is signed in any more."""
    shop.get(shop.pair().access_token)
    with shop.app.app_context():
        assert not current_user
    with shop.app.test_request_context():
        assert not current_user
