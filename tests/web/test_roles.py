"""Roles and permissions come from the user info: any or all, with wildcard segments."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_gosession import ConfigError, GoSession
from flask_gosession.web.scopes import covers


@dataclass
class Person:
    """A user as a dataclass."""

    roles: list[str] = field(default_factory=list)
    permissions: list[str] = field(default_factory=list)


class Row(msgspec.Struct):
    """A user as a Struct, with one role."""

    role: str = ""
    permissions: tuple[str, ...] = ()


USERS = {
    "nobody": {},
    "clerk": {"roles": ["clerk"], "permissions": ["orders:read", "orders:write:own"]},
    "chief": {"roles": ["clerk", "chief"], "permissions": ["orders:*", "staff:*:read"]},
    "root": {"role": "root", "permissions": ["*"]},
    "odd": {"roles": None, "permissions": 7},
}


def as_person(subject):
    known = USERS[subject]
    roles = known.get("roles") or ([known["role"]] if "role" in known else [])
    permissions = known.get("permissions")
    return Person(roles, permissions if isinstance(permissions, list) else [])


def guarded(site):
    gosession = site.gosession
    needs = {
        "/clerk": gosession.roles_required("clerk"),
        "/both": gosession.roles_required("clerk", "chief"),
        "/either": gosession.roles_required("chief", "root", match="any"),
        "/read": gosession.permissions_required("orders:read"),
        "/all": gosession.permissions_required("orders:read", "staff:ada:read"),
        "/any": gosession.permissions_required("staff:ada:read", "orders:write:own", match="any"),
        "/pay": gosession.permissions_required("staff:ada:pay"),
    }
    for path, decorate in needs.items():
        site.app.add_url_rule(path, path[1:], decorate(lambda: "in"))
    return site


ALLOWED = {
    "nobody": set(),
    "clerk": {"/clerk", "/read", "/any"},
    "chief": {"/clerk", "/both", "/either", "/read", "/all", "/any"},
    "root": {"/either", "/read", "/all", "/any", "/pay"},
    "odd": set(),
}
PATHS = ["/clerk", "/both", "/either", "/read", "/all", "/any", "/pay"]


@pytest.mark.parametrize("subject", USERS)
def test_who_may_what(make_any_site, subject):
    """A view runs for who holds what it asks for; all others get 403 insufficient_scope."""
    site = guarded(make_any_site(loader=USERS.get))
    token = site.login(subject)["access_token"]
    answers = {path: site.get(token, path) for path in PATHS}
    assert {path for path, answer in answers.items() if answer.status_code == 200} == ALLOWED[subject]
    for answer in answers.values():
        if answer.status_code != 200:
            assert (answer.status_code, answer.json["error"]) == (403, "insufficient_scope")
            assert answer.headers["WWW-Authenticate"].startswith('Bearer error="insufficient_scope"')


HOSTILE = [
    {"clerk": False},
    {"clerk": True},
    "*",
    ["*"],
    ["*:*"],
    [{"name": "clerk"}],
    [["clerk"]],
    "cle*",
    "CLERK",
    " clerk",
]


@pytest.mark.parametrize("given", HOSTILE, ids=str)
@pytest.mark.parametrize("name", ["roles", "role"])
def test_only_the_name_of_a_role_is_that_role(make, name, given):
    """A mapping grants nothing, switched on or off, and no wildcard stands for a role."""
    site = guarded(make(user_loader=lambda subject: {name: given}))
    token = site.pair("clerk").access_token
    assert {path: site.get(token, path).status_code for path in ("/clerk", "/both", "/either")} == {
        "/clerk": 403,
        "/both": 403,
        "/either": 403,
    }


@pytest.mark.parametrize("given", [{"orders:read": False}, {"*": True}, [{"*": True}], [["*"]]], ids=str)
def test_a_mapping_grants_no_permission(make, given):
    """Its keys are no permissions."""
    site = guarded(make(user_loader=lambda subject: {"permissions": given}))
    assert site.get(site.pair("clerk").access_token, "/read").status_code == 403


def test_attributes_count_as_keys_do(make_site):
    """A dataclass or a Struct holds them as attributes, in the plural or in the singular."""
    site = guarded(make_site(loader=as_person))
    token = site.login("chief")["access_token"]
    assert {path for path in PATHS if site.get(token, path).status_code == 200} == ALLOWED["chief"]


def test_a_struct_with_one_role(make_site):
    """One role as text is one role, not its letters."""
    site = guarded(make_site(loader=lambda subject: Row(role="clerk", permissions=("orders:read",))))
    token = site.login("clerk")["access_token"]
    assert {path for path in PATHS if site.get(token, path).status_code == 200} == {"/clerk", "/read"}


def test_a_guest_is_asked_to_sign_in(make_any_site):
    """Without a session the answer is 401, not 403."""
    site = guarded(make_any_site(loader=USERS.get))
    assert {site.get(None, path).status_code for path in PATHS} == {401}


def test_a_role_taken_away_is_gone_once_forgotten(make_any_site):
    """After users.forget the next check asks the loader."""
    users = {"ada": {"roles": ["clerk"]}}
    site = guarded(make_any_site(loader=users.get))
    token = site.login("ada")["access_token"]
    assert site.get(token, "/clerk").status_code == 200
    users["ada"] = {"roles": []}
    assert site.get(token, "/clerk").status_code == 200
    site.manager.users.forget("ada")
    assert site.get(token, "/clerk").status_code == 403


@pytest.mark.parametrize("arguments", [((), {}), (("",), {}), (("a",), {"match": "some"})], ids=str)
def test_asking_for_nothing_is_an_error_at_once(arguments):
    """No names, or an unknown match, fail when the view is decorated: never a view that is open by mistake."""
    names, more = arguments
    for decorator in (GoSession().roles_required, GoSession().permissions_required):
        with pytest.raises(ConfigError):
            decorator(*names, **more)


COVERS = [
    ("orders:read", "orders:read", True),
    ("orders:read", "orders", False),
    ("orders", "orders:read", False),
    ("orders:*", "orders:read", True),
    ("orders:*", "orders:read:own", True),
    ("orders:*", "orders", False),
    ("orders:*", "ordersx:read", False),
    ("*", "orders", True),
    ("*", "orders:read:own", True),
    ("*:read", "orders:read", True),
    ("*:read", "orders:write", False),
    ("*:read", "orders:read:own", False),
    ("orders:*:own", "orders:read:own", True),
    ("orders:*:own", "orders:read:all", False),
    ("orders:re*", "orders:read", False),
    ("", "", True),
    ("", "orders", False),
    ("orders:read", "orders:*", False),
    ("Orders:read", "orders:read", False),
]


@pytest.mark.parametrize(("held", "wanted", "covered"), COVERS)
def test_wildcards_stand_for_segments(held, wanted, covered):
    """A star is a whole segment, at the end all that follow; nothing else is a pattern."""
    assert covers([held], wanted) is covered


segment = st.text("ab", min_size=1, max_size=2)
names = st.lists(segment, min_size=1, max_size=4).map(":".join)


@given(held=names, wanted=names)
def test_without_a_star_only_the_same_name_covers(held, wanted):
    """Two plain names cover each other only when they are equal."""
    assert covers([held], wanted) is (held == wanted)


@given(wanted=names, at=st.integers(0, 3))
def test_any_segment_may_be_a_star(wanted, at):
    """Replacing a segment by a star still covers."""
    parts = wanted.split(":")
    parts[at % len(parts)] = "*"
    assert covers([":".join(parts)], wanted)
