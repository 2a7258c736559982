"""What type checkers see of the package."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FROM_UNTYPED = "flask_gosession.adapters."
"""What derives from classes of Flask-Login, Flask-JWT-Extended and flask.sessions inherits what these leave untyped."""


def test_every_public_type_is_known():
    """Pyright knows the type of everything that can be imported, without guessing."""
    if importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright is not installed; it is in the extra lint")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--ignoreexternal", "--verifytypes", "flask_gosession"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it asks the first python there
    told = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}).stdout
    found = json.loads(told)["typeCompleteness"]
    known = {one["name"]: one["isTypeKnown"] for one in found["symbols"] if one["isExported"]}
    assert len(known) > 1000
    assert [name for name in known if not known[name] and not name.startswith(FROM_UNTYPED)] == []
