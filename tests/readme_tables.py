"""The tables of the README that are made from the code; run as a script, writes them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from pathlib import Path

from flask_gosession import errors
from flask_gosession.config import settings_table

README = Path(__file__).parents[1] / "README.md"


def with_tables(text: str) -> str:
    """Return the README with its tables as the code has them now."""
    for name, table in (("errors", _errors()), ("reasons", _reasons()), ("settings", _settings())):
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, found = marked.subn(lambda match, table=table: f"{match[1]}{table}{match[2]}", text)
        assert found == 1, name
    return text


def _errors() -> str:
    leaves = [one for one in vars(errors).values() if inspect.isclass(one) and "error" in vars(one)]
    return _table(
        ("status", "`error`", "when"), [(str(one.code), f"`{one.error}`", _first_line(one)) for one in leaves]
    )


def _reasons() -> str:
    return _table(("`reason`", "`message`"), [(f"`{name}`", text) for name, text in errors.REASON_MESSAGES.items()])


def _settings() -> str:
    rows = [(f"`{name}`", f"`{default}`", doc) for name, default, doc in settings_table()]
    return _table(("key", "default", ""), rows)


def _first_line(one: type) -> str:
    return inspect.getdoc(one).partition("\n")[0].replace("``", "`")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text("utf-8")), "utf-8")
