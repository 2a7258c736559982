"""The browser module: its own tests under node, its size, and what a strict content security policy asks of it."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import flask_gosession

STATIC = Path(flask_gosession.__file__).parent / "endpoints" / "static"
MODULE = STATIC / "gosession.js"
TESTS = Path(__file__).parent / "js"


def exported(text: str) -> set[str]:
    return set(re.findall(r"^export (?:class|function) (\w+)", text, re.MULTILINE))


def test_node_suite_passes() -> None:
    """The module keeps its promises under node: one renewal, no false sign-out, one report of the end."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed, so the browser module's own tests cannot run here")
    files = sorted(str(path) for path in TESTS.glob("*.test.mjs"))
    assert len(files) >= 2
    run = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]


def test_module_is_small() -> None:
    """What a browser loads is under 4 KiB once compressed, comments included and nothing minified."""
    assert len(gzip.compress(MODULE.read_bytes(), 9, mtime=0)) < 4096


def test_module_suits_a_strict_policy() -> None:
    """Nothing in the module needs `unsafe-eval` or `unsafe-inline`, and it loads at most the script beside it.

    So `script-src 'self'` will do.
    """
    text = MODULE.read_text(encoding="utf-8").replace('import("./gosession-events.js")', "")
    assert not re.search(r"\beval\b|new Function|innerHTML|document\.write|\bimport\b", text)


def test_every_export_is_typed() -> None:
    """The type declarations name exactly what the module exports, and every public method of the class."""
    code, types = MODULE.read_text(encoding="utf-8"), (STATIC / "gosession.d.ts").read_text(encoding="utf-8")
    assert exported(code) == exported(types)
    methods = set(re.findall(r"^  (?:async |get )?(\w+)\([^)]*\) \{$", code, re.MULTILINE)) - {"constructor"}
    assert {"fetch", "signIn", "signOut", "signedIn"} <= methods
    assert not [name for name in methods if not re.search(rf"^  (?:readonly )?{name}\b", types, re.MULTILINE)]
