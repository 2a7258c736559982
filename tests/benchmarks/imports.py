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
import flask_gosession
seconds = time.perf_counter() - began
print(json.dumps([seconds, [name for name in {OPTIONAL} if name in set(sys.modules) - known]]))
"""


def import_time(bench: Bench) -> Lines:
    """Time the import, and name the optional drivers that come with it."""
    with tempfile.TemporaryDirectory() as bytecode:
        runs = [_run(bytecode) for _ in range(bench.scale.starts + 1)][1:]
    drivers = sorted({driver for _, found in runs for driver in found})
    seconds = [each for each, _ in runs]
    yield said("import flask_gosession, median", statistics.median(seconds) * 1000, "<= 60", "ms")
    yield said("import flask_gosession, fastest", min(seconds) * 1000, unit="ms")
    yield f"  optional drivers imported: {', '.join(drivers) or 'none'}, goal none"


def _run(bytecode: str) -> tuple[float, list[str]]:
    """Import in a process of its own; the first one leaves compiled modules to the others, as an installation has."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONPYCACHEPREFIX": bytecode}
    done = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, env=environment)
    seconds, drivers = json.loads(done.stdout)
    return seconds, drivers
