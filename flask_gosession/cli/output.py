"""How answers look: JSON, tables and lists of fields, without control characters that a terminal would obey."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import click
import msgspec

from flask_gosession.cli.group import Target

LAST_SECOND = 253_402_300_799.0


def answer(target: Target, value: Any, text: Callable[[], Iterable[str]]) -> None:
    """Print *value* as the command was asked to."""
    show(value, text, as_json=target.as_json)


def show(value: Any, text: Callable[[], Iterable[str]], *, as_json: bool) -> None:
    """Print *value* as JSON, or the lines of *text*."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
        return
    for line in text():
        click.echo(line)


def json_line(value: Any) -> str:
    """Return *value* as JSON on one line."""
    return msgspec.json.encode(value).decode()


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> Iterator[str]:
    """Yield aligned lines, or the sentence *empty* if there are no rows."""
    cells = [[plain(cell) for cell in row] for row in rows]
    if not cells:
        yield empty
        return
    lines = [list(head), *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def fields(pairs: Iterable[tuple[str, Any]], indent: str = "") -> Iterator[str]:
    """Yield a line for each name that has a value."""
    shown = [(name, plain(value)) for name, value in pairs]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        if value:
            yield f"{indent}{name.ljust(width)}  {value}"


def moment(seconds: float | None) -> str:
    """Return a Unix time as UTC to the second; empty for None."""
    if seconds is None:
        return ""
    bounded = min(max(seconds, 0.0), LAST_SECOND)
    return datetime.fromtimestamp(bounded, timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")


def read_moment(text: str) -> float:
    """Return the Unix time of a date or moment in ISO 8601, in UTC if it names no zone. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def size(number: int) -> str:
    """Return a number of bytes."""
    return f"{number:,} B" if number < 10_000 else f"{number:,} B ({number / 1e6:.1f} MB)"


def plain(value: Any) -> str:
    """Return *value* without control characters, which text from a client may hold."""
    if value is None or value is False:
        return ""
    text = "yes" if value is True else str(value)
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


@contextmanager
def progress(label: str, length: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr while something takes long, if a person is watching; yield a function that advances it."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    with click.progressbar(length=length or 0, label=label, file=sys.stderr, show_pos=True) as bar:
        yield bar.update
