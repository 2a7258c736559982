"""No ready-made endpoint takes a body over 64 KiB."""

from __future__ import annotations

import io
import json

import pytest
from sites import error_of

from flask_gosession.endpoints.body_limit import LARGEST

POSTS = ["login", "refresh", "logout", "logout-all", "logout-others", "revoke"]


@pytest.fixture
def shop(make):
    return make(TOKEN_LOCATIONS=("header", "json", "cookie"))


def body_of(size):
    frame = {"username": "ada", "password": "engine", "note": ""}
    return json.dumps({**frame, "note": "x" * (size - len(json.dumps(frame)))}).encode()


def send(shop, path, body, *, chunked=False, kind="application/json"):
    """Send a body with its length, or in chunks: without one, and with a server that knows where they end."""
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"} if chunked else {}
    stream = io.BytesIO(body)
    options = {"input_stream": stream, "content_type": kind, "environ_overrides": environ}
    return shop.send("POST", f"/auth/{path}", **options, **({} if chunked else {"content_length": len(body)}))


@pytest.mark.parametrize("chunked", [False, True])
def test_a_login_of_a_bounded_size(shop, chunked):
    """64 KiB are read and a byte more is 413, with our body, before anything is parsed."""
    assert send(shop, "login", body_of(LARGEST), chunked=chunked).status_code == 200
    answer = send(shop, "login", body_of(LARGEST + 1), chunked=chunked)
    assert error_of(answer) == (413, "body_too_large")
    assert "64 KiB" in answer.json["message"]


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize("path", POSTS)
def test_every_endpoint(shop, path, kind):
    """Whatever the body claims to be, and whichever endpoint it is for."""
    assert error_of(send(shop, path, b"x" * (LARGEST + 1), kind=kind)) == (413, "body_too_large")


def test_the_handlers_of_the_app(shop):
    """An app's own page for 413 answers this, too."""
    shop.app.errorhandler(413)(lambda error: ("too much", 413))
    assert send(shop, "login", body_of(LARGEST + 1)).text == "too much"


def test_other_views_are_not_bounded(shop):
    """The app's own views take what they take."""
    shop.app.add_url_rule("/upload", view_func=lambda: "fine", methods=["POST"])
    assert shop.send("POST", "/upload", data=b"x" * (LARGEST + 1)).text == "fine"
