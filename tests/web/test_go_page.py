"""The code in the table of docs/moving/go.md, run as it stands there, with either kind of token."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from sites import open_site
from tokens.pairs import pair as key_pair

from flask_gosession.config import settings_table

PAGE = Path(__file__).parents[2] / "docs" / "moving" / "go.md"
LEFT_OUT = {"claims=…": 'claims={"tier": "gold"}', "data=…": 'data={"cart": [1]}', "[…]": '["ada", "bob"]'}


def rows():
    """Return the cells of each line of the table, without its head."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


ROWS = rows()
SNIPPETS = [(names, code) for names, here in ROWS for code in re.findall(r"`([^`]+)`", here)]
CALLS = [(names, code) for names, code in SNIPPETS if code.startswith("manager.")]
SETTINGS = [code for _, code in SNIPPETS if code.startswith("GOSESSION_")]
GO_NAMES = {name for names, _ in ROWS for name in re.findall(r"`(\w+)", names)}


@pytest.fixture
def site(clock, store, token_mode):
    return open_site(clock, store, blueprint={}, loader=lambda subject: {"id": subject}, TOKEN_MODE=token_mode)


def test_every_name_of_the_library_is_there():
    """What the library exports and people call has its line."""
    assert {
        *("SetToken", "RefreshToken", "DeleteToken", "CheckToken", "CheckTokenOrUpdateUser"),
        *("ListUserToken", "DeleteUserToken", "AddUser", "RefreshUser", "DeleteUser"),
        *("ConfigTokenKeyPrefix", "ConfigUserKeyPrefix", "ConfigDefaultExpireTime", "ConfigGetUserInfoFunc"),
        *(
            "SetSingleMode",
            "CreateNewLogInToken",
            "GetSessionInfoByAccessToken",
            "GetSignPublicKey",
            "ParseAccessToken",
        ),
    } == GO_NAMES


@pytest.mark.parametrize(("names", "code"), CALLS, ids=[code for _, code in CALLS])
def test_each_call(site, names, code):
    """Each call of the table runs as it stands there, and does what its line is about."""
    for left_out, example in LEFT_OUT.items():
        code = code.replace(left_out, example)
    pair = site.manager.login("ada")
    known = {
        "manager": site.manager,
        "subject": "ada",
        "seconds": 600,
        "token": pair.access_token,
        "refresh_token": pair.refresh_token or pair.access_token,
    }
    eval(code, known)  # the documentation's own words
    lives = {one.sid for one in site.manager.sessions("ada")}
    assert (pair.sid in lives) is not any(word in code for word in (".logout(", ".revoke_all(")), names
    assert len(lives) == {"login": 2}.get(code.split("(")[0].removeprefix("manager."), 1 if pair.sid in lives else 0)


@pytest.mark.parametrize("code", SETTINGS)
def test_each_setting(clock, code):
    """Each setting of the table is one, and a value that stands there starts."""
    name, _, value = code.partition(" = ")
    assert name in {known for known, *_ in settings_table()}
    given = {"GOSESSION_KEY_PREFIX": "shop", "GOSESSION_ABSOLUTE_TIMEOUT": 600}.get(name) if not value else eval(value)
    site = open_site(clock, **{name.removeprefix("GOSESSION_"): given})
    first, second = site.pair(), site.pair()
    live = [second.sid] if name == "GOSESSION_SESSION_LIMIT" else [first.sid, second.sid]
    assert sorted(one.sid for one in site.manager.sessions("ada")) == sorted(live)
    longest = given if name == "GOSESSION_ABSOLUTE_TIMEOUT" else 7 * 86_400
    assert site.manager.check(second.access_token).session_seconds_left == pytest.approx(longest, abs=1)


def test_the_key_prefix(tmp_path, clock):
    """Two apps with prefixes of their own share a store and nothing in it."""
    url = f"file://{tmp_path / 'records'}"
    ours, theirs = (open_site(clock, STORE=url, KEY_PREFIX=prefix) for prefix in ("ours", "theirs"))
    pair = ours.pair()
    assert ours.manager.sessions("ada")[0].sid == pair.sid
    assert theirs.manager.sessions("ada") == []


def test_the_published_keys_and_the_verifier(clock):
    """`jwks.json` publishes the key, and the module that the table names verifies a token by it."""
    told = [code for _, code in SNIPPETS]
    assert {"jwks.json", "flask_gosession.client.verifier"} <= set(told)
    site = open_site(clock, KEYS=[key_pair("ES256", "k1")], blueprint={})
    verifier = importlib.import_module("flask_gosession.client.verifier").Verifier(
        "http://127.0.0.1/auth/jwks.json",
        issuer=None,
        audience="default",
        clock=clock,
        fetch=lambda url: site.get(path=url.removeprefix("http://127.0.0.1")).data,
    )
    assert verifier.verify(site.pair().access_token).subject == "ada"
