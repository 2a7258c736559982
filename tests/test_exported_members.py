"""What the package shows, and what importing it costs."""

from __future__ import annotations

import ast
import importlib
import re
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
    "opentelemetry",
    "prometheus_client",
    "psycopg",
    "pymongo",
    "pymysql",
    "pytest",
    "requests",
    "sqlalchemy",
    "ua_parser",
}
"""Drivers that belong to an extra; hiredis comes with redis and cryptography with PyJWT, where they are installed."""


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


def test_the_front_door_is_the_same_to_a_type_checker():
    """Each public name is imported for type checkers from where it is loaded at run time."""
    tree = ast.parse((ROOT / "__init__.py").read_text("utf-8"))
    typed = next(node for node in tree.body if isinstance(node, ast.If)).body
    homes = {alias.name: str(node.module) for node in typed if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert homes.keys() | {"__version__"} == set(flask_gosession.__all__)
    for name, module in homes.items():
        assert getattr(importlib.import_module(module), name) is getattr(flask_gosession, name)


def test_an_unknown_name_is_told():
    """A misspelt name is an AttributeError that names it, as in every module."""
    with pytest.raises(AttributeError, match="GoSesion"):
        flask_gosession.GoSesion  # noqa: B018


PRIVATE = "Private: the reference lists what apps may import."
LISTED = (ROOT.parent / "docs" / "reference" / "api" / "index.md").read_text("utf-8")
PUBLIC = set(re.findall(r"`(flask_gosession[\w.]*)`", LISTED))


def _says_private(name: str) -> bool:
    """Whether a module or a package around it says that it is private."""
    parts = name.split(".")
    around = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return any(PRIVATE in (_docstring(each) or "") for each in around)


def _docstring(name: str) -> str | None:
    path = ROOT.parent.joinpath(*name.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.get_docstring(ast.parse(source.read_text("utf-8")))


def test_what_is_not_public_is_private():
    """Each public module is on the page of the API; every other says, itself or by its package, that it is private."""
    paths = [path.relative_to(ROOT.parent).with_suffix("") for path in ROOT.rglob("*.py")]
    names = {".".join(path.parts).removesuffix(".__init__") for path in paths}
    packages = {
        "flask_gosession.adapters",
        "flask_gosession.stores",
        "flask_gosession.testing.proofs",
    }  # nothing is in them but their modules
    assert names > PUBLIC
    assert {name for name in names if not _says_private(name)} == PUBLIC | packages


def test_only_public_modules_are_shown():
    """The documentation and the example app import nothing private."""
    pages = [*ROOT.parent.glob("*.md"), *ROOT.parent.glob("docs/**/*.md"), *ROOT.parent.glob("docs/**/*.py")]
    pages += ROOT.parent.glob("example_app/**/*.py")
    imports = re.compile(r"^\s*(?:from|import) (flask_gosession[\w.]*)", re.MULTILINE)
    assert {name for page in pages for name in imports.findall(page.read_text("utf-8"))} <= PUBLIC


def _modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_expiry_needs_the_standard_library_alone():
    """A program that only looks at the end of a token loads no other package."""
    before, after = _modules_after("pass"), _modules_after("import flask_gosession.client.expiry")
    strangers = {name.partition(".")[0] for name in after - before} - sys.stdlib_module_names
    assert strangers == {"flask_gosession"}


def test_the_engine_runs_without_flask():
    """A worker or script without Flask has a session manager, from its own module and from the front."""
    code = "import sys; sys.modules['flask'] = None; import flask_gosession.engine.manager"
    assert "flask_gosession.engine.records" in _modules_after(
        f"{code}; from flask_gosession import SessionManager, Store"
    )


NOT_FOR_ALL = ("cli.", "doctor.", "endpoints.", "observe.audit", "observe.watch", "tokens.following", "tokens.opaque")


def test_what_few_apps_need_is_not_imported():
    """``GoSession`` loads endpoints, observers and other kinds of tokens for apps that use them, and no checks."""
    loaded = _modules_after("from flask_gosession import GoSession")
    assert "flask_gosession.extension" in loaded
    own = {name.removeprefix("flask_gosession.") for name in loaded if name.startswith("flask_gosession.")}
    assert {name for name in own if name.startswith(NOT_FOR_ALL)} == set()


def test_no_optional_driver_is_imported():
    """``import flask_gosession`` loads no driver of an extra, wherever that is installed."""
    loaded = _modules_after("from flask_gosession import *")
    assert "flask_gosession.extension" in loaded
    assert {name.partition(".")[0] for name in loaded} & OPTIONAL == set()
