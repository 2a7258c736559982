"""The configuration as a whole: all problems at once, each with what to do, and no secret shown."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest

from flask_gosession.config import PREFIX, Config, settings_table
from flask_gosession.errors import ConfigError
from flask_gosession.session.policy import Policy


def load(realm: str = "default", **values) -> Config:
    return Config.load({f"{PREFIX}{name}": value for name, value in values.items()}, realm)


def problems(realm: str = "default", **values) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        load(realm, **values)
    return refused.value.problems


def test_nothing_set_is_the_defaults():
    """An empty configuration, and keys of others, give the documented defaults."""
    config = Config.load({"SECRET_KEY": "x", "SESSION_LIMIT": 3, "gosession_level": "x"})
    assert config == Config(audience="default")
    assert (config.access_lifetime, config.idle_timeout, config.absolute_timeout) == (900.0, 604_800.0, 2_592_000.0)
    assert (config.level, config.token_locations, config.store) == ("strict", ("header",), "memory://")


def test_settings_have_one_form():
    """Durations become seconds, lists tuples, whatever form they had."""
    config = load(ACCESS_LIFETIME="5m", TOKEN_LOCATIONS="cookie", CSRF_TRUSTED_ORIGINS=["https://a.example"])
    assert config.access_lifetime == 300.0
    assert config.token_locations == ("cookie",)
    assert config.csrf_trusted_origins == ("https://a.example",)


def test_all_problems_at_once():
    """Every wrong value and unknown key is reported by one error, each by name and with what would be right."""
    found = problems(LEEWAY="x", SESSION_LIMIT=0, ON_LIMIT="shrug", SESION_LIMIT=1, LEVEL="memory", CSRF="yes")
    assert len(found) == 6
    text = "\n".join(found)
    for name in ("LEEWAY", "SESSION_LIMIT", "ON_LIMIT", "LEVEL", "CSRF"):
        assert f"{PREFIX}{name} must be" in text
    assert f"{PREFIX}SESION_LIMIT is not a setting; did you mean {PREFIX}SESSION_LIMIT?" in text
    assert str(ConfigError(*found)) == text


def test_a_limit_names_a_client_class():
    """A limit for a class that no login could have is told at start-up."""
    assert dict(load(CLIENT_LIMITS={"web": 1, "*": 5}).client_limits) == {"web": 1, "*": 5}
    assert "'we/b', which is not a client class" in problems(CLIENT_LIMITS={"we/b": 1})[0]


def test_a_problem_says_what_was_there_unless_it_is_long():
    """A wrong value is shown, but not one that could be a secret in the wrong place."""
    assert problems(LEVEL="memory")[0].endswith("it is 'memory'.")
    assert problems(LEVEL="s3cret" * 10)[0].endswith("it is something else.")
    assert "something else" in problems(LEVEL=object())[0]


def test_an_unknown_key_without_a_like_is_named():
    """A key that resembles no setting is refused, too."""
    assert problems(XYZZY=1) == (f"{PREFIX}XYZZY is not a setting.",)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"ACCESS_LIFETIME": "2h", "ABSOLUTE_TIMEOUT": "1h"}, "ACCESS_LIFETIME"),
        ({"COOKIE_SAMESITE": "None", "COOKIE_SECURE": False}, "COOKIE_SAMESITE"),
        ({"COOKIE_REFRESH_SAMESITE": "None", "COOKIE_SECURE": False}, "COOKIE_REFRESH_SAMESITE"),
        ({"COOKIE_PRESET": "host", "COOKIE_DOMAIN": "shop.example"}, "COOKIE_DOMAIN"),
        ({"COOKIE_PRESET": "host", "COOKIE_PATH": "/shop"}, "COOKIE_PATH"),
        ({"COOKIE_PRESET": "host", "COOKIE_SECURE": False}, "COOKIE_SECURE"),
    ],
)
def test_values_that_contradict_each_other(values, named):
    """Settings that are right alone and wrong together are refused by name."""
    found = problems(**values)
    assert len(found) == 1
    assert f"{PREFIX}{named}" in found[0]


def test_levels():
    """There are three."""
    assert [load(LEVEL=level).level for level in ("strict", "cached", "signature")] == ["strict", "cached", "signature"]
    for level in ("memory", "", None):
        assert "LEVEL" in problems(LEVEL=level)[0]


def test_unseen_use_goes_with_the_signature():
    """Where tokens speak for themselves, their first use may never be seen, and nobody is blamed for it."""
    assert load(LEVEL="signature").policy.unseen_use
    assert not load(LEVEL="cached").policy.unseen_use


def test_a_named_realm_reads_its_own_settings_over_the_common_ones():
    """`REALMS["admin"]` wins over the root key, which wins over the default; keys and cookies never are shared."""
    values = {"ACCESS_LIFETIME": 60, "SESSION_LIMIT": 9, "REALMS": {"admin": {"SESSION_LIMIT": 1}}}
    admin, root = load("admin", **values), load(**values)
    assert (admin.access_lifetime, admin.session_limit, root.session_limit) == (60.0, 1, 9)
    assert (admin.key_prefix, admin.cookie_name, admin.audience) == ("gosession-admin", "gosession_admin", "admin")
    assert load("admin", AUDIENCE="api").audience == "api/admin"
    assert load("other", **values).session_limit == 9


def test_problems_of_a_realm_say_so():
    """A key that is unknown in a realm's settings is reported with the realm; REALMS must be a mapping of mappings."""
    assert "REALMS['admin']: SESION_LIMIT" in problems("admin", REALMS={"admin": {"SESION_LIMIT": 1}})[0]
    for odd in ("admin", ["admin"], {"admin": 1}):
        assert "REALMS must be a mapping" in problems("admin", REALMS=odd)[0]


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a/b", "ä", "x" * 65, "a\n"])
def test_a_realm_has_a_name_that_keys_and_cookies_can_have(name):
    """The name of a realm becomes part of keys and cookie names, so it is checked like them."""
    assert "name of a realm" in problems(name)[0]


