"""What --json prints is what the published schema says."""

from __future__ import annotations

import json

import jsonschema
import pytest

from cli import schemas
from cli.shop import LONDON, Shop, all_commands

BY_ANOTHER_STANDARD = {"keys generate", "keys rotate", "keys retire", "keys jwks"}
"""Entries of GOSESSION_KEYS, and a JWK Set."""


@pytest.fixture(scope="module")
def published() -> dict[str, object]:
    return json.loads(schemas.FILE.read_text("utf-8"))


def test_the_published_schema_is_that_of_the_code():
    """docs/reference/cli.schema.json is written by ``python tests/cli/schemas.py``."""
    assert schemas.FILE.read_text("utf-8") == schemas.text()


def test_every_command_has_a_schema():
    """No command prints JSON that nothing is said about."""
    assert {" ".join(path) for path in all_commands()} == schemas.TYPES.keys() | BY_ANOTHER_STANDARD


@pytest.fixture
def busy(small_shop: Shop) -> dict[str, str]:
    """Return ids and tokens of a shop with all that a record can hold."""
    admin = small_shop.manager.login("root")
    small_shop.manager.impersonate(small_shop.manager.authenticate(admin.access_token), "ada", data={"cart": 3})
    live = small_shop.manager.login("ada", device=LONDON)
    gone = small_shop.manager.login("ada", client="ios")
    small_shop.manager.revoke("ada", gone.sid, "kicked", message="too loud", client="web")
    small_shop.manager.users.load("ada")
    small_shop.manager.ban("bob", until=small_shop.clock() + 60, reason="abuse")
    return {"{sid}": live.sid, "{gone}": gone.sid, "{token}": live.access_token, "{dead}": gone.access_token}


@pytest.mark.parametrize(
    "line",
    [
        "sessions ada",
        "show ada",
        "show bob",
        "show nobody",
        "find {sid}",
        "find {gone}",
        "revoke ada {sid}",
        "revoke-all ada",
        "ban ada --for 1d",
        "unban bob",
        "unban ada",
        "stats",
        "stats --estimate",
        "purge",
        "purge --dry-run",
        "inspect {token}",
        "inspect {dead}",
        "inspect garbage",
        "keys list",
        "routes",
        "config",
        "doctor",
    ],
)
def test_what_is_printed_keeps_the_schema(
    small_shop: Shop, busy: dict[str, str], published: dict[str, object], line: str
):
    """Each field is there, of its type, and no other."""
    words = [busy.get(word, word) for word in line.split()]
    name = next(name for name in schemas.TYPES if line == name or line.startswith(f"{name} "))
    printed = json.loads(small_shop.run(*words, "--json").stdout)
    schema = {"$ref": f"#/commands/{name}", **published}
    jsonschema.validate(printed, schema)
