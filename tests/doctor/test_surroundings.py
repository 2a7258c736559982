"""What is around the app: processes, proxies, other extensions; and the exit codes of the whole."""

from __future__ import annotations

from typing import Any

import pytest
from cli.shop import Shop, make_shop
from flask import Flask
from flask_cors import CORS
from flask_jwt_extended import JWTManager
from flask_login import LoginManager
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from doctor.conftest import Examine, severities
from flask_gosession import Device
from flask_gosession.adapters.flask_jwt_extended import RevocableJWTManager
from flask_gosession.adapters.flask_login import RevocableLoginManager
from flask_gosession.doctor.stores import latency_finding
from flask_gosession.doctor.surroundings import PLATFORMS, check_surroundings
from flask_gosession.findings import Finding
from flask_gosession.testing.clock import FakeClock
from flask_gosession.web.state import state_of


def found(shop: Shop, environ: dict[str, str] | None = None) -> dict[str, Finding]:
    return {one.check: one for one in check_surroundings(state_of("default", shop.app), environ or {})}


@pytest.fixture
def shop(clock: FakeClock) -> Shop:
    return make_shop("memory://", clock)


def test_one_process_in_testing_is_well(shop: Shop):
    """The memory store is right in testing, and nothing else is around."""
    assert found(shop) == {}


def test_memory_in_production_is_a_warning(examine: Examine):
    """Outside debug and testing a restart signs everybody out."""
    assert severities(examine()) == {"store.memory": "warning"}


@pytest.mark.parametrize("variable", [{"WEB_CONCURRENCY": "4"}, {"GUNICORN_CMD_ARGS": "--bind x --workers=4"}])
def test_workers_on_a_memory_store_are_an_error(shop: Shop, variable: dict[str, str]):
    """Four workers with a memory each know nothing of one another."""
    finding = found(shop, variable)["store.workers"]
    assert finding.severity == "error"
    assert finding.what.startswith("4 worker processes")


def test_workers_on_a_memory_store_are_found_behind_observers(clock: FakeClock):
    """Observers, which time the store, do not hide what it is."""
    shop = make_shop("memory://", clock, OBSERVERS=["prometheus"])
    assert "store.workers" in found(shop, {"WEB_CONCURRENCY": "4"})


@pytest.mark.parametrize("variable", PLATFORMS)
def test_a_platform_with_a_proxy_asks_for_proxy_fix(shop: Shop, variable: str):
    """On a platform that puts a proxy in front, ProxyFix is missed; with it all is well."""
    assert found(shop, {variable: "x"})["proxy.fix"].severity == "warning"
    shop.app.wsgi_app = ProxyFix(shop.app.wsgi_app)
    assert found(shop, {variable: "x"}) == {}


def test_a_forwarded_request_shows_a_proxy(shop: Shop):
    """Asked within a request that a proxy has sent, doctor tells by its header."""
    with shop.app.test_request_context(headers={"X-Forwarded-For": "203.0.113.7"}):
        assert "proxy.fix" in found(shop)


def test_sessions_from_one_private_address_show_a_proxy(shop: Shop):
    """When everybody comes from one private address it is a proxy's; two addresses are people."""
    for number in range(10):
        shop.manager.login(f"user-{number}", device=Device("10.0.0.5"))
    assert "10.0.0.5" in found(shop)["proxy.fix"].what
    shop.manager.login("ada", device=Device("203.0.113.7"))
    assert found(shop) == {}


def test_flask_login_beside_us_is_a_clash(shop: Shop):
    """Flask-Login puts a current_user into templates, too."""
    LoginManager(shop.app)
    assert found(shop).keys() == {"extensions.flask_login"}


def test_other_known_neighbours_are_found(clock: FakeClock):
    """Flask-JWT-Extended, Flask-WTF and a Flask-CORS for everybody are told of."""
    shop = make_shop("memory://", clock, TOKEN_LOCATIONS=["cookie"])
    shop.app.config["JWT_SECRET_KEY"] = "of-the-other-extension-" + "0123456789abcdef" * 2
    JWTManager(shop.app)
    CSRFProtect(shop.app)
    shop.app.config.update(CORS_SUPPORTS_CREDENTIALS=True, CORS_ORIGINS="*")
    CORS(shop.app)
    assert severities(found(shop)) == {
        "extensions.flask_jwt_extended": "warning",
        "extensions.flask_wtf": "warning",
        "extensions.flask_cors": "error",
    }
    shop.app.config["CORS_ORIGINS"] = ["https://shop.example"]
    assert "extensions.flask_cors" not in found(shop)


class OwnManager(RevocableJWTManager):
    """An app's own kind of it."""


@pytest.mark.parametrize("manager", [RevocableLoginManager, RevocableJWTManager, OwnManager])
def test_our_adapters_are_no_clash(clock: FakeClock, manager: Any):
    """Flask-Login and Flask-JWT-Extended over our sessions are no other extension beside us."""
    shop = make_shop("memory://", clock, LEGACY_UNTIL=clock() + 60)
    shop.app.config["JWT_SECRET_KEY"] = "of-the-other-extension-" + "0123456789abcdef" * 2
    manager(shop.app)
    assert found(shop) == {}


@pytest.mark.parametrize(
    ("median", "slowest", "severity"), [(0.001, 0.05, "ok"), (0.02, 0.03, "warning"), (0.001, 0.2, "warning")]
)
def test_a_slow_store_is_found(median: float, slowest: float, severity: str):
    """The median and the slowest of twenty answers are judged."""
    assert latency_finding(median, slowest).severity == severity


@pytest.mark.parametrize(
    ("config", "code", "lenient"),
    [({"TESTING": True}, 0, 0), ({}, 1, 0), ({"TOKEN_LOCATIONS": ["cookie"], "CSRF": False}, 2, 2)],
)
def test_the_exit_code_is_that_of_the_worst(clock: FakeClock, config: dict[str, Any], code: int, lenient: int):
    """0 is well, 1 a warning, 2 an error; --fail-on error lets warnings pass."""
    shop = make_shop("memory://", clock, testing=config.pop("TESTING", False), **config)
    assert shop.run("doctor").exit_code == code
    assert shop.run("doctor", "--fail-on", "warning").exit_code == code
    assert shop.run("doctor", "--fail-on", "error").exit_code == lenient


def test_every_finding_says_why_and_what_to_do(clock: FakeClock):
    """What is not well has a reason and a fix, and the worst comes first."""
    shop = make_shop("memory://", clock, testing=False, TOKEN_LOCATIONS=["cookie"], CSRF=False, IDLE_TIMEOUT="40d")
    findings = shop.json("doctor", code=2)
    bad = [one for one in findings if one["severity"] != "ok"]
    assert [one for one in bad if not (one["why"] and one["fix"])] == []
    assert list(dict.fromkeys(one["severity"] for one in bad)) == ["error", "warning", "advice"]
    assert [one["check"] for one in findings if one["severity"] == "ok"]


def test_python_and_the_command_say_the_same(shop: Shop):
    """`gosession.doctor()` returns what the command prints, but for how fast the store was."""
    with shop.app.app_context():
        ours = [(one.check, one.severity) for one in shop.gosession.doctor()]
    assert ours == [(one["check"], one["severity"]) for one in shop.json("doctor")]


def test_an_app_without_us_is_a_sentence():
    """In an app that never called GoSession the command says so."""
    from flask_gosession.cli import gosession as commands

    result = Flask("bare").test_cli_runner().invoke(commands, ["doctor"])
    assert result.exit_code == 2
    assert "GoSession(app) was not called" in result.stderr
