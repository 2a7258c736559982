"""Settings, keys and cookies that are allowed and yet wrong."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cli.shop import make_shop

from doctor.conftest import Examine, severities
from flask_gosession.findings import Finding
from flask_gosession.testing.clock import FakeClock
from flask_gosession.tokens.key_entries import new_entry

COOKIES: dict[str, Any] = {"TOKEN_LOCATIONS": ["cookie"]}


def test_the_defaults_are_well(examine: Examine):
    """Of the settings as they come nothing but the memory store is said."""
    assert severities(examine()) == {"store.memory": "warning"}
    assert severities(examine(**COOKIES)) == {"store.memory": "warning", "cookies.host_prefix": "advice"}


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"IDLE_TIMEOUT": "31d"}, "IDLE_TIMEOUT"),
        ({"REMEMBER_IDLE_TIMEOUT": "3d"}, "REMEMBER_IDLE_TIMEOUT"),
        ({"REMEMBER_ABSOLUTE_TIMEOUT": "29d", "REMEMBER_IDLE_TIMEOUT": "10d"}, "REMEMBER_ABSOLUTE_TIMEOUT"),
        ({"ACCESS_LIFETIME": "1h", "IDLE_TIMEOUT": "30m"}, "ACCESS_LIFETIME"),
        ({"FRESH_LIFETIME": "31d"}, "FRESH_LIFETIME"),
        ({"TOUCH_INTERVAL": "8h", "IDLE_TIMEOUT": "1h"}, "TOUCH_INTERVAL"),
        ({"LEEWAY": 60, "ACCESS_LIFETIME": 30}, "LEEWAY"),
        ({"ROTATION_GRACE": 60, "ACCESS_LIFETIME": 30}, "ROTATION_GRACE"),
    ],
)
def test_lifetimes_that_make_no_sense_together_are_found(examine: Examine, settings: dict[str, Any], word: str):
    """Each such pair is a warning that names both."""
    finding = examine(**settings)["settings.lifetimes"]
    assert finding.severity == "warning"
    assert word in finding.what


def test_a_limit_that_never_applies_is_found(examine: Examine):
    """A class may not have more sessions than there may be in all."""
    assert examine(CLIENT_LIMITS={"web": 60, "*": 5})["settings.limits"].severity == "warning"


@pytest.mark.parametrize(
    ("settings", "check", "severity"),
    [
        ({"COOKIE_SECURE": False}, "cookies.secure", "error"),
        ({"CSRF": False}, "cookies.csrf", "error"),
        ({"COOKIE_SAMESITE": "None"}, "cookies.samesite", "advice"),
        ({"COOKIE_DOMAIN": "example.com"}, "cookies.domain", "warning"),
        ({"CSRF_TRUSTED_ORIGINS": ["http://example.com"]}, "cookies.trusted_origins", "warning"),
    ],
)
def test_cookies_that_do_not_fit_are_found(examine: Examine, settings: dict[str, Any], check: str, severity: str):
    """Each flag that lets somebody else in is found, outside debug and testing."""
    assert examine(**COOKIES, **settings)[check].severity == severity
    assert check not in examine(**settings), "tokens do not travel in cookies"


def test_insecure_cookies_are_right_in_testing(examine: Examine):
    """In testing cookies go over HTTP: that is advice, not an error."""
    assert examine(**COOKIES, TESTING=True)["cookies.secure"].severity == "advice"


def test_host_cookies_are_well(examine: Examine):
    """With the preset there is nothing to say."""
    assert severities(examine(**COOKIES, COOKIE_PRESET="host")) == {"store.memory": "warning"}


def keyed(clock: FakeClock, **config: Any) -> dict[str, Finding]:
    shop = make_shop("memory://", clock, **config)
    with shop.app.app_context():
        return {one.check: one for one in reversed(shop.gosession.doctor())}


def test_an_old_key_is_found(clock: FakeClock):
    """A key that has signed for more than a year is a warning, one without a date is not known to be old."""
    today = datetime.fromtimestamp(clock(), timezone.utc).date()
    old = new_entry("ES256", today - timedelta(days=400), status="active")
    following = new_entry("ES256", today)
    assert severities(keyed(clock, KEYS=[old, following])) == {"keys.age": "warning"}
    assert "keys rotate" in keyed(clock, KEYS=[old, following])["keys.age"].fix
    undated = {name: value for name, value in old.items() if name != "created"}
    assert severities(keyed(clock, KEYS=[undated])) == {"keys.next": "advice"}


def test_a_weak_secret_is_found_where_it_is_let_pass(clock: FakeClock):
    """Testing accepts a short SECRET_KEY; doctor does not."""
    shop = make_shop("memory://", clock)
    shop.app.config["SECRET_KEY"] = "dev"
    with shop.app.app_context():
        found = {one.check: one for one in shop.gosession.doctor()}
    assert found["keys.secret"].severity == "warning"
    assert "'dev'" not in str(found)


def test_a_wrong_date_of_a_key_is_refused():
    """What is no date in GOSESSION_KEYS is an error at start-up."""
    from flask_gosession.errors import ConfigError
    from flask_gosession.tokens.keyring import Keyring

    entry = new_entry("HS256", datetime.now(timezone.utc).date(), status="active")
    with pytest.raises(ConfigError, match="not a date"):
        Keyring.from_config([{**entry, "created": "yesterday"}])
