"""What a client holds, and that no driver is imported before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from flask_gosession import client as auth
from flask_gosession.client import Tokens

from .little_server import START, Clock, LittleServer


def test_a_refresh_is_due_when_the_server_said() -> None:
    """`refresh_after` counts from the receipt, so that a wrong clock of ours does not matter."""
    answer = LittleServer(Clock()).pair()
    tokens = Tokens.from_answer(answer, now=50)
    assert not tokens.due(50 + answer["refresh_after"] - 1)
    assert tokens.due(50 + answer["refresh_after"])


def test_tokens_kept_as_text_are_due_by_their_own_claims() -> None:
    """Without an answer, a JWT's own times tell when to refresh; an opaque token waits to be told."""
    access = LittleServer(Clock()).access
    assert not Tokens.from_text(access, "refresh").due(START + 449)
    assert Tokens.from_text(access, "refresh").due(START + 810)
    assert not Tokens.from_text("v1.opaque", "refresh").due(START * 2)


def test_without_a_refresh_token_nothing_is_due() -> None:
    """Tokens that cannot be refreshed are never due."""
    assert not Tokens("access", None, START).due(START + 1)


@pytest.mark.parametrize(
    "answer",
    [{}, {"access_token": 1, "refresh_after": 1}, {"access_token": "a"}, {"access_token": "a", "refresh_after": "1"}],
)
def test_what_is_no_answer_is_refused(answer: dict[str, object]) -> None:
    """An object without the token and its time is not taken for tokens."""
    with pytest.raises(ValueError, match="not the answer"):
        Tokens.from_answer(answer, START)


@pytest.mark.parametrize(
    ("base", "path"), [("api.test", "/x"), ("ftp://a", "/x"), ("http://a", "http://b/x"), ("http://a", "//b/x")]
)
def test_an_origin_that_is_none_is_refused(base: str, path: str) -> None:
    """The base URL is absolute and the refresh stays on its origin, or the start fails."""
    with pytest.raises(ValueError, match=r"origin|absolute"):
        auth.RequestsAuth(Tokens("a"), base_url=base, refresh_path=path)


@pytest.mark.parametrize(
    ("base", "url", "covered"),
    [
        ("https://api.test", "https://API.test:443/x", True),
        ("https://api.test", "http://api.test/x", False),
        ("https://api.test", "https://api.test.evil.test/x", False),
        ("https://api.test", "https://api.test@evil.test/x", False),
        ("https://api.test", "https://evil.test/https://api.test", False),
        ("https://api.test", "https://api.test:99999/x", False),
        ("https://api.test", "file:///x", False),
    ],
)
def test_only_the_same_origin_is_covered(base: str, url: str, covered: bool) -> None:
    """Scheme, host and port decide, and nothing that merely looks alike."""
    assert auth.RequestsAuth(Tokens("a"), base_url=base).keeper.covers(url) is covered


def test_no_driver_is_imported_unasked() -> None:
    """Importing the client package, its auth module included, imports neither httpx nor requests."""
    code = "import sys, flask_gosession.client; sys.exit('httpx' in sys.modules or 'requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("name", "driver"), [("HTTPXAuth", "httpx"), ("RequestsAuth", "requests")])
def test_a_missing_driver_names_the_extra(name: str, driver: str) -> None:
    """Where the driver is not installed, the error says what to install."""
    code = f"import sys; sys.modules['{driver}'] = None; from flask_gosession.client import {name}"
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "Flask-GoSession[client]" in run.stderr


def test_unknown_names_are_attribute_errors() -> None:
    """A name that is not there reads as one that is not there."""
    with pytest.raises(AttributeError):
        _ = auth.Nothing
