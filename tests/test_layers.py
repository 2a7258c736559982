"""The arrows between modules: downwards only, and each driver in its own place."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = "flask_gosession"
ROOT = Path(__file__).parents[1] / PACKAGE

LAYERS = """
_version devices errors ids redirects scopes settings client client.expiry session session.policy stores \
    stores.at_fork stores.corner stores.keys stores.redis_hurry stores.sql_psycopg testing.clock testing.model \
    tokens tokens.strength
client.tokens events session.device session.record stores.base stores.directory stores.redis_clients \
    stores.sql_options stores.sql_table stores.sql_turns tokens.asymmetric tokens.derive tokens.jws tokens.keys \
    tokens.types
client.keeper config issuing purging session.change stores.breaker stores.envelope stores.memory stores.mongo \
    stores.redis stores.registry stores.sql_engine testing.contract testing.faulty tokens.claims tokens.keyring \
    tokens.opaque
client.httpx_auth client.jwks client.requests_auth reporting session.check session.drop session.revoke session.user \
    stores.file stores.sql tokens.jwt
client.auth client.verifier testing session.admit session.data session.rotate subjects
sessiondata users verdicts
manager
binding cookies introspection signals testing.racing
testing.lost_replies testing.machine testing.races testing.session_races transport
context
answers assembly decorators testing.client
cli openapi
document
blueprint
extension
""".replace("\\\n", "").split("\n")[1:-1]
"""The modules of each layer, lowest first; a module imports from lower layers only. From ``binding`` on: the web."""

LAYER: Mapping[str, int] = {name: number for number, names in enumerate(LAYERS) for name in names.split()}
WEB = LAYER["cookies"]
"""The lowest layer that may know Flask."""

HOMES: Mapping[str, frozenset[str]] = {
    "bson": frozenset({"stores.mongo"}),
    "cryptography": frozenset({"tokens.asymmetric"}),
    "filelock": frozenset({"stores.directory"}),
    "hiredis": frozenset(),
    "httpx": frozenset({"client.httpx_auth"}),
    "hypothesis": frozenset({"testing.machine"}),
    "jwt": frozenset({"tokens.jwt"}),
    "psycopg": frozenset({"stores.sql_psycopg"}),
    "pymongo": frozenset({"stores.mongo"}),
    "pymysql": frozenset(),
    "pytest": frozenset({"testing.contract"}),
    "redis": frozenset({"stores.redis", "stores.redis_clients", "stores.redis_hurry"}),
    "requests": frozenset({"client.requests_auth"}),
    "sqlalchemy": frozenset(
        {"stores.sql", "stores.sql_engine", "stores.sql_options", "stores.sql_table", "stores.sql_turns"}
    ),
    "ua_parser": frozenset({"devices"}),
}
"""Who may import a driver."""

LOADERS = frozenset({"assembly", "client.auth", "stores.registry", "stores.sql_engine", "tokens.keys"})
"""Who may load a module by name: an optional driver's, when it is asked for."""


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


TREES = {_name(path): ast.parse(path.read_text("utf-8")) for path in sorted(ROOT.rglob("*.py"))}
MODULES = sorted(name for name in TREES if name)


def _imports(tree: ast.AST) -> Iterator[str]:
    """Yield the full name of each module or name that *tree* imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _own_imports(name: str) -> set[str]:
    """Return the modules of this package that a module imports; the package's front door is the empty name."""
    inside = [full.removeprefix(PACKAGE).lstrip(".") for full in _imports(TREES[name]) if _top(full) == PACKAGE]
    return {full if full in TREES else full.rpartition(".")[0] for full in inside}


def _top(full: str) -> str:
    return full.partition(".")[0]


def test_every_module_has_a_layer():
    """The table has a place for every module, and only one."""
    assert set(MODULES) - set(LAYER) == set()
    assert sum(len(names.split()) for names in LAYERS) == len(LAYER)


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_downwards(name):
    """A module imports from lower layers only; so there is no circle either."""
    upwards = {other for other in _own_imports(name) if LAYER.get(other, len(LAYERS)) >= LAYER[name]}
    assert upwards == set()


@pytest.mark.parametrize("name", MODULES)
def test_drivers_stay_at_home(name):
    """Each driver is imported where it is used, and Flask by the web's layers only."""
    tops = {_top(full) for full in _imports(TREES[name])}
    strangers = {top for top in tops if top in HOMES and name not in HOMES[top]}
    assert strangers == set()
    assert "flask" not in tops or LAYER[name] >= WEB


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_imported_late(name):
    """No function imports: that would hide an arrow. Optional modules are loaded by name, in a few places only."""
    functions = [node for node in ast.walk(TREES[name]) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    assert [full for function in functions for full in _imports(function)] == []
    loads = any(full.startswith("importlib") and "metadata" not in full for full in _imports(TREES[name]))
    assert not loads or name in LOADERS or _reads_files_only(TREES[name])


def _reads_files_only(tree: ast.AST) -> bool:
    found = {full for full in _imports(tree) if full.startswith("importlib")}
    return all(full.startswith("importlib.resources") for full in found)


def test_homes_exist():
    """The table of drivers names modules that exist."""
    assert {name for names in HOMES.values() for name in names} <= set(MODULES)
    assert set(MODULES) >= LOADERS
