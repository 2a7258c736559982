"""A refresh asks again who the user is, and what the app's claims are, before it rotates."""

from __future__ import annotations

import msgspec
import pytest

from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import UserNotFound
from flask_gosession.ids import new_etag
from flask_gosession.session.policy import Policy
from flask_gosession.stores.base import Record
from flask_gosession.tokens.opaque import OpaqueCodec
from flask_gosession.tokens.types import TokenType

HOUR, DAY = 3600.0, 86_400.0
CLAIMS, CLAIMS_OWN = 19, 22


class App:
    """Users with a role, which an administrator may change or disable; counts who is asked."""

    def __init__(self):
        self.roles = {"ada": "editor"}
        self.asked = []

    def user(self, subject):
        self.asked.append("user")
        return {"role": self.roles[subject]} if subject in self.roles else None

    def claims(self, subject):
        self.asked.append("claims")
        return {"role": self.roles[subject]} if subject in self.roles else None

    @property
    def loaders(self):
        return {"user_loader": self.user, "claims_loader": self.claims}


@pytest.fixture
def app():
    return App()


@pytest.fixture
def manager(make, app):
    return make(loaders=app.loaders)


@pytest.fixture
def opaque(store, clock, app):
    return SessionManager(store, OpaqueCodec(bytes(range(32))), Policy(), clock=clock, **app.loaders)


def extra(manager, pair):
    """Return the app's claims of an access token."""
    return manager.codec.decode(pair.access_token, TokenType.ACCESS, manager.clock()).extra


@pytest.mark.parametrize("mode", ["manager", "opaque"])
def test_a_disabled_user_cannot_refresh_for_29_days(request, mode, app, clock):
    """LIF-01: from the end of the cached user info on, every refresh of a user who is gone is refused."""
    manager = request.getfixturevalue(mode)
    pair = manager.login("ada", idle=30 * DAY)
    pair = manager.refresh(pair.refresh_token or pair.access_token)
    del app.roles["ada"]
    for _ in range(int(29 * DAY / (6 * HOUR))):
        clock.advance(6 * HOUR)
        with pytest.raises(UserNotFound):
            manager.refresh(pair.refresh_token or pair.access_token)
    assert [session.gen for session in manager.sessions("ada")] == [1]


@pytest.mark.parametrize("mode", ["manager", "opaque"])
def test_a_user_who_is_gone_costs_no_rotation(request, mode, app):
    """The user who comes back goes on with the token that was refused."""
    manager = request.getfixturevalue(mode)
    pair = manager.login("ada")
    token = pair.refresh_token or pair.access_token
    role = app.roles.pop("ada")
    with pytest.raises(UserNotFound):
        manager.refresh(token)
    app.roles["ada"] = role
    manager.users.forget("ada")
    assert manager.check(manager.refresh(token).access_token).gen == 1


def test_a_new_role_is_in_the_next_token(manager, app):
    """LIF-01: what the claims loader says now is what a refreshed token says, also to the holder of its parent."""
    first = manager.login("ada", claims={"device": "tv"})
    assert extra(manager, first) == {"device": "tv", "role": "editor"}
    app.roles["ada"] = "reader"
    for _ in range(2):
        assert extra(manager, manager.refresh(first.refresh_token)) == {"device": "tv", "role": "reader"}
    del app.roles["ada"]
    manager.users.use(None)
    assert extra(manager, manager.refresh(first.refresh_token)) == {"device": "tv"}


def test_the_record_keeps_the_claims_of_the_login_alone(manager):
    """What the claims loader says is nobody's to keep."""
    manager.login("ada", claims={"device": "tv"})
    manager.login("ada")
    assert [session.extra_claims for session in manager.sessions("ada")] == [{"device": "tv"}, None]


def test_claims_of_the_login_win(manager, app):
    """What was given for this one session stands before what the loader says of everyone, at login and refresh."""
    pair = manager.login("ada", claims={"role": "guest"})
    app.roles["ada"] = "reader"
    assert [extra(manager, each) for each in (pair, manager.refresh(pair.refresh_token))] == [{"role": "guest"}] * 2


