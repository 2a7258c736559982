"""Whatever bytes are stored: an answer of this package, never a 500, and the next login works (STO-01)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from flask import jsonify
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sites import Site

from flask_gosession.session import encoding as records
from flask_gosession.session.record import MAJOR, MOST_ROTATIONS, UserInfo
from flask_gosession.stores.base import Record
from flask_gosession.tokens.types import TokenPair

USER = {"name": "Ada", "roles": ["admin"], "tall": 1.75, "note": None}

FINDING = (Phase.explicit, Phase.reuse, Phase.generate)
"""To shrink what was found takes minutes, and the bytes are shown anyway."""
SLOWLY = settings(max_examples=20, deadline=None, phases=FINDING, suppress_health_check=list(HealthCheck))


class Damaged:
    """A site on which somebody is signed in three times, and their record, to be damaged."""

    def __init__(self, site: Site) -> None:
        self.site = site
        site.gosession.user_loader(lambda _subject: USER)
        add_views(site)
        manager = site.manager
        manager.login("ada", client="old")
        manager.revoke_all("ada", "kicked", message="Please ring us.", client="web")
        given = {"claims": {"team": "red"}, "data": {"cart": [1, {"n": 2}]}}
        self.pair = manager.login("ada", remember=True, cookies=True, **given)
        self.actor = manager.login("root")
        actor = manager.authenticate(self.actor.access_token)
        self.acting = manager.impersonate(actor, "ada")
        manager.login("ada", client="tv")
        assert self.send("GET", "/whoami", self.pair.access_token).get_json() == USER
        self.whole = site.store.load("ada").value
        assert records.read(self.whole, "ada").user.value
        # By now a use is to be noted, and the access token is about to expire.
        site.clock.advance(840)

    def store(self, value: bytes) -> None:
        """Store *value* in the place of what is stored."""
        kept = self.site.store.load("ada")
        self.site.store.store.swap("ada", kept and kept.etag, Record(value, b"damaged!"), self.site.clock() + 86_400)

    def send(self, method: str, path: str, token: str | None, **options: Any):
        return self.site.send(method, path, token, **options)

    def asks(self) -> Iterator[Callable[[], Any]]:
        """Yield what clients ask of the site."""
        for pair in (self.pair, self.acting):
            yield from (lambda ask=ask, pair=pair: ask(self, pair) for ask in ASKS)


def add_views(site: Site) -> None:
    """Add views that look at all that is stored."""
    gosession = site.gosession

    @site.app.get("/whoami")
    @gosession.login_required
    def whoami():
        return jsonify(gosession.current_user)

    @site.app.post("/cart")
    @gosession.login_required
    def cart():
        session = gosession.current_session
        session.data["seen"] = 1
        return {"cart": repr(session.data.get("cart")), "client": session.client, "expires": session.expires}

    @site.app.post("/again")
    @gosession.login_required
    def again():
        gosession.confirm_login()
        return ""


def by_cookie(damaged: Damaged, pair: TokenPair):
    """Ask as a browser does that opens a page, whose access token is about to expire."""
    headers = {"Cookie": f"gosession_access={pair.access_token}", "Sec-Fetch-Mode": "navigate"}
    return damaged.send("GET", "/whoami", None, headers=headers)


ASKS: tuple[Callable[[Damaged, TokenPair], Any], ...] = (
    lambda it, pair: it.send("GET", "/whoami", pair.access_token),
    lambda it, pair: it.send("GET", "/maybe", pair.access_token),
    by_cookie,
    lambda it, pair: it.send("POST", "/cart", pair.access_token),
    lambda it, pair: it.send("POST", "/again", pair.access_token),
    lambda it, pair: it.send("GET", "/auth/session", pair.access_token),
    lambda it, pair: it.send("GET", "/auth/sessions", pair.access_token),
    lambda it, pair: it.send("POST", "/auth/refresh", pair.refresh_token or pair.access_token),
    lambda it, pair: it.send("DELETE", f"/auth/sessions/{it.acting.sid}", pair.access_token),
    lambda it, pair: it.send("POST", "/auth/logout-others", pair.access_token),
    lambda it, pair: it.send("POST", "/auth/revoke", None, data={"token": pair.access_token}),
    lambda it, pair: it.send("POST", "/auth/logout", pair.access_token),
    lambda it, pair: it.send("POST", "/auth/logout-all", pair.access_token),
    lambda it, _pair: it.site.browser().login("ada"),
)


def is_newer(value: bytes) -> bool:
    """Return whether a value passes for one of a newer major version, which this one must not touch."""
    found = records.read(value, "ada")
    return records.is_newer(value, "ada") or (found is not None and found.major > MAJOR)


def keeps_out(value: bytes, now: float) -> bool:
    """Return whether a value says that the person must not sign in now: a ban, or a mark that lies ahead."""
    found = records.read(value, "ada")
    ends = () if found is None else (found.ban and found.ban.until, found.not_before and found.not_before.at)
    return any(end is not None and now < end for end in ends)


def answers(damaged: Damaged, value: bytes) -> None:
    """Ask all there is to ask of a record with that *value*, and sign in over it."""
    allowed = {503} if is_newer(value) else set()
    for ask in damaged.asks():
        damaged.store(value)
        status = ask().status_code
        assert status < 500 or status in allowed
    if allowed:
        return
    damaged.store(value)
    answer = damaged.site.browser().login("ada", cookies=False)
    if keeps_out(value, damaged.site.clock()):
        assert answer.status_code == 401
        return
    assert answer.status_code == 200
    assert damaged.send("GET", "/whoami", answer.get_json()["access_token"]).get_json() == USER


@pytest.fixture
def damaged(make_any_site) -> Damaged:
    return Damaged(make_any_site(TOKEN_LOCATIONS=("header", "cookie"), CSRF=False))


@st.composite
def damages(draw: st.DrawFn, value: bytes) -> bytes:
    """Return *value* with a bit flipped, cut off, or with some bytes lost, added or replaced."""
    at = draw(st.integers(0, len(value) - 1))
    kind = draw(st.sampled_from(["flip", "truncate", "replace", "add", "lose"]))
    if kind == "flip":
        return value[:at] + bytes([value[at] ^ (1 << draw(st.integers(0, 7)))]) + value[at + 1 :]
    if kind == "truncate":
        return value[:at]
    more = draw(st.binary(min_size=1, max_size=8))
    return value[:at] + (b"" if kind == "lose" else more) + value[at + (0 if kind == "add" else len(more)) :]


@SLOWLY
@given(data=st.data())
def test_bytes_that_changed(damaged, data):
    """A record of which some bytes changed in the store is answered as one, and the next login replaces it."""
    answers(damaged, data.draw(damages(damaged.whole)))


@pytest.mark.long
@pytest.mark.parametrize("mask", [0x01, 0x40, 0x80, 0xFF], ids=hex)
def test_every_byte(damaged, mask):
    """Whichever byte is another one, the person is seen, or signed out, and signs in again."""
    for at in range(len(damaged.whole)):
        value = bytes(byte ^ (mask if index == at else 0) for index, byte in enumerate(damaged.whole))
        damaged.store(value)
        newer = is_newer(value)
        seen = damaged.send("GET", "/whoami", damaged.pair.access_token)
        assert seen.status_code in ((200, 503) if newer else (200, 401))
        damaged.store(value)
        expected = 503 if newer else 401 if keeps_out(value, damaged.site.clock()) else 200
        assert damaged.site.browser().login("ada").status_code == expected


NUMBERS = (-1, 0, 1, 2**40, 2**63, 2**64 - 1, -(2**63), 0.0, -0.5, 1e9, 1e10, 1e11, 1e12, 1e300, math.nan, math.inf)
TEXTS = (b"", b"x", b"\xff" * 16, b"y" * 33, "", "x" * 300, "a\nb", "\0", "é", "root")
CLAIMS = ({"sub": "eve"}, {"exp": 1}, {"t": b"x"}, {"t": math.nan}, {"t": {1: 2, "1": 3}}, {"t": "x" * 9000})
OTHERS = (None, True, False, [], [[]], [None], {}, {1: 2}, {"t": msgspec.msgpack.Ext(5, b"x")})
ODD = st.sampled_from([*NUMBERS, *TEXTS, *CLAIMS, *OTHERS])


def parts_of(plain: Any, at: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Yield where there is something in a plain record."""
    for index, part in enumerate(plain):
        yield (*at, index)
        if isinstance(part, list):
            yield from parts_of(part, (*at, index))


