"""What the package shows, and what importing it costs."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import flask_gosession

ROOT = Path(flask_gosession.__file__).parent

OPTIONAL = {
    "bson",
    "filelock",
    "httpx",
    "lupa",
    "psycopg",
    "pymongo",
    "pymysql",
    "pytest",
    "requests",
    "sqlalchemy",
    "ua_parser",
}
"""Drivers that belong to an extra; hiredis comes with redis and cryptography with PyJWT, where they are installed."""

SHOW_LOADED = "import sys, flask_gosession; print(*sys.modules)"


def _with_all() -> list[str]:
    modules = [path for path in ROOT.rglob("*.py") if "\n__all__ = " in path.read_text("utf-8")]
    names = [".".join(("flask_gosession", *path.relative_to(ROOT).with_suffix("").parts)) for path in modules]
    return sorted(name.removesuffix(".__init__") for name in names)


@pytest.mark.parametrize("name", _with_all())
def test_all_is_sorted_and_there(name):
    """``__all__`` is sorted, constants first, without doubles, and names only what exists."""
    module = importlib.import_module(name)
    assert list(module.__all__) == sorted(set(module.__all__), key=_place)
    assert [one for one in module.__all__ if not hasattr(module, one)] == []


def _place(name: str) -> tuple[bool, str]:
    return not name.isupper(), name


def test_the_front_door_shows_all_it_imports():
    """``flask_gosession.__all__`` is complete: every name that is imported there is meant for users."""
    own = {name for name, value in vars(flask_gosession).items() if not name.startswith("_") and not _is_module(value)}
    assert own | {"__version__"} == set(flask_gosession.__all__)


def _is_module(value: object) -> bool:
    return isinstance(value, type(sys))


def test_no_optional_driver_is_imported():
    """``import flask_gosession`` loads no driver of an extra, wherever that is installed."""
    loaded = subprocess.run(
        [sys.executable, "-c", SHOW_LOADED], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "flask_gosession.extension" in loaded
    assert {name.partition(".")[0] for name in loaded} & OPTIONAL == set()
