"""The page about the endpoints: its table is the blueprint's."""

from __future__ import annotations

import re

import pytest
from drawn import drawn
from endpoint_table import PAGE, with_table
from flask import Flask

from flask_gosession import GoSession
from flask_gosession.endpoints.routes import ROUTES

TEXT = PAGE.read_text("utf-8")
PUBLIC = {"login", "refresh", "logout", "jwks", "revoke", "introspect", "script", "events_script", "openapi"}


@pytest.fixture(scope="module")
def app() -> Flask:
    app = Flask("shop")
    app.testing = True
    app.config.update(SECRET_KEY=drawn("docs"), GOSESSION_TOKEN_LOCATIONS=["cookie"])
    gosession = GoSession(app)
    gosession.credential_verifier(lambda _name, _password: None)
    app.register_blueprint(gosession.blueprint(introspection_auth=lambda: True))
    gosession.protect(app)
    return app


def test_the_table():
    """The table is made from the routes; ``python tests/endpoint_table.py`` writes it."""
    assert with_table(TEXT) == TEXT


def test_what_stays_open(app):
    """Under `protect` exactly the endpoints that the page names answer a guest with something else than a 401."""
    section = TEXT.partition("## Under `protect`")[2].partition("##")[0]
    open_ones = set(re.findall(r"`(\w+)`", section.partition("stay open")[2].partition("The others")[0]))
    assert open_ones == PUBLIC
    client = app.test_client()
    for route in ROUTES:
        answer = client.open(f"/auth{route.rule}".replace("<sid>", "x"), method=route.method)
        needs_more = route.name == "refresh"  # the token that it asks for itself
        assert (answer.status_code == 401) == (route.name not in PUBLIC or needs_more), route.name
