"""An app behind a proxy that is really there, with and without ProxyFix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest
from cli.shop import Shop, make_shop
from flask import request
from servers import served
from werkzeug.exceptions import NotFound
from werkzeug.middleware.http_proxy import ProxyMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_gosession import login_user
from flask_gosession.testing.clock import FakeClock

FORWARDED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}


@pytest.fixture
def shop(clock: FakeClock) -> Shop:
    shop = make_shop("memory://", clock)
    shop.app.add_url_rule("/in", "in", lambda: login_user(request.get_data(as_text=True)).to_dict(), methods=["POST"])
    shop.app.add_url_rule("/doctor", "doctor", lambda: {one.check: one.what for one in shop.gosession.doctor()})
    return shop


@contextmanager
def proxied(shop: Shop, headers: dict[str, str]) -> Iterator[str]:
    """Serve the app behind a proxy that adds these headers; yield the proxy's address."""
    with served(shop.app) as at:
        target = {"target": at, "remove_prefix": True, "headers": headers}
        with served(ProxyMiddleware(NotFound(), {"/shop/": target})) as url:
            yield f"{url}/shop"


def asked(url: str, body: str | None = None) -> dict[str, str]:
    with urlopen(Request(url, body.encode() if body else None)) as answer:
        return json.load(answer)


def test_the_header_of_a_proxy_shows_it(shop: Shop):
    """Asked through a proxy that says whom it forwards, doctor misses ProxyFix; with it all is well."""
    with proxied(shop, FORWARDED) as url:
        assert "A proxy has sent this request" in asked(f"{url}/doctor")["proxy.fix"]
        shop.app.wsgi_app = ProxyFix(shop.app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]  # as Flask says
        assert "proxy.fix" not in asked(f"{url}/doctor")


def test_a_proxy_that_says_nothing_shows_by_its_address(shop: Shop):
    """Whoever signs in through it comes from one private address: the shell finds out by the sessions."""
    with proxied(shop, {}) as url:
        for number in range(10):
            asked(f"{url}/in", f"user-{number}")
    findings = {one["check"]: one["what"] for one in shop.json("doctor", code=1)}
    assert "All of 10 sessions come from 127.0.0.1" in findings["proxy.fix"]


def test_people_who_are_told_apart_are_no_proxy(shop: Shop):
    """With ProxyFix the same people come from where they are."""
    shop.app.wsgi_app = ProxyFix(shop.app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]  # as Flask says
    with proxied(shop, FORWARDED) as url:
        asked(f"{url}/in", "ada")
    assert [one.ip for one in shop.manager.sessions("ada")] == ["203.0.113.7"]
