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

SCRIPT = f"""
import json, sys, time
import flask, jwt
known, began = set(sys.modules), time.perf_counter()
from flask_gosession import GoSession
seconds = time.perf_counter() - began
print(json.dumps([seconds, [name for name in {OPTIONAL} if name in set(sys.modules) - known]]))
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
    """Time the import, and name the optional drivers that come with it."""
    with tempfile.TemporaryDirectory() as bytecode:
        runs = [_run(SCRIPT, bytecode) for _ in range(bench.scale.starts + 1)][1:]
        alone = [_run(EXPIRY, bytecode) for _ in range(bench.scale.starts + 1)][1:]
    drivers = sorted({driver for _, found in runs for driver in found})
    seconds = [each for each, _ in runs]
    yield said("from flask_gosession import GoSession, median", statistics.median(seconds) * 1000, "<= 45", "ms")
    yield said("from flask_gosession import GoSession, fastest", min(seconds) * 1000, unit="ms")
    yield f"  optional drivers imported: {', '.join(drivers) or 'none'}, goal none"
    others = {module for _, found in alone for module in found}
    expiry = "flask_gosession.client.expiry alone"
    yield said(f"import {expiry}, median", statistics.median(each for each, _ in alone) * 1000, "<= 10", "ms")
    yield said(f"modules of others that {expiry} imports", float(len(others)), "= 0", "")


def _run(script: str, bytecode: str) -> tuple[float, list[str]]:
    """Import in a process of its own; the first one leaves compiled modules to the others, as an installation has."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONPYCACHEPREFIX": bytecode}
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, env=environment)
    seconds, drivers = json.loads(done.stdout)
    return seconds, drivers
