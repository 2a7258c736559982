"""Run the adapters' tests with the oldest and the newest peers that pyproject.toml allows: `python .ci/adapters.py`.

The Python that runs it is the one that is tested. Each environment stands in a temporary folder and is
gone afterwards.
"""

from __future__ import annotations

import re
import sys

from lowest import in_venv, lowest, project

PEERS = ("flask", "flask-login", "flask-jwt-extended", "flask-wtf", "flask-admin", "flask-sqlalchemy")
"""What the adapters are made for, and what their tests use beside them."""
EXTRAS = ("file", "mongo", "sql")
TOOLS = ("pytest", "pytest-rerunfailures", "pytest-xdist", "fakeredis[lua]", "hypothesis", "mongomock")
TESTS = ("-n0", "tests/adapters")


def name_of(requirement: str) -> str:
    """Return the package that a requirement is about."""
    return re.split(r"[\[<>=,;]", requirement)[0]


def peers() -> list[str]:
    """Return what pyproject.toml says of each peer; the range with both ends, where a peer has two."""
    found = project()
    extras = found["optional-dependencies"]
    ranges = {name_of(one): one for one in (*extras["test"], *found["dependencies"], *extras["adapters"])}
    return [ranges[name] for name in PEERS]


def others() -> list[str]:
    """Return what else the package needs, its core and the extras of the tests' stores."""
    found = project()
    extras = [one for name in EXTRAS for one in found["optional-dependencies"][name]]
    return [one for one in (*found["dependencies"], *extras) if name_of(one) not in PEERS]


def main() -> int:
    """Run them with both ends; return the status of the first that fails."""
    for end, asked in (("oldest", [lowest(one) for one in peers()]), ("newest", peers())):
        print(f"\n== the {end} peers: {', '.join(asked)}", flush=True)
        if status := in_venv([*asked, *others(), *TOOLS], TESTS):
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
