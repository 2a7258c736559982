"""Whose warnings fail a test run: our package's, and nobody else's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = re.compile(r" (flask_gosession|example_app)(\.x)?$")
SAMPLE = """
import pytest

WARNING = "import warnings; warnings.warn('old', {kind})"
CALLER = "import warnings; deprecated()"
LEAK = "import socket; socket.socket(); done = True"


def deprecated():
    import warnings

    warnings.warn("old", DeprecationWarning, stacklevel=2)


@pytest.mark.parametrize("kind", ["DeprecationWarning", "UserWarning", "RuntimeWarning", "FutureWarning"])
@pytest.mark.parametrize("where", ["flask_gosession", "flask_gosession.x", "example_app.x", "other", "flasks"])
def test_warns(where, kind):
    exec(WARNING.format(kind=kind), {"__name__": where})


@pytest.mark.parametrize("where", ["flask_gosession.x", "example_app", "other"])
def test_calls(where):
    exec(CALLER, {"__name__": where, "deprecated": deprecated})


@pytest.mark.parametrize("where", ["flask_gosession.x", "example_app", "other"])
def test_leaks(where):
    exec(LEAK, {"__name__": where})
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Run the sample under our configuration; return which module's tests passed and which failed."""
    folder = tmp_path_factory.mktemp("warnings")
    (folder / "test_sample.py").write_text(SAMPLE)
    options = ["-n0", "-q", "-rA", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"), f"--rootdir={folder}"]
    plain = {name: value for name, value in os.environ.items() if name not in ("PYTEST_ADDOPTS", "PYTHONWARNINGS")}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(folder)],
        cwd=folder,
        env=plain,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r"^(PASSED|FAILED) \S*::(\w+)\[(\S+?)(?:-\w+)?\]", run.stdout, re.MULTILINE)
    assert found, run.stdout + run.stderr
    return {
        outcome: {f"{test} {where}" for each, test, where in found if each == outcome}
        for outcome in ("PASSED", "FAILED")
    }


@pytest.mark.parametrize("test", ["test_warns", "test_calls", "test_leaks"])
def test_only_ours_fail(outcomes: dict[str, set[str]], test: str) -> None:
    """A warning of our code, of what our code calls, or of what it leaves open fails a run; of others it is shown."""
    failed, passed = ({each for each in outcomes[outcome] if each.startswith(test)} for outcome in ("FAILED", "PASSED"))
    assert failed
    assert passed
    assert all(OURS.search(each) for each in failed), failed
    assert not any(OURS.search(each) for each in passed), passed
