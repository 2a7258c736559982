"""GoSession-Confirmed: 0 where fewer replicas know of an end than were asked for (STO-10)."""

from __future__ import annotations

import pytest

HEADER = "GoSession-Confirmed"


@pytest.fixture(params=[1, 0], ids=["asked", "not-asked"])
def shop(request, make_any):
    """Return a shop whose app asks for a replica's confirmation, or does not."""
    return make_any(WAIT_REPLICAS=request.param)


def shown(shop):
    """Return what the header says of an end that is not confirmed."""
    return "0" if shop.app.config["GOSESSION_WAIT_REPLICAS"] else None


ENDS = {
    "logout": lambda shop, pair, _other: shop.send("POST", "/auth/logout", pair.access_token),
    "logout-all": lambda shop, pair, _other: shop.send("POST", "/auth/logout-all", pair.access_token),
    "logout-others": lambda shop, pair, _other: shop.send("POST", "/auth/logout-others", pair.access_token),
    "this": lambda shop, pair, _other: shop.send("DELETE", f"/auth/sessions/{pair.sid}", pair.access_token),
    "other": lambda shop, pair, other: shop.send("DELETE", f"/auth/sessions/{other.sid}", pair.access_token),
    "revoke": lambda shop, pair, _other: shop.send("POST", "/auth/revoke", data={"token": pair.access_token}),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_not_confirmed(shop, end):
    """An end that too few replicas have is answered as one, and says so to those who asked (STO-10)."""
    pair, other = shop.pair(), shop.pair()
    shop.store.leave_unconfirmed()
    answer = end(shop, pair, other)
    assert answer.status_code in (200, 204)
    assert answer.headers.get(HEADER) == shown(shop)
    assert len(shop.manager.sessions("ada")) < 2


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_confirmed(shop, end):
    """An end that enough replicas have needs no word about it."""
    answer = end(shop, shop.pair(), shop.pair())
    assert answer.status_code in (200, 204)
    assert HEADER not in answer.headers


def test_a_lost_answer_is_not_a_confirmation(shop):
    """What had to be looked up after a lost answer may be on one server only."""
    pair = shop.pair()
    shop.store.lose_reply()
    answer = shop.send("POST", "/auth/logout", pair.access_token)
    assert answer.status_code == 204
    assert answer.headers.get(HEADER) == shown(shop)
