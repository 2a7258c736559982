"""What the first release has written is read by this one: a record and its tokens, kept here as they were stored."""

from __future__ import annotations

import base64
from typing import NamedTuple

import pytest

from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import SessionEnded
from flask_gosession.stores.base import Record
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.testing.clock import FakeClock
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.opaque import OpaqueCodec

WRITTEN = 1_800_000_125.0
"""When the last of these tokens was issued; all belong to `ada`, whose user info was cached with the role `editor`."""

KEY = {"kid": "sample", "alg": "HS256", "secret": "jA9rX2mQ7vLs4TzKc8WpYe1Gd6HnBu3F", "status": "active"}


class Sample(NamedTuple):
    """A stored record, in base 85, and tokens of its sessions."""

    record: str
    rotated: str
    rotated_refresh: str
    remembered_refresh: str
    signed_out: str
    acted: str


SAMPLES = {
    "jwt": Sample(
        record=(
            "m;s|<WMR*B+c3GY`Uo_W+yEBD5ae((3x(R94b9vMx_hPq2*ePWf={bG=XXxn(B@-L+KiaQ5S??r9jv=Ab&^Dn#9Qqxg#pV!+R}7@"
            "0002XLE6%EfB*mh%R$=Gbe})~0Lwwz+*iN=007HDB6R=&0002XK#U*&00000qjzOuutsTeWoB=9Aa8CUOlfX)c&RZtGA=MKGA=i%"
            "L1$%dbT2V3Fv7$T*~{(`R9F2<o!cJ*Z1rC%#1KVm0FyJVQjrACT_u5vp+n0-+R}8M0002XLE6%EpFjWrfuwS8Y-OfpWNCD7a=?M4"
            "V_|Z1k^utT02ag$$<t>$ooK~E;4-=A=lEvz#1ImFT%ixE#ta6MB7^ZxNsYu17O>j;r~IxlWfFGlLqKFF0Lwwz(sY0T007HD+R}7@"
            "0002XLE6%EpFjWr%R$=>$N&HU0Lwu`#()3-007HCj35920001^X>W6&prFIRz`(%3z`)!97Q_(iwqbK)^blzW6126p(?`<85ZQKo"
            "alQs<RXr00K?`H!y~Gf3x(yWR=I(G^#Ku;JSxf-{%R$=Gbe})~0Lwwz(sZ9d007HD+R}8NKmY*CLE79`-#`EW&HxEIfXxGhqiJt*"
            "prD|_z`(%3z>=e3WMRY*$<t>$ooK~E;4-=A=lEvzz>${35E`#SAMzZYB2u&+b3GG)z^ZI-XJ=((UvG7E%R$=Gbe})~0Lwwz)WbhO"
            "006+iz>~{C+R}870002XLE6%E+5i9m#1?|0X=I~eWMQRpZ)|0Ak)~y2X>@OL%K!iX0000000"
        ),
        rotated=(
            "eyJhbGciOiJIUzI1NiIsImtpZCI6InNhbXBsZSIsInR5cCI6ImF0K2p3dCJ9.eyJyb2xlIjoiZWRpdG9yIiwiYXVkIjoiZGVmYXV"
            "sdCIsInN1YiI6ImFkYSIsInNpZCI6IjVIQXpDNFhhblEzTjNBbTZlNllDQ0EiLCJqdGkiOiJtSUpQcXozbmQwN1kwT1pqVDlxTW1"
            "BIiwiZ2VuIjoxLCJpYXQiOjE4MDAwMDAxMjAsImV4cCI6MTgwMDAwMDk5NywiYXV0aF90aW1lIjoxODAwMDAwMDAwLCJjbGllbnQ"
            "iOiJ3ZWIifQ.dbRSrkJdNQK2nktTFbbdNMOmvJs1zRN6-t7ViY3p91c"
        ),
        rotated_refresh=(
            "eyJhbGciOiJIUzI1NiIsImtpZCI6InNhbXBsZSIsInR5cCI6InJ0K2p3dCJ9.eyJhdWQiOiJkZWZhdWx0Iiwic3ViIjoiYWRhIiw"
            "ic2lkIjoiNUhBekM0WGFuUTNOM0FtNmU2WUNDQSIsImp0aSI6Im5YTy1IYXk3TDNXU1JJX0VXLTB0aFEiLCJnZW4iOjEsImlhdCI"
            "6MTgwMDAwMDEyMCwiZXhwIjoxODAyNTkyMDAwLCJhdXRoX3RpbWUiOjE4MDAwMDAwMDAsImNsaWVudCI6IndlYiJ9.0scz-TFR4V"
            "-8-r9gExPqsDEAYZeE2HImc2LIRiOJfQI"
        ),
        remembered_refresh=(
            "eyJhbGciOiJIUzI1NiIsImtpZCI6InNhbXBsZSIsInR5cCI6InJ0K2p3dCJ9.eyJhdWQiOiJkZWZhdWx0Iiwic3ViIjoiYWRhIiw"
            "ic2lkIjoieWRObk81MW94VUxnTXJubjVfaG05USIsImp0aSI6IkZyRGEtNmY4cmpGbEVuYnJRMEJrSnciLCJnZW4iOjAsImlhdCI"
            "6MTgwMDAwMDAwMCwiZXhwIjoxODE1NTUyMDAwLCJhdXRoX3RpbWUiOjE4MDAwMDAwMDAsImNsaWVudCI6ImlvcyJ9.yOmjo8XgAJ"
            "24hbEiQ_-08RuyX4d4-lbrWBaEIYaxsPM"
        ),
        signed_out=(
            "eyJhbGciOiJIUzI1NiIsImtpZCI6InNhbXBsZSIsInR5cCI6ImF0K2p3dCJ9.eyJhdWQiOiJkZWZhdWx0Iiwic3ViIjoiYWRhIiw"
            "ic2lkIjoiR3E5Q0hfSWNuaUpTdEIxelBST0F3QSIsImp0aSI6IjdSZWNSaXVJdUV3cmVzSTJrM2pLZWciLCJnZW4iOjAsImlhdCI"
            "6MTgwMDAwMDAwMCwiZXhwIjoxODAwMDAwODc3LCJhdXRoX3RpbWUiOjE4MDAwMDAwMDAsImNsaWVudCI6InR2In0.ZRHeMuzsM5J"
            "z_B9Wym9uIVRBoxVKYZSAB82wYcR-Gio"
        ),
        acted=(
            "eyJhbGciOiJIUzI1NiIsImtpZCI6InNhbXBsZSIsInR5cCI6ImF0K2p3dCJ9.eyJhY3QiOnsic3ViIjoiYWRhIn0sImF1ZCI6ImR"
            "lZmF1bHQiLCJzdWIiOiJhZGEiLCJzaWQiOiI2N1poYzJQMEVHa0hFclMxdHROSDBnIiwianRpIjoiMlhaOGNiNEdhRlU5RXdWQkM"
            "yUGp2USIsImdlbiI6MCwiaWF0IjoxODAwMDAwMTI1LCJleHAiOjE4MDAwMDEwMDIsImF1dGhfdGltZSI6MTgwMDAwMDEyNSwiY2x"
            "pZW50IjoiaW9zIn0.Zxvu0qunJFGc74u1P8EyeA24EHLeogz-yh1Kd5XQVQY"
        ),
    ),
    "opaque": Sample(
        record=(
            "m;s|<WMR*D$fT|GLdIv4+yEBD5Wd$HE%(jGeF}#%OZ>*dOvE7D(m+sIy+Sy|68dFEkX*aarmeulYf6;fsWt=%OW=#Z0n0(!(sY0T"
            "007HD+R}7@0002XLE6%Eo&W#<%R$=QSHJ)O0LwulbpQYW007HCj35920001^cV%L*Mrm?oW^Z^PZ*Cw=X>N6RsWCY+E-)@KE;p$`"
            "XJu}5FEK7K!oa}5z=5Q4Z)|0zWn^h|Z*staq+?-nbdmuA+yEBD5JfW7D-Z5U<CJ)#p(`Qb9mF6L^_{~-P-JB(fON%gYq7C>^ZSgb"
            "zrF^tz+`+k#P{vM0Lwwz(sY0T007HD+R}7@0002XLE6%EpFjWr%R$=>$N&HU0Lwu`#()3-007HCj35920001^X>W6&prFIRz`(%3"
            "z`)!97Q_(mkx5(Vg^bQyE#(?8;QVC7AlXO<@aiBT-RQqjM*H7&FU!11_6c7dW%wIsoi1^*@xTDfLE6%EpFjWr%R$=Gbe})~0Lwwz"
            "(sZ9d007HD+T2&)KmY*F00}yP%>#s^X>W6&prFFQz`(%3lA~c{VZ;zcGSn*%?n>j7c%z{!A>kdsk(R^|rm;^-;egA>KTUCT1H5%{"
            "s%&p(XJuqxZ*_FbLE6%EpFjWr%R$=I!#_X(0KmY&lgmNc(sYji007HD+R}8|0002Q7J{N_WTRnZVWo0!Y-Mwire$PlbZ>IY00000"
            "00000"
        ),
        rotated=(
            "v1.YWRh.vtcVLffNx30KhzJL_MbCTA.v5DUgMq_ya8zIW0X14BcWb5sr-Xu3wzVu92IVPAmXAw.yT2aKiZLkv0BWj2pBmFiGbNqn"
            "q5phGCkvccSYhvVAls"
        ),
        rotated_refresh=(
            "v1.YWRh.vtcVLffNx30KhzJL_MbCTA.v5DUgMq_ya8zIW0X14BcWb5sr-Xu3wzVu92IVPAmXAw.yT2aKiZLkv0BWj2pBmFiGbNqn"
            "q5phGCkvccSYhvVAls"
        ),
        remembered_refresh=(
            "v1.YWRh.RTLUKw_uSuOUeKOhKyHhHQ.E_zUnLMixVVaqMvSQAqQM5tKBEMeJ0_rM4Y3mKJLO8I.F9LI93g1QchNAU6AgPnVxl9M_"
            "BpfkscA0XDWNjwLBAA"
        ),
        signed_out=(
            "v1.YWRh.prFPSuGAy8c_TXF0A7x1cQ.aaKJSPUy5zvN7RrnaGTgXTJSHhIJOOsZwUuat66UvYM.bYIQ8Nb9NMO4AKF_chh-_wEWu"
            "GGJceAAWhpcH5R63Nc"
        ),
        acted=(
            "v1.YWRh.75FJW-iFjM5bLeUaMOD8ZA.c6ee1MLLam_afZBQbjM3UGaRvzFnf_Y5VHPQGAHgUKs.STMewcVkrYVVekASqw9c_I1il"
            "Rbb2cjRaJRMcNrIlIs"
        ),
    ),
}