def test_the_policy_is_the_same_numbers():
    """Every field of the policy that is a setting has the setting's value."""
    policy = load(ACCESS_LIFETIME=60, SESSION_LIMIT=3, CLIENT_LIMITS={"*": 2}, ROTATION_GRACE=0, LEEWAY=1).policy
    assert (policy.access_lifetime, policy.session_limit, policy.client_limits) == (60.0, 3, {"*": 2})
    assert (policy.rotation_grace, policy.leeway) == (0.0, 1.0)
    assert load().policy == Policy()


def test_a_frozen_configuration():
    """A setting does not change after it was read."""
    with pytest.raises(AttributeError, match="immutable"):
        load().level = "none"


def test_a_repr_shows_no_secret():
    """LOG-01: keys, passwords in store URLs and what realms bring do not show in a repr."""
    config = load(KEYS=["hush-1"], STORE="redis://:hush-2@localhost", REALMS={"admin": {"KEYS": ["hush-3"]}})
    assert "hush" not in repr(config)
    assert "hush" not in repr(config.__rich_repr__())
    assert "session_limit=50" in repr(config)


def test_every_setting_is_documented():
    """The table names every field of the configuration but the realm itself, each with a sentence."""
    table = settings_table()
    fields = {*Config.__struct_fields__} - {"realm"}
    assert {name for name, _, _ in table} == {PREFIX + name.upper() for name in fields}
    assert all(doc.endswith(".") for _, _, doc in table)
    assert {name: default for name, default, _ in table}[f"{PREFIX}CLIENT_LIMITS"] == "{}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"COOKIE_NAMES": {"acess": "x"}}, 'must be a mapping of some of "access"'),
        ({"COOKIE_NAMES": {"access": "a b"}}, "letters, digits"),
        ({"COOKIE_NAMES": {"access": "one", "csrf": "one"}}, "the same name"),
        ({"COOKIE_NAMES": {"access": "gosession_csrf"}}, "the same name"),
        ({"LEGACY_UNTIL": "soon"}, "a Unix time in seconds, or a datetime"),
        ({"LEGACY_UNTIL": "2027-01-31"}, "a datetime with its time zone"),
        ({"REFRESH_ROTATION": "no"}, "must be True or False"),
    ],
)
def test_wrong_names_moments_and_flags(given, said):
    """Each is told at start-up, by a sentence that says what would be right."""
    with pytest.raises(ConfigError, match=said):
        Config.load({f"GOSESSION_{name}": value for name, value in given.items()})


MOMENT = datetime(2027, 1, 31, tzinfo=timezone.utc)


@pytest.mark.parametrize("value", [MOMENT, MOMENT.timestamp(), MOMENT.isoformat()])
def test_a_moment_may_be_text(value):
    """A Unix time, a datetime, and ISO 8601 text as an environment variable has it, are the same."""
    assert Config.load({"GOSESSION_LEGACY_UNTIL": value}).legacy_until == MOMENT.timestamp()


@pytest.mark.parametrize("value", ["2027-01-31", "soon", datetime(2027, 1, 31)])  # noqa: DTZ001 - that is what is wrong
def test_a_wrong_moment_is_answered_with_a_right_one(value):
    """A date, or a datetime without its time zone, is refused with an example that counts."""
    with pytest.raises(ConfigError, match="LEGACY_UNTIL") as caught:
        Config.load({"GOSESSION_LEGACY_UNTIL": value})
    example = re.search(r"such as (\S+);", str(caught.value))[1]
    assert Config.load({"GOSESSION_LEGACY_UNTIL": example}).legacy_until == MOMENT.timestamp()


def test_a_realm_has_its_own_cookie_names():
    """A named realm does not take the single names that the default realm has: they would be the same cookies."""
    values = {"GOSESSION_COOKIE_NAMES": {"access": "sid"}, "GOSESSION_REALMS": {"b": {"COOKIE_NAMES": {"access": "b"}}}}
    names = [Config.load(values, realm).cookie_name_of("access") for realm in ("default", "a", "b")]
    assert names == ["sid", "gosession_a_access", "b"]
