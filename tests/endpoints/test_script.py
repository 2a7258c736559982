"""GET /gosession.js: the browser module."""

from __future__ import annotations

from importlib.resources import files

SOURCE = files("flask_gosession.endpoints").joinpath("static", "gosession.js").read_bytes()


def test_the_module(make):
    """The module as it is shipped, as a module: without its media type a browser would not run it."""
    answer = make().send("GET", "/auth/gosession.js")
    assert (answer.status_code, answer.data) == (200, SOURCE)
    assert answer.content_type == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"


def test_not_sent_twice(make):
    """Whoever has it already gets 304 and no body, by its ETag."""
    shop = make()
    etag = shop.send("GET", "/auth/gosession.js").headers["ETag"]
    again = shop.send("GET", "/auth/gosession.js", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    assert shop.send("GET", "/auth/gosession.js", headers={"If-None-Match": '"other"'}).status_code == 200


def test_head(make):
    """Its length can be asked for alone."""
    answer = make().send("HEAD", "/auth/gosession.js")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.content_length == len(SOURCE)


def test_no_store_no_cookie(make):
    """It costs no store trip and is the same for everybody."""
    shop = make(TOKEN_LOCATIONS=("cookie",))
    browser = shop.browser()
    browser.sign_in()
    shop.store.calls.clear()
    answer = browser.get("/auth/gosession.js")
    assert "Set-Cookie" not in answer.headers
    assert "Vary" not in answer.headers
    assert shop.store.calls == []
