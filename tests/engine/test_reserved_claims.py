"""The app's own claims never say what the session manager says."""

from __future__ import annotations

import hashlib

import pytest

from flask_gosession.engine.manager import SessionManager
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.opaque import OpaqueCodec
from flask_gosession.tokens.types import RESERVED_CLAIMS, TokenType

KEY = hashlib.sha256(b"of the tests").digest()
CODECS = {"jwt": lambda: JWTCodec(Keyring.from_secret(KEY)), "opaque": lambda: OpaqueCodec(KEY)}


@pytest.fixture(params=CODECS)
def manager(request: pytest.FixtureRequest, clock: FakeClock) -> SessionManager:
    return SessionManager(FaultyStore(MemoryStore()), CODECS[request.param](), clock=clock)


@pytest.mark.parametrize("name", sorted(RESERVED_CLAIMS))
def test_reserved_names_are_refused(manager, name):
    """A reserved name among the app's own claims is refused by name, before the store is asked for anything."""
    with pytest.raises(ValueError, match=rf"claims {name} are reserved"):
        manager.login("ada", claims={"plan": "pro", name: "x"})
    assert manager.store.calls == []


def test_all_names_are_told(manager):
    """Whoever uses several reserved names is told all of them at once."""
    with pytest.raises(ValueError, match="act, exp, sub"):
        manager.login("ada", claims={"sub": "eve", "exp": 1, "act": {"sub": "root"}})


def test_an_actor_cannot_be_invented(manager):
    """An app that passes a client's wishes on as claims cannot be made to name an actor, in its own form or not."""
    with pytest.raises(ValueError, match="act"):
        manager.login("ada", claims={"act": {"sub": "root"}})
    assert manager.sessions("ada") == []


def test_names_are_texts(manager):
    """A claim whose name is not a text is refused before the store is asked for anything."""
    with pytest.raises(ValueError, match="text"):
        manager.login("ada", claims={7: "x"})
    assert manager.store.calls == []


def test_impersonation_refuses_them_too(manager):
    """Claims of an impersonated session cannot name another actor than the one who is behind it."""
    checked = manager.authenticate(manager.login("root").access_token)
    with pytest.raises(ValueError, match="claims act are reserved"):
        manager.impersonate(checked, "ada", claims={"act": {"sub": "nobody"}})
    assert manager.sessions("ada") == []


def test_impersonation_still_names_its_actor(manager):
    """What the app may not write, the manager does: an impersonated session says who is behind it."""
    pair = manager.impersonate(manager.authenticate(manager.login("root").access_token), "ada", claims={"why": "help"})
    assert manager.check(pair.access_token).actor.subject == "root"
    if manager.codec.dated:
        claims = manager.codec.decode(pair.access_token, TokenType.ACCESS, manager.clock())
        assert claims.extra == {"act": {"sub": "root"}, "why": "help"}


def test_other_names_are_kept(manager):
    """Names that only look like reserved ones are the app's, through a refresh too."""
    own = {"SUB": "a", "sub_": "b", "scope": "read", "azp": "shop"}
    pair = manager.login("ada", claims=own)
    renewed = manager.refresh(pair.refresh_token or pair.access_token)
    assert manager.check(renewed.access_token).extra_claims == own