@pytest.fixture(params=sorted(SAMPLES))
def sample(request: pytest.FixtureRequest) -> tuple[Sample, SessionManager]:
    """Return a sample, and a manager of this release over a store that holds its record."""
    found, store = SAMPLES[request.param], MemoryStore()
    store.swap("ada", None, Record(base64.b85decode(found.record), b"etag" * 2), 1_900_000_000.0, announce=False)
    if request.param == "opaque":
        return found, SessionManager(store, OpaqueCodec(bytes(range(32))), clock=FakeClock(WRITTEN + 5))
    codec = JWTCodec(Keyring.from_config([KEY]), audience="default", longest_lifetime=180 * 86_400.0)
    return found, SessionManager(store, codec, clock=FakeClock(WRITTEN + 5))


def test_an_access_token_still_opens_its_session(sample):
    """Device, data, claims and times of a session are read as they were written."""
    tokens, manager = sample
    session = manager.check(tokens.rotated)
    assert (session.client, session.label, session.ip) == ("web", "Firefox on Linux", "192.0.2.7")
    assert (session.data, session.extra_claims) == ({"cart": [1, 2]}, {"role": "editor"})
    assert (session.created, session.access_lifetime, session.gen) == (1_800_000_000.0, 900.0, 1)


def test_a_refresh_token_still_rotates(sample):
    """Both sessions go on, and what a newer release writes over the record is read again."""
    tokens, manager = sample
    for token in (tokens.rotated_refresh, tokens.remembered_refresh):
        assert manager.check(manager.refresh(token).access_token).gen > 0
    assert len(manager.sessions("ada")) == 3


def test_who_signed_out_stays_signed_out(sample):
    """The tombstone keeps its reason."""
    tokens, manager = sample
    with pytest.raises(SessionEnded) as caught:
        manager.check(tokens.signed_out)
    assert caught.value.reason == "logged_out"


def test_an_impersonated_session_still_names_its_actor(sample):
    """The actor of an impersonated session is read as it was written."""
    tokens, manager = sample
    actor = manager.check(tokens.acted).actor
    assert actor is not None
    assert actor.subject == "ada"
