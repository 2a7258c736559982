"""What it costs to import the package, after Flask and PyJWT."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile

from .bench import Bench, Lines, said

OPTIONAL = ("sqlalchemy", "pymongo", "psycopg", "pymysql", "filelock", "httpx", "requests", "ua_parser", "cryptography")

SCRIPT = """
import json, sys, time
import flask, jwt
known, began = set(sys.modules), time.perf_counter()
from flask_gosession import GoSession
seconds = time.perf_counter() - began
print(json.dumps([seconds, [name for name in sys.modules if name not in known]]))
"""

FLOOR = """
import importlib, json, sys, time
import flask, jwt
names, began = json.load(sys.stdin), time.perf_counter()
for name in names:
    importlib.import_module(name)
print(json.dumps([time.perf_counter() - began, names]))
"""

EXPIRY = """
import json, sys, time
import importlib.util
began, known = time.perf_counter(), set(sys.modules)
import flask_gosession.client.expiry
seconds = time.perf_counter() - began
tops = {name.partition(".")[0] for name in set(sys.modules) - known}
print(json.dumps([seconds, sorted(tops - {"flask_gosession"} - sys.stdlib_module_names)]))
"""


def import_time(bench: Bench) -> Lines:
    """Time the import beside that of the modules of others that it needs, and name the optional drivers among them."""
    starts = bench.scale.starts
    with tempfile.TemporaryDirectory() as bytecode:
        ours, modules = _timed(SCRIPT, bytecode, starts)
        others = [name for name in modules if not name.startswith("flask_gosession")]
        foreign = [name for name in others if _top(name) not in sys.stdlib_module_names]
        floor, _ = _timed(FLOOR, bytecode, starts, foreign)
        whole_floor, _ = _timed(FLOOR, bytecode, starts, others)
        alone, tops = _timed(EXPIRY, bytecode, starts)
    median = statistics.median
    yield said("from flask_gosession import GoSession, median", median(ours), "<= 45", "ms")
    yield said("from flask_gosession import GoSession, fastest", min(ours), unit="ms")
    packages = ", ".join(sorted({_top(name) for name in foreign}))
    yield said(f"  of that, the packages of others ({packages}) alone, median", median(floor), unit="ms")
    yield said("  the same, and what it uses of the standard library", median(whole_floor), unit="ms")
    drivers = sorted(set(modules) & set(OPTIONAL))
    yield f"  optional drivers imported: {', '.join(drivers) or 'none'}, goal none"
    expiry = "flask_gosession.client.expiry alone"
    yield said(f"import {expiry}, median", median(alone), "<= 10", "ms")
    yield said(f"modules of others that {expiry} imports", float(len(tops)), "= 0", "")


def _top(module: str) -> str:
    return module.partition(".")[0]


def _timed(script: str, bytecode: str, starts: int, names: list[str] | None = None) -> tuple[list[float], list[str]]:
    """Return the milliseconds of so many imports, and the modules that came with them."""
    runs = [_run(script, bytecode, names or []) for _ in range(starts + 1)][1:]
    return [seconds * 1000 for seconds, _ in runs], runs[0][1]


def _run(script: str, bytecode: str, names: list[str]) -> tuple[float, list[str]]:
    """Import in a process of its own; the first one leaves compiled modules to the others, as an installation has."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONPYCACHEPREFIX": bytecode}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, input=json.dumps(names))
    seconds, modules = json.loads(done.stdout)
    return seconds, modules
