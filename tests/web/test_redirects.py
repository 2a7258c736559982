"""Where a person may be sent after signing in (HTT-07)."""

from __future__ import annotations

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.utils import redirect

from flask_gosession import safe_next

HERE = [
    "/",
    "/orders",
    "/orders/7?page=2&sort=-date",
    "/orders#last",
    "/a//b",
    "/caf%C3%A9",
    "/café",
    "/my%20file",
    "/search?q=two%20words",
    "/search?q=a+b",
    "/redirects?to=https://elsewhere.example/",
    "/redirects?to=https%3A%2F%2Felsewhere.example%2F",
    "/a:b/c",
    "/user@example",
    "/percent/100%25",
    "/..//elsewhere.example",
]
ELSEWHERE = [
    None,
    "",
    "orders",
    "?page=2",
    "#top",
    "//elsewhere.example",
    "///elsewhere.example",
    "/\\elsewhere.example",
    "\\\\elsewhere.example",
    "/\\/elsewhere.example",
    "https://elsewhere.example",
    "HTTPS://elsewhere.example/",
    "https:elsewhere.example",
    "http:///elsewhere.example",
    "javascript:alert(1)",
    "data:text/html,hello",
    " /orders",
    "/orders ",
    "/ /elsewhere.example",
    "\t//elsewhere.example",
    "/\t/elsewhere.example",
    "/\n/elsewhere.example",
    "/\r/elsewhere.example",
    "/orders\r\nSet-Cookie: a=b",
    "/\x00/elsewhere.example",
    "/\x7f",
    "/%2Felsewhere.example",
    "/%2felsewhere.example",
    "%2F%2Felsewhere.example",
    "/%5Celsewhere.example",
    "/%5celsewhere.example",
    "/%09/elsewhere.example",
    "/%0D%0ASet-Cookie:a=b",
    "/orders?x=%0d%0aSet-Cookie:a=b",
    "/%00",
    "/%252Felsewhere.example",
    "/%255Celsewhere.example",
    "/%250d%250aSet-Cookie:a=b",
    "//[",
    "/%2F[",
]


@pytest.mark.parametrize("target", HERE)
def test_a_path_on_this_host_is_kept(target):
    """HTT-07: what stays on this host is the way back, as it was given."""
    assert safe_next(target) == target


@pytest.mark.parametrize("target", ELSEWHERE)
def test_anything_else_leads_home(target):
    """HTT-07: another host in any spelling, and what is no path, becomes the default."""
    assert safe_next(target) == "/"
    assert safe_next(target, "/home") == "/home"


@pytest.mark.parametrize("target", HERE)
def test_the_header_of_a_redirect_stays_here(target):
    """HTT-07: the Location that werkzeug makes of a kept path still begins with one slash, and has no space."""
    environ = EnvironBuilder(base_url="https://shop.example/").get_environ()
    location = dict(redirect(safe_next(target)).get_wsgi_headers(environ))["Location"]
    assert location.startswith("/")
    assert location[1:2] not in {"/", "\\"}
    assert " " not in location
