"""Nothing secret in logs, reprs and exceptions, over a whole road (LOG-01)."""

from __future__ import annotations

import logging

import msgspec
import pytest
from sites import LONG

from flask_gosession import ids
from flask_gosession.errors import AnsweredError
from flask_gosession.session.record import Session
from flask_gosession.session.rotate import Successor
from flask_gosession.stores.base import Record
from flask_gosession.tokens import jws
from flask_gosession.tokens.types import PairIds, TokenType
from flask_gosession.web.visit import visit_of


def secrets_of(shop, *pairs):
    """Return every text that opens something: tokens, their parts and ids, the secret, CSRF values."""
    found = {LONG}
    for pair in pairs:
        for text, kind in ((pair.access_token, TokenType.ACCESS), (pair.refresh_token, TokenType.REFRESH)):
            claims = shop.codec.decode(text, kind, shop.clock(), allow_expired=True)
            found |= {text, *text.split(".")[1:], ids.to_text(claims.jti), claims.jti.hex(), repr(claims.jti)[2:-1]}
            found.add(shop.csrf_of(claims.sid))
    return found


@pytest.fixture
def road(shop):
    shop.csrf_of = shop.app.extensions["gosession"]["default"].csrf.value_for
    shop.app.add_url_rule("/renew", "renew", lambda: shop.gosession.refresh().to_dict(), methods=["POST"])
    shop.app.add_url_rule("/logout", "logout", lambda: str(shop.gosession.logout_user()), methods=["POST"])
    return shop


def test_no_secret_in_the_log(road, store, caplog):
    """From login over refresh, theft, outages and rubbish in the store to logout, at DEBUG: no secret is logged."""
    caplog.set_level(logging.DEBUG)
    pair = road.pair()
    newer = road.manager.refresh(pair.refresh_token)
    assert road.get(newer.access_token).status_code == 200
    road.clock.advance(10)
    for token in (f"{newer.access_token}x", newer.refresh_token, f"x{newer.access_token}"):
        assert road.get(token).status_code == 401
    road.clock.advance(61)
    store.fail("swap")
    road.get(newer.access_token)
    store.fail("load")
    assert road.get(newer.access_token).status_code == 503
    assert road.get(pair.refresh_token, "/renew", method="POST").json["error"] == "token_reused"
    third = road.pair()
    store.store.swap("ada", store.load("ada").etag, Record(third.access_token.encode(), b"12345678"), 1e11)
    assert road.get(third.access_token).status_code == 401
    road.get(third.access_token, "/logout", method="POST")
    kid = road.get(third.access_token.replace(".", "A.", 1))
    assert kid.status_code == 401
    assert len(caplog.records) >= 3
    logged = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert not [secret for secret in secrets_of(road, pair, newer, third) if secret in logged]


def told(value):
    """Return what a debugger that asks for ``__rich_repr__``, as rich does, shows of a value and all inside it."""
    if type(value) in (list, tuple, set, frozenset):
        return " ".join(map(told, value))
    if isinstance(value, dict):
        return " ".join(map(told, (*value, *value.values())))
    if isinstance(value, msgspec.Struct):
        return " ".join(map(told, value.__rich_repr__()))
    return repr(value)


def test_no_secret_in_a_repr(road):
    """What a debugger or an error page shows of our objects opens nothing."""
    pair = road.pair()
    checked = road.manager.authenticate(pair.access_token)
    state = road.app.extensions["gosession"]["default"]
    with road.app.test_request_context(headers={"Authorization": f"Bearer {pair.access_token}"}):
        visit = visit_of("default")
        session = road.gosession.current_session
        newcomer = road.gosession.login_user("bob")
        shown = [visit, visit.reply, visit.new_pairs, session, state, state.config]
        shown += [checked.session, checked.claims, newcomer, state.manager, state.transport, state.csrf]
        shown += [road.codec, road.codec.keyring, road.codec.keyring.keys]
        shown += [visit.read(TokenType.ACCESS), visit.authenticate(), jws.parse(pair.refresh_token, 8192)]
        shown += [road.manager.records.read("ada"), Successor(checked.claims.jti, lambda *_: PairIds(b"", b""))]
        shown += [PairIds(checked.claims.jti, checked.claims.jti, checked.claims.jti)]
        text = "".join(map(repr, shown)) + "".join(told(each) for each in shown)
    assert not [secret for secret in secrets_of(road, pair, newcomer) if secret in text]
    assert repr(pair) == f"TokenPair(sid={pair.sid!r}, expires_in={pair.expires_in})"
    assert isinstance(checked.session, Session)


def test_no_secret_in_an_exception(road):
    """The text of an error never has the token, and neither has its traceback's last line."""
    pair = road.pair()
    road.manager.revoke_all("ada")
    for token in (pair.access_token, pair.refresh_token, f"{pair.access_token}x"):
        with pytest.raises(AnsweredError) as refused:
            road.manager.check(token)
        text = f"{refused.value}{refused.value!r}{refused.value.data}{refused.value.__cause__!r}"
        assert not [secret for secret in secrets_of(road, pair) if secret in text]
