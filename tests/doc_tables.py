"""The tables of the documentation that are made from the code; run as a script, writes them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from blinker import NamedSignal

from flask_gosession import errors, events, signals
from flask_gosession.config import Config, Setting, declared, settings_table
from flask_gosession.durations import spoken

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"


def errors_table() -> str:
    """Return status, code and first sentence of every error that is answered."""
    leaves = [one for one in vars(errors).values() if inspect.isclass(one) and "error" in vars(one)]
    return table(("status", "`error`", "when"), [(str(one.code), f"`{one.error}`", _first_line(one)) for one in leaves])


def reasons_table() -> str:
    """Return every reason for the end of a session, with its sentence."""
    return table(("`reason`", "`message`"), [(f"`{name}`", text) for name, text in errors.REASON_MESSAGES.items()])


def settings_overview() -> str:
    """Return every setting with its default and its one line."""
    rows = [(f"`{name}`", f"`{default}`", doc) for name, default, doc in settings_table()]
    return table(("key", "default", ""), rows)


def facts() -> Iterator[tuple[str, str]]:
    """Yield the name of every setting without its prefix, with its one line, type, allowed values and default."""
    for name, one in declared().items():
        type_ = Config.__annotations__[name]
        is_duration = type_ == "float"
        shown = spoken(one.default) if is_duration else f"`{one.default!r}`"
        said = "duration" if is_duration else TYPES.get(type_, f"`{type_}`".replace(" | ", "` or `"))
        row = (said, _allowed(name, one), shown)
        yield name.upper(), f"{one.doc}\n\n{table(('type', 'allowed', 'default'), [row])}"


def _allowed(name: str, one: Setting) -> str:
    """Return what a setting may be, in the words in which a wrong value is refused."""
    for wrong in (-1e30, object()):
        try:
            one.read(wrong)
        except ValueError as error:
            return str(error).removeprefix("must be ") + (" or `None`" if _may_be_none(one) else "")
    return UNCHECKED[name]


def _may_be_none(one: Setting) -> bool:
    try:
        return one.read(None) is None
    except ValueError:
        return False


def events_table() -> str:
    """Return every event with its signal and its first sentence."""
    names = {signal.__doc__: name for name, signal in vars(signals).items() if isinstance(signal, NamedSignal)}
    rows = [(f"`{kind.__name__}`", f"`{names[inspect.getdoc(kind)]}`", _first_line(kind)) for kind in events.kinds()]
    return table(("event", "signal", "when"), rows)


def event_facts() -> Iterator[tuple[str, str]]:
    """Yield the name of every event, with when it is told, its signal, and all its fields."""
    names = {signal.__doc__: name for name, signal in vars(signals).items() if isinstance(signal, NamedSignal)}
    for kind in events.kinds():
        doc = inspect.getdoc(kind)
        rows = [(f"`{name}`", *_said_of(kind, name)) for name in kind.__struct_fields__]
        told = doc.replace("``", "`").replace("\n", " ")
        yield kind.__name__, f"{told} Signal: `{names[doc]}`.\n\n{table(('field', 'type', ''), rows)}"


def _said_of(kind: type, field: str) -> tuple[str, str]:
    """Return type and docstring of a field, from the source of the class that declares it last."""
    for one in (each for each in kind.__mro__ if issubclass(each, events.Event)):
        body = ast.parse(inspect.getsource(one)).body[0].body
        for line, after in pairwise(body):
            if isinstance(line, ast.AnnAssign) and line.target.id == field and isinstance(after, ast.Expr):
                said = inspect.cleandoc(after.value.value).replace("``", "`").replace("\n", " ")
                return f"`{ast.unparse(line.annotation)}`".replace(" | ", "` or `"), said
    raise AssertionError(f"{kind.__name__}.{field} is not documented")


TYPES = {
    "Any": "any",
    "Level": "`str`",
    "OnLimit": "`str`",
    "BindingAction": "`str`",
    "tuple[Any, ...]": "list",
    "tuple[str, ...]": "list of `str`",
    "tuple[Binding, ...]": "list of `str`",
    "Mapping[str, int]": "`dict`",
    "Mapping[str, Any]": "`dict`",
    "Mapping[str, str]": "`dict`",
    "Mapping[str, str | None]": "`dict`",
    "bool | Literal['origin']": "`bool` or `str`",
    'bool | Literal["origin"]': "`bool` or `str`",
}
"""What people say for an annotation."""

UNCHECKED = {
    "store": "a URL, a ready client or engine, or a store",
    "keys": "a list of keys, a `file://` URL or a path, a function, or `None`",
    "observers": "a list of `prometheus`, `opentelemetry` and objects of your own",
    "realms": "a mapping of names of realms to their settings",
}
"""What is checked where it is used."""

TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "errors.md": {"errors": errors_table, "reasons": reasons_table},
    "events.md": {"events": events_table},
    "settings.md": {"settings": settings_overview},
}
"""The tables of each page, by the mark around them."""


def with_tables(page: str, text: str) -> str:
    """Return the text of a page with its tables as the code has them now."""
    for name, rows in TABLES[page].items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, found = marked.subn(lambda match, rows=rows: f"{match[1]}{rows()}{match[2]}", text)
        assert found == 1, name
    if page == "events.md":
        return _with_facts(text, event_facts(), "")
    return _with_facts(text, facts(), "GOSESSION_") if page == "settings.md" else text


def _with_facts(text: str, known: Iterable[tuple[str, str]], prefix: str) -> str:
    """Return a page with the facts about each of its subjects; a new one gets a section at the end."""
    for name, told in known:
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
        if start not in text:
            text += f"\n### `{prefix}{name}`\n\n{start}{end}"
        before, _, rest = text.partition(start)
        text = before + start + told + end + rest.partition(end)[2]
    return text


def _first_line(one: type) -> str:
    return inspect.getdoc(one).partition("\n")[0].replace("``", "`")


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    for page in TABLES:
        path = REFERENCE / page
        path.write_text(with_tables(page, path.read_text("utf-8")), "utf-8")