def test_a_role_in_an_older_record_is_not_for_good(manager, app, store):
    """Records once held the loader's answer among the login's claims: the loader wins for the names that it gives."""
    pair = manager.login("ada", claims={"role": "editor", "device": "tv"})
    stored = store.load("ada")
    plain = msgspec.msgpack.decode(stored.value)
    plain[3][0] = plain[3][0][:CLAIMS_OWN]
    assert plain[3][0][CLAIMS] == {"role": "editor", "device": "tv"}
    store.swap("ada", stored.etag, Record(msgspec.msgpack.encode(plain), new_etag()), manager.clock() + DAY)
    app.roles["ada"] = "reader"
    for _ in range(2):
        pair = manager.refresh(pair.refresh_token)
        assert extra(manager, pair) == {"role": "reader", "device": "tv"}


@pytest.mark.parametrize("which", ["user_loader", "claims_loader"])
@pytest.mark.parametrize("mode", ["manager", "opaque"])
def test_a_loader_that_fails_rotates_nothing(request, mode, which, store):
    """What a loader raises is the caller's, and the same token refreshes once the loader works again."""
    manager = request.getfixturevalue(mode)
    pair = manager.login("ada")
    token, before = pair.refresh_token or pair.access_token, store.load("ada")

    def broken(_subject):
        raise ZeroDivisionError

    working = manager.issuer.loader
    if which == "user_loader":
        manager.users.use(broken)
    else:
        manager.users.use(None)
        manager.issuer.loader = broken
    with pytest.raises(ZeroDivisionError):
        manager.refresh(token)
    assert store.load("ada") == before
    manager.users.use(None)
    manager.issuer.loader = working
    assert manager.check(manager.refresh(token).access_token).gen == 1


@pytest.mark.parametrize("answer", [["role"], "role", 7])
def test_an_answer_that_is_no_dict(manager, store, answer):
    """A claims loader that returns anything else is a TypeError that says so, before anything is written."""
    manager.issuer.loader = lambda _subject: answer
    with pytest.raises(TypeError, match="returns a dict of claims, or None"):
        manager.login("ada")
    assert store.calls == []


def test_nobody_is_asked_for_a_session_that_has_ended(manager, app):
    """A refresh that is refused anyway costs the app nothing."""
    pair = manager.login("ada")
    manager.logout(pair.access_token)
    app.asked.clear()
    with pytest.raises(Exception, match="signed out"):
        manager.refresh(pair.refresh_token)
    assert app.asked == []


def test_a_renewed_token_is_of_the_user_of_now(manager, app, clock):
    """LIF-01: renewal keeps the jti that was checked, draws the claims anew, and is refused for a user who is gone."""
    pair = manager.login("ada")
    checked = manager.authenticate(pair.access_token)
    app.roles["ada"] = "reader"
    renewed = manager.renew(checked)
    assert renewed.user == {"role": "reader"}
    assert renewed.claims.extra == {"role": "reader"}
    assert renewed.claims.jti == checked.claims.jti
    del app.roles["ada"]
    clock.advance(301)
    with pytest.raises(UserNotFound):
        manager.renew(manager.authenticate(pair.access_token))


def test_a_confirmed_login_draws_the_claims_anew(manager, app, store):
    """The token of a confirmed login says what the claims loader says now; where that fails nothing is confirmed."""
    pair = manager.login("ada", claims={"device": "tv"})
    checked, before = manager.authenticate(pair.access_token), store.load("ada")
    manager.issuer.loader = {}.__getitem__
    with pytest.raises(KeyError):
        manager.confirm(checked)
    assert store.load("ada") == before
    manager.issuer.loader = app.claims
    app.roles["ada"] = "reader"
    assert extra(manager, manager.confirm(checked)) == {"role": "reader", "device": "tv"}
