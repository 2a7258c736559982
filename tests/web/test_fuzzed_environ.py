"""Whatever a WSGI server hands over, also what no client library would send, is never answered with a server error."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from werkzeug.test import create_environ, run_wsgi_app

QUICKLY = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))

RAW = st.text(st.characters(max_codepoint=255), max_size=40)
"""A header's bytes as PEP 3333 hands them over."""
TARGETS = st.sampled_from(
    [
        ("GET", "/me"),
        ("POST", "/me"),
        ("GET", "/maybe"),
        ("GET", "/form"),
        ("POST", "/auth/refresh"),
        ("POST", "/auth/logout"),
        ("POST", "/auth/logout-others"),
        ("GET", "/auth/session"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions/x"),
        ("POST", "/auth/revoke"),
        ("POST", "/auth/introspect"),
    ]
)
HEADERS = st.sampled_from(
    [
        "HTTP_AUTHORIZATION",
        "HTTP_COOKIE",
        "HTTP_ORIGIN",
        "HTTP_REFERER",
        "HTTP_HOST",
        "HTTP_USER_AGENT",
        "HTTP_ACCEPT",
        "HTTP_ACCEPT_LANGUAGE",
        "HTTP_SEC_FETCH_SITE",
        "HTTP_SEC_FETCH_MODE",
        "HTTP_X_GOSESSION_CSRF",
        "HTTP_X_REQUESTED_WITH",
        "HTTP_IF_NONE_MATCH",
    ]
)
SURROUNDINGS = st.fixed_dictionaries(
    {},
    optional={
        "QUERY_STRING": RAW,
        "PATH_INFO": RAW.map(lambda text: f"/auth/sessions/{text}"),
        "CONTENT_TYPE": st.sampled_from(
            [
                "application/json",
                "application/json; charset=utf-7",
                "application/x-www-form-urlencoded",
                "multipart/form-data",
                "multipart/form-data; boundary=x",
                "text/html",
                "\xff",
                "",
            ]
        ),
        "CONTENT_LENGTH": st.sampled_from(["", "0", "-1", "1e3", "x", "7", "99999999999999999999"]),
        "REMOTE_ADDR": st.sampled_from(["", "x", "::1", "127.0.0.1", "fe80::1%eth0", "unix:", "1.2.3.4.5", "\xff"]),
        "SERVER_NAME": st.sampled_from(["", "localhost", "[", "[::1]"]),
        "wsgi.url_scheme": st.sampled_from(["http", "https", ""]),
    },
)


@pytest.fixture
def site(make_site):
    site = make_site(TOKEN_LOCATIONS=("header", "json", "query", "cookie"), BINDING=("ip", "agent"), LOGIN_VIEW="form")
    # As in production: an exception becomes an answer, 500.
    site.app.testing = False
    site.app.config["PROPAGATE_EXCEPTIONS"] = False
    return site


def status_of(site, environ: dict[str, Any]) -> int:
    """Return the status that a server would send on."""
    _, status, _ = run_wsgi_app(site.app, environ, buffered=True)
    return int(status.split()[0])


def environ_of(method: str, path: str, headers: dict[str, str], body: bytes, around: dict[str, Any]) -> dict[str, Any]:
    made = create_environ(path, method=method)
    return {**made, **headers, "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body)), **around}


@QUICKLY
@given(
    target=TARGETS,
    headers=st.dictionaries(HEADERS, RAW, max_size=5),
    body=st.binary(max_size=60),
    around=SURROUNDINGS,
)
def test_any_environ(site, target, headers, body, around):
    """Headers, path, query, body, addresses and lengths of any bytes: an answer below 500."""
    assert status_of(site, environ_of(*target, headers, body, around)) < 500


def test_a_query_of_raw_bytes(site):
    """A query whose bytes no URL may have names no token and no way back (it was a 500)."""

    @site.app.get("/back")
    def back():
        return site.gosession.safe_next("/home")

    odd = {"QUERY_STRING": "access_token=x&next=/\x80"}
    assert status_of(site, environ_of("GET", "/auth/session", {}, b"", odd)) == 401
    assert status_of(site, environ_of("GET", "/back", {}, b"", odd)) == 200


@st.composite
def spoiled(draw: st.DrawFn, token: str) -> str:
    """Return a token with some characters lost, added or replaced, or with parts in another order."""
    if draw(st.booleans()):
        at = draw(st.integers(0, len(token) - 1))
        lost = draw(st.integers(0, 3))
        more = draw(st.text(st.characters(max_codepoint=255), max_size=3))
        return token[:at] + more + token[at + lost :]
    return ".".join(draw(st.permutations(token.split("."))))


SURROUNDING = ' \t\r\n";,'
"""What headers and cookies may have around a value."""

WAYS = {
    "header": lambda token: {"HTTP_AUTHORIZATION": f"Bearer {token}"},
    "cookie": lambda token: {"HTTP_COOKIE": f"gosession_access={token}"},
    "both cookies": lambda token: {"HTTP_COOKIE": f"gosession_access={token}; gosession_refresh={token}"},
}


@QUICKLY
@given(data=st.data(), way=st.sampled_from(sorted(WAYS)), target=TARGETS)
def test_a_token_that_was_changed(site, data, way, target):
    """A genuine token in which something is changed is refused, below 500, and ends nothing."""
    pair = site.pair("ada", cookies=way != "header")
    token = data.draw(spoiled(data.draw(st.sampled_from([pair.access_token, pair.refresh_token]))))
    assume(token.strip(SURROUNDING) not in (pair.access_token, pair.refresh_token))
    assert status_of(site, environ_of(*target, WAYS[way](token), b"", {})) < 500
    assert status_of(site, environ_of("GET", "/me", WAYS["header"](token), b"", {})) == 401
    assert status_of(site, environ_of("GET", "/me", WAYS["header"](pair.access_token), b"", {})) == 200
