"""The JSON Schema of what each command prints with ``--json``; ``python tests/cli/schemas.py`` writes the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from flask_gosession.cli.keys import KeyView
from flask_gosession.engine.inspection import SessionView, SubjectView
from flask_gosession.engine.results import Revocation
from flask_gosession.engine.scanning import Match, Stats
from flask_gosession.engine.token_inspection import TokenView
from flask_gosession.findings import Finding
from flask_gosession.observe import AuditEntry
from flask_gosession.web.effective_settings import SettingView
from flask_gosession.web.route_list import RouteView

FILE = Path(__file__).parents[2] / "docs" / "reference" / "cli.schema.json"

TYPES: dict[str, Any] = {
    "audit": list[AuditEntry],
    "sessions": list[SessionView],
    "show": SubjectView,
    "find": Match,
    "revoke": Revocation,
    "revoke-all": Revocation,
    "ban": msgspec.defstruct("Banned", [("until", float), ("count", int), ("confirmed", bool)]),
    "unban": msgspec.defstruct("Unbanned", [("lifted", bool)]),
    "stats": Stats,
    "purge": msgspec.defstruct("Purged", [("purged", int), ("dry_run", bool)]),
    "inspect": TokenView,
    "keys list": list[KeyView],
    "routes": list[RouteView],
    "config": list[SettingView],
    "doctor": list[Finding],
}
"""What a command prints; of `find`, each line."""


def schemas() -> dict[str, Any]:
    """Return the schema of each command, by its name; every field is always there, and there are no others."""
    roots, parts = msgspec.json.schema_components(TYPES.values(), ref_template="#/$defs/{name}")
    for part in parts.values():
        part.update(required=list(part.get("properties", ())), additionalProperties=False)
        part.pop("description", None)
        for field in part.get("properties", {}).values():
            field.pop("default", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What flask gosession prints with --json",
        "commands": dict(zip(TYPES, roots, strict=True)),
        "$defs": parts,
    }


def text() -> str:
    return json.dumps(schemas(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