@SLOWLY
@given(data=st.data())
def test_values_that_changed(damaged, data):
    """A record that can be decoded, and in which some values are none that we write, is answered as well."""
    plain = msgspec.msgpack.decode(damaged.whole)
    for _ in range(data.draw(st.integers(1, 2))):
        *way, last = data.draw(st.sampled_from([*parts_of(plain)]))
        part = plain
        for index in way:
            part = part[index]
        part[last] = data.draw(ODD)
    answers(damaged, msgspec.msgpack.encode(plain))


@SLOWLY
@given(data=st.data())
def test_user_info_that_changed(damaged, data):
    """Damaged user info counts as not cached: the loader is asked, and the view gets what it says."""
    whole = records.read(damaged.whole, "ada")
    info = replace(whole.user, value=data.draw(damages(whole.user.value)), expires=damaged.site.clock() + 300)
    damaged.store(records.encode(replace(whole, user=info)))
    answer = damaged.send("GET", "/whoami", damaged.pair.access_token)
    assert (answer.status_code, answer.get_json()) == (200, USER)
    healed = records.read(damaged.site.store.load("ada").value, "ada").user
    assert healed.value == whole.user.value


def test_the_record_is_whole(damaged):
    """Undamaged, it lets all of this work: the page, its renewed cookie, and the refresh."""
    answer = by_cookie(damaged, damaged.pair)
    assert (answer.status_code, answer.get_json()) == (200, USER)
    assert not damaged.site.manager.codec.dated or "gosession_access=" in answer.headers["Set-Cookie"]
    assert ASKS[6](damaged, damaged.pair).status_code == 200


