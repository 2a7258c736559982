"""A run of pytest over a file of its own, with our plugin and no other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Pytest = Callable[..., dict[str, int]]


@pytest.fixture
def run_pytest(tmp_path: Path) -> Pytest:
    """Return what runs pytest over *text* and returns how many tests passed, failed and so on."""

    def run(text: str, *options: str) -> dict[str, int]:
        (tmp_path / "test_it.py").write_text(text, "utf-8")
        (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", "utf-8")
        command = [sys.executable, "-m", "pytest", "-p", "flask_gosession.testing.plugin", "-p", "no:cacheprovider"]
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
        done = subprocess.run(
            [*command, *options], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        summary = done.stdout.strip().splitlines()[-1]
        counts = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", summary.partition(" in ")[0])}
        assert counts.keys() == {"passed"}, done.stdout + done.stderr
        return counts

    return run
