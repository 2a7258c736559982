"""The arrows between the rooms point down, and the tests mirror the rooms."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_contracts_of_imports_are_kept():
    """import-linter finds every module in its layer, no arrow upwards, and each driver in its own place."""
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_no_two_test_files_have_one_name():
    """A failing test is found by the name of its file alone."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