@pytest.mark.parametrize("value", [b"\x81\xa4name\xa1\xff", b"\xc1", b"\x81\xa4nam", b"\x91" * 5000, b"\xc0"])
def test_user_info_without_a_checksum(damaged, value):
    """What an older version has cached, and cannot be read, is loaded again (it was a 500 for five minutes)."""
    whole, now = records.read(damaged.whole, "ada"), damaged.site.clock()
    damaged.store(records.encode(replace(whole, user=UserInfo(now, now + 300, value))))
    answer = damaged.send("GET", "/whoami", damaged.pair.access_token)
    assert (answer.status_code, answer.get_json()) == (200, USER)


@pytest.mark.parametrize("path", ["/auth/refresh", "/again"])
def test_a_session_at_the_highest_generation(damaged, path):
    """Its pair is still replaced (the next number could not be read back, and was a 500)."""
    whole = records.read(damaged.whole, "ada")
    last = tuple(replace(session, gen=MOST_ROTATIONS) for session in whole.sessions)
    damaged.store(records.encode(replace(whole, sessions=last)))
    refresh = damaged.pair.refresh_token if path == "/auth/refresh" else None
    answer = damaged.send("POST", path, refresh or damaged.pair.access_token)
    assert answer.status_code in (200, 401)
    assert damaged.send("GET", "/whoami", damaged.pair.access_token).status_code == 200


def test_claims_that_fit_no_token(damaged):
    """A session whose stored claims fit no token has ended; what the claims loader spoils is still an error."""
    whole = records.read(damaged.whole, "ada")
    spoiled = tuple(replace(session, extra_claims={"sub": "eve"}) for session in whole.sessions)
    damaged.store(records.encode(replace(whole, sessions=spoiled)))
    token = damaged.pair.refresh_token or damaged.pair.access_token
    answer = damaged.send("POST", "/auth/refresh", token)
    if not damaged.site.manager.codec.dated:  # an opaque token carries no claims
        assert answer.status_code == 200
        return
    assert (answer.status_code, answer.get_json()["error"]) == (401, "session_ended")
    answer = by_cookie(damaged, damaged.pair)
    assert (answer.status_code, answer.get_json()["error"]) == (401, "session_ended")
    damaged.site.gosession.claims_loader(lambda _subject: {"x": object()})
    damaged.store(damaged.whole)
    with pytest.raises(ValueError, match="JSON"):
        damaged.send("POST", "/auth/refresh", token)
