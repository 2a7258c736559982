"""Keys: listed, made, moved on, taken out, published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.shop import Shop, make_shop
from flask_gosession.testing.clock import FakeClock
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.keys import ALGORITHMS


def generated(shop: Shop, *options: str) -> dict[str, Any]:
    return json.loads(shop.run("keys", "generate", *options).stdout)


@pytest.fixture
def pairs(small_shop: Shop, clock: FakeClock) -> Shop:
    """Return a shop whose tokens are signed by a key pair."""
    return make_shop("memory://", clock, KEYS=[generated(small_shop, "--status", "active")])


def test_derived_keys_are_listed(small_shop: Shop):
    """The keys that come from SECRET_KEY are named, without what is secret."""
    listed = small_shop.json("keys", "list")
    assert [(each["alg"], each["signs"], each["origin"]) for each in listed] == [
        ("HS256", "access", "SECRET_KEY"),
        ("HS256", "refresh", "SECRET_KEY"),
    ]
    assert small_shop.app.config["SECRET_KEY"] not in small_shop.run("keys", "list").output


@pytest.mark.parametrize("alg", [alg for alg in ALGORITHMS if alg[0] not in "RP"] + ["RS256"])
def test_a_generated_key_can_be_used(small_shop: Shop, alg: str):
    """What is printed is an entry of GOSESSION_KEYS, of each algorithm."""
    entry = generated(small_shop, "--alg", alg, "--status", "active")
    keyring = Keyring.from_config([entry])
    assert keyring.signer("access").kid == entry["kid"]


def test_two_generated_keys_differ(small_shop: Shop):
    """No key is drawn twice."""
    assert generated(small_shop)["private_key"] != generated(small_shop)["private_key"]


def test_a_rotation_takes_two_steps(pairs: Shop, clock: FakeClock):
    """First a next key is published, then it signs and the old one retires; tokens of the old one stay good."""
    old = pairs.app.config["GOSESSION_KEYS"][0]
    token = pairs.manager.login("ada").access_token
    first = json.loads(pairs.run("keys", "rotate").stdout)
    assert [entry["status"] for entry in first] == ["next", "active"]

    second = json.loads(make_shop("memory://", clock, KEYS=first).run("keys", "rotate").stdout)
    assert [(entry["kid"], entry["status"]) for entry in second] == [
        (first[0]["kid"], "active"),
        (old["kid"], "retired"),
    ]
    rotated = make_shop("memory://", clock, KEYS=second)
    assert rotated.manager.claims(token).subject == "ada"

    left = json.loads(rotated.run("keys", "retire", old["kid"]).stdout)
    assert [entry["kid"] for entry in left] == [first[0]["kid"]]


def test_only_a_retired_key_can_be_taken_out(pairs: Shop):
    """The key that signs, and one that is not there, stay; a sentence says why."""
    kid = pairs.app.config["GOSESSION_KEYS"][0]["kid"]
    for wrong, why in ((kid, "only a retired key"), ("-nobody", "no key")):
        result = pairs.run("keys", "retire", wrong)
        assert result.exit_code == 2
        assert why in result.stderr


def test_derived_keys_are_not_rotated_here(small_shop: Shop):
    """Where keys come from SECRET_KEY the answer is what to do instead."""
    result = small_shop.run("keys", "rotate")
    assert result.exit_code == 1
    assert "SECRET_KEY_FALLBACKS" in result.stderr


def test_the_jwks_holds_no_secret(pairs: Shop, small_shop: Shop):
    """The set that is printed is the published one; where keys are secrets it is empty."""
    (key,) = json.loads(pairs.run("keys", "jwks").stdout)["keys"]
    assert key["kty"] == "EC"
    assert "d" not in key
    assert json.loads(small_shop.run("keys", "jwks").stdout) == {"keys": []}


def test_the_day_of_a_key_is_kept(pairs: Shop):
    """A generated entry says when it was made, and the list shows it."""
    assert pairs.json("keys", "list")[0]["created"] == pairs.app.config["GOSESSION_KEYS"][0]["created"]


def test_opaque_tokens_have_no_keyring(clock: FakeClock):
    """In opaque mode the answer says by what the tokens are protected."""
    result = make_shop("memory://", clock, TOKEN_MODE="opaque").run("keys", "list")
    assert result.exit_code == 1
    assert "MAC" in result.stderr


def test_a_file_is_written_where_that_is_wanted(small_shop: Shop, clock: FakeClock, tmp_path: Path):
    """--write puts the next step into the file of the keys, and prints no private key; the app follows at once."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps([generated(small_shop, "--status", "active")]))
    shop = make_shop("memory://", clock, KEYS=path)
    assert [each["status"] for each in json.loads(shop.run("keys", "rotate").stdout)] == ["next", "active"]
    assert len(json.loads(path.read_text())) == 1
    for expected in (["next", "active"], ["active", "retired"]):
        printed = shop.run("keys", "rotate", "--write").stdout
        clock.advance(1)
        assert "PRIVATE KEY" not in printed
        assert [each["status"] for each in shop.json("keys", "list")] == expected
    old = shop.json("keys", "list")[1]["kid"]
    shop.run("keys", "retire", old, "--write")
    clock.advance(1)
    assert [each["status"] for each in shop.json("keys", "list")] == ["active"]


def test_a_file_that_rotates_by_itself_can_be_hastened(clock: FakeClock, tmp_path: Path):
    """By hand the next key is published early, and then signs now."""
    path = tmp_path / "keys.json"
    shop = make_shop("memory://", clock, KEYS=path, KEY_ROTATION="90d")
    for expected in (["next", "active"], ["active", "retired"]):
        assert shop.run("keys", "rotate", "--write").exit_code == 0
        clock.advance(1)
        assert [each["status"] for each in shop.json("keys", "list")] == expected


def test_without_a_file_there_is_nothing_to_write(pairs: Shop):
    """--write with keys in the configuration is wrong usage."""
    result = pairs.run("keys", "rotate", "--write")
    assert result.exit_code == 2
    assert "GOSESSION_KEYS" in result.stderr
