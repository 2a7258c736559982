"""gevent for the tests, where it is installed: what needs it runs in a process of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

needs_gevent = pytest.mark.skipif(
    importlib.util.find_spec("gevent") is None, reason="gevent is not installed; the extra `test` brings it"
)


def run_script(script: str, *arguments: str, seconds: float = 20) -> str:
    """Run a script in a process of its own, *seconds* at most; return what it printed."""
    command = [sys.executable, "-W", "ignore", "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
