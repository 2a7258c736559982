"""The page about formats names what is really there."""

from __future__ import annotations

import re

import jwt
import msgspec
import pytest
from sites import add_views, make_app, open_site

from docs.pages import text_of
from flask_gosession import SessionManager
from flask_gosession.session import record as records

TEXT = text_of("reference/formats.md")


def rows(name: str) -> list[tuple[str, str]]:
    table = TEXT.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]
    return re.findall(r"^\| (\d+) \| `(\w+)` \|", table, re.MULTILINE)


@pytest.mark.parametrize("kind", [records.SubjectRecord, records.Session])
def test_every_field_of_the_record_is_there(kind):
    """In the order in which it is stored."""
    wanted = [(str(number), name) for number, name in enumerate(kind.__struct_fields__)]
    assert rows(kind.__name__) == wanted


@pytest.mark.parametrize("kind", [records.Tombstone, records.Ban, records.NotBefore])
def test_the_smaller_parts_are_named(kind):
    """Their fields stand in the sentence about them."""
    sentence = TEXT.partition("Each of `ended` has")[2].partition("\n\n")[0]
    assert [name for name in kind.__struct_fields__ if f"`{name}`" not in sentence] == []


def test_every_claim_is_there(clock):
    """Of both tokens, of an impersonated and rotated session."""
    site = open_site(clock, app=make_app(), views=add_views, loader=lambda subject: {"id": subject}, ISSUER="x")
    manager: SessionManager = site.manager
    own = manager.login("root")
    actor = manager.authenticate(own.access_token)
    pair = manager.impersonate(actor, "ada")
    clock.advance(3000)
    pair = manager.refresh(pair.refresh_token)
    found = {name for token in (own.access_token, pair.access_token, pair.refresh_token) for name in _claims(token)}
    table = TEXT.partition("| claim |")[2].partition("\n\n")[0]
    assert found == {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])[:2]}


def _claims(token):
    return jwt.decode(token, options={"verify_signature": False})


def test_the_record_is_a_msgpack_array(clock):
    """After the etag that Redis keeps in front of it, and nothing else."""
    site = open_site(clock, app=make_app(), loader=lambda subject: {"id": subject})
    site.manager.login("ada")
    plain = msgspec.msgpack.decode(site.store.load("ada").value)
    assert plain[:2] == [records.MAJOR, "ada"]
    assert len(plain) <= len(records.SubjectRecord.__struct_fields__)
    assert plain[-1] != records.SubjectRecord.__struct_defaults__[-1]
