"""The table of endpoints in the documentation, made from the routes; run as a script, writes it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from doc_tables import table

from flask_gosession.endpoints.routes import JSON, ROUTES, Route

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "endpoints.md"
_HEAD = ("name", "request", "body", "answer", "refusals")


def with_table(text: str) -> str:
    """Return the page with its table as the routes have it now."""
    rows = table(_HEAD, map(_row, ROUTES))
    return re.sub(r"(<!-- endpoints -->\n).*?(<!-- /endpoints -->)", rf"\g<1>{rows}\g<2>", text, flags=re.DOTALL)


def _row(route: Route) -> tuple[str, ...]:
    refusals = ", ".join(str(code) for code in route.refusals)
    return f"`{route.name}`", f"{route.method} `{route.rule}`", _body(route), _answer(route), refusals


def _body(route: Route) -> str:
    if route.takes is None:
        return ""
    return f"{'JSON' if route.takes.media == JSON else 'form'} {_fields(route.takes.type)}"


def _answer(route: Route) -> str:
    told = f"{route.status} {route.brings}"
    return f"{told}: {_fields(route.answer)}" if hasattr(route.answer, "__struct_fields__") else told


def _fields(body: type) -> str:
    """Return the fields of a body, with a question mark where they may be missing."""
    return ", ".join(f"`{one.name}`{'' if one.required else '?'}" for one in msgspec.structs.fields(body))


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")
