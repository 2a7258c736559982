"""The documentation site."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from typing import TypeVar

import apps
import pytest

API = (apps.ROOT / "docs" / "reference" / "api" / "index.md").read_text("utf-8")
PUBLIC = set(re.findall(r"`(flask_gosession[\w.]*)`", API))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site as the gate does."""
    pytest.importorskip("sphinx", reason='the site is built with pip install -e ".[docs]"')
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "docs", str(folder)]
    done = subprocess.run(command, cwd=apps.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_in_the_site(site):
    """No page is left out."""
    pages = {path.relative_to(apps.ROOT / "docs").with_suffix(".html") for path in apps.ROOT.glob("docs/**/*.md")}
    assert [page for page in sorted(pages) if not (site / page).exists()] == []


def test_nothing_comes_from_elsewhere(site):
    """No page loads a script, a style or a picture from another host, so that it can be read offline."""
    loaded = re.compile(r"<(?:script|img|link)[^>]*(?:src|href)=\"((?:https?:)?//[^\"]+)\"")
    assert {found for page in site.rglob("*.html") for found in loaded.findall(page.read_text("utf-8"))} == set()


def test_the_search_works_without_a_server(site):
    """The index is a script that pages load themselves, and it knows a setting, an error and a method."""
    index = (site / "searchindex.js").read_text("utf-8")
    assert index.startswith("Search.setIndex(")
    for word in ("gosession_rotation_grac", "session_end", "revoke_al"):
        assert word in index, word


def test_every_public_name_is_on_a_page(site):
    """Each name that an app may import has an entry of its own, made from its docstring."""
    shown = {_found(anchor) for page in site.glob("reference/api/*.html") for anchor in _anchors(page)}
    wanted = {f"{module}.{name}" for module in PUBLIC for name in _own_names(module)}
    assert {name for name in wanted if _found(name) not in shown} == set()


def _anchors(page):
    return re.findall(r'id="(?:module-)?(flask_gosession[\w.]*)"', page.read_text("utf-8"))


def _own_names(module):
    """Return what a module says it shows, or else what it defines."""
    loaded = importlib.import_module(module)
    own = [name for name, one in vars(loaded).items() if _is_defined_in(module, one)]
    return {name for name in getattr(loaded, "__all__", own) if not name.startswith("_")}


def _is_defined_in(module, one):
    return getattr(one, "__module__", None) == module and not isinstance(one, TypeVar)


def _found(name):
    """Return what has this dotted name, by its identity."""
    try:
        return id(pkgutil.resolve_name(name))
    except (AttributeError, ImportError):
        return name  # an attribute that only instances have
