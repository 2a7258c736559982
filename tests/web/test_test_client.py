"""The shipped test client: signed in by a real session, whatever way tokens travel."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from sites import make_app

from flask_gosession.testing.client import SessionClient
from flask_gosession.web.state import state_of


@pytest.fixture(params=[("header",), ("cookie",), ("header", "cookie")], ids="-".join)
def site(request, make):
    """Return a shop whose app makes such clients."""
    shop = make(make_app(), TOKEN_LOCATIONS=request.param, BINDING=("ip", "agent"), BINDING_ACTION="refuse")
    shop.app.register_blueprint(shop.gosession.blueprint())
    shop.app.test_client_class = SessionClient
    return shop


def test_signed_in(site):
    """A client of a user is signed in for reading and writing, and can refresh and sign out as a browser would."""
    client = site.app.test_client(user="ada", login={"client": "ios"})
    assert client.get("/me").json["sub"] == "ada"
    assert client.post("/me").json["sub"] == "ada"
    assert [session.client for session in site.manager.sessions("ada")] == ["ios"]
    assert client.post("/auth/logout").status_code == 204
    assert client.get("/me").status_code == 401


def test_a_guest(site):
    """Without a user it is Flask's own client."""
    client = site.app.test_client()
    assert client.pair is None
    assert client.get("/me").json["error"] == "token_missing"


def test_two_clients(site):
    """Each client is its own person, and a number is a subject, too."""
    ada, seven = site.app.test_client(user="ada"), site.app.test_client(user=7)
    assert [client.get("/me").json["sub"] for client in (ada, seven, ada)] == ["ada", "7", "ada"]


def test_an_object_that_has_an_id(site):
    """A row of an ORM is signed in as `login_user` would do it, by the app's own getter as well."""
    row = SimpleNamespace(id=7, slug="ada")
    assert site.app.test_client(user=row).get("/me").json["sub"] == "7"
    site.gosession.subject_getter(lambda user: user.slug)
    assert site.app.test_client(user=row).get("/me").json["sub"] == "ada"


def test_its_session_is_real(site):
    """What ends sessions ends this one: there is nothing that only tests can do."""
    client = site.app.test_client(user="ada")
    site.manager.revoke_all("ada")
    assert client.get("/me").json["reason"] == "revoked_all"


def test_opaque_tokens(make):
    """Reference tokens are carried the same way."""
    shop = make(make_app(), TOKEN_MODE="opaque", TOKEN_LOCATIONS=("cookie",))
    shop.app.test_client_class = SessionClient
    assert shop.app.test_client(user="ada").post("/me").json["sub"] == "ada"


def test_another_realm(make):
    """A client can be somebody of a named realm; there has to be such a realm."""
    shop = make(make_app())
    shop.app.test_client_class = SessionClient
    assert shop.app.test_client(user="ada", realm="default").get("/me").status_code == 200
    with pytest.raises(RuntimeError, match="'admin'"):
        shop.app.test_client(user="ada", realm="admin")
    assert state_of("default", shop.app).manager.sessions("ada")
