"""The script that runs the peers' own suites tells every difference that nobody expects."""

from __future__ import annotations

import pytest
from peers import __main__ as peers
from peers.expected import EXPECTED

KNOWN = {name: dict.fromkeys(reasons, False) for name, reasons in EXPECTED.items()}


@pytest.mark.parametrize("peer", EXPECTED)
def test_only_what_is_expected_may_differ(peer, capsys):
    """The expected differences alone are a success, and each is told with its reason."""
    assert peers.compare(peer, {**KNOWN[peer], "test_x::test_other": True}) == 0
    told = capsys.readouterr().out
    assert all(reason in told for reason in EXPECTED[peer].values())


@pytest.mark.parametrize("peer", EXPECTED)
def test_any_other_difference_fails(peer, capsys):
    """A test that fails, one that no longer does, and a suite without tests are all told."""
    assert peers.compare(peer, {**KNOWN[peer], "test_x::test_other": False}) == 1
    assert "differs: test_x::test_other" in capsys.readouterr().out
    assert peers.compare(peer, dict.fromkeys(EXPECTED[peer], True)) == 1
    assert "no longer differs" in capsys.readouterr().out
    assert peers.compare(peer, {}) == 1


@pytest.mark.parametrize("peer", EXPECTED)
def test_a_peers_own_tests_are_run(peer, tmp_path):
    """A folder with tests is run with the adapter in the place of the peer's class."""
    classes = {
        "flask-login": ("flask_login", "LoginManager"),
        "flask-jwt-extended": ("flask_jwt_extended", "JWTManager"),
    }
    module, name = classes[peer]
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_it.py").write_text(
        f"from {module} import {name}\n"
        f"def test_class(): assert {name}.__mro__[1].__module__ == 'flask_gosession.adapters.{module}'\n"
        "def test_wrong(): assert False\n"
    )
    assert peers.run(peer, tests, tmp_path) == {"test_it::test_class": True, "test_it::test_wrong": False}
