"""Run the core of the tests with the lowest versions that pyproject.toml allows: `python .ci/lowest.py`.

The Python that runs it is the one that is tested. The environment stands in a temporary folder and is
gone afterwards.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib  # on 3.10, where pytest brings it along

HERE = Path(__file__).parents[1]
EXTRAS = (
    "async",
    "client",
    "crypto",
    "devices",
    "fast",
    "file",
    "mongo",
    "mysql",
    "opentelemetry",
    "prometheus",
    "sql",
)
TOOLS = (
    "pytest",
    "pytest-rerunfailures",
    "pytest-xdist",
    "fakeredis[lua]",
    "hypothesis",
    "mongomock",
    "psycopg[binary]>=3.1",
    "gevent>=24.11",
)
CORE = ("tests/session", "tests/tokens", "tests/engine", "tests/endpoints", "tests/stores")


def project() -> dict[str, Any]:
    """Return what pyproject.toml says of the package."""
    found: dict[str, Any] = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    return found


def lowest(requirement: str) -> str:
    """Return a requirement that only its own lower bound meets."""
    return re.sub(r">=\s*([^,]+).*", r"==\1", requirement)


def requirements() -> list[str]:
    """Return what the package needs, and its extras, at the lowest."""
    found = project()
    extras = [one for name in EXTRAS for one in found["optional-dependencies"][name]]
    return [lowest(one) for one in (*found["dependencies"], *extras) if not one.startswith("Flask-GoSession")]


def in_venv(packages: Sequence[str], tests: Sequence[str]) -> int:
    """Install *packages* and ours in a new environment, say what was installed, run *tests*; return pytest's status."""
    with tempfile.TemporaryDirectory(prefix="gs-") as name:
        venv.create(name, with_pip=True)
        python = str(Path(name, "bin", "python"))
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "-q", *packages], check=True)
        subprocess.run([*pip, "install", "-q", "--no-deps", "-e", str(HERE)], check=True)
        subprocess.run([*pip, "list"], check=True)
        return subprocess.run(
            [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests], cwd=HERE, check=False
        ).returncode


def main(arguments: list[str]) -> int:
    """Run the tests at the lowest."""
    return in_venv([*requirements(), *TOOLS], arguments or CORE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
