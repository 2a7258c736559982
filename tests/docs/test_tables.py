"""Tables that are made from the code."""

from __future__ import annotations

import re
from inspect import signature
from typing import Any
from unittest.mock import Mock

import pytest
from doc_tables import REFERENCE, TABLES, facts, with_tables
from drawn import drawn
from flask import Flask

from flask_gosession import GoSession, events, signals
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.stores.redis.connect import POOL_SIZE
from flask_gosession.stores.redis.pool import TIMEOUT
from flask_gosession.stores.sql.options import SQLOptions


@pytest.mark.parametrize("page", TABLES)
def test_the_tables_are_those_of_the_code(page):
    """The tables are the code's; ``python tests/doc_tables.py`` writes them."""
    text = (REFERENCE / page).read_text("utf-8")
    assert with_tables(page, text) == text


EXAMPLES = re.findall(
    r"^```python\n(GOSESSION_.*?)^```$", (REFERENCE / "settings.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.partition(" ")[0])
def test_the_examples_are_settings(example, tmp_path):
    """Each example starts an app."""
    app = Flask("shop")
    given: dict[str, Any] = {"GOSESSION_COOKIE_SECURE": True, "GOSESSION_STORE": "memory://"}
    exec(example.replace("/var/lib/shop", str(tmp_path)), {}, given)
    app.config.update({"SECRET_KEY": drawn("examples"), **given})
    gosession = GoSession(app)
    with app.app_context():
        gosession.manager.close()


def test_every_setting_has_an_example():
    """A setting that is new has an example, too."""
    shown = {name for example in EXAMPLES for name in re.findall(r"^GOSESSION_(\w+) =", example, re.MULTILINE)}
    assert shown == {name for name, _ in facts()}


@pytest.mark.parametrize("page", sorted(path.name for path in REFERENCE.glob("*.md")))
def test_nothing_has_two_sections(page):
    """A page tells of each thing in one place."""
    titles = re.findall(r"^#+ .*$", (REFERENCE / page).read_text("utf-8"), re.MULTILINE)
    assert [title for title in titles if titles.count(title) > 1] == []


def test_the_limits_of_stores_are_those_of_the_code():
    """What the page of stores says of pools and time-outs, and makes of it, is what a URL without options means."""
    text, sql = " ".join((REFERENCE / "stores.md").read_text("utf-8").split()), SQLOptions()
    assert f"`create` ({str(sql.create).lower()}) makes the table, `pool_size` ({sql.pool_size})" in text
    assert f"keeps up to `pool_size` connections ({sql.pool_size}) and opens as many more" in text
    assert f"{2 * sql.pool_size} = {4 * 3 * 2 * sql.pool_size}, and PostgreSQL allows" in text
    assert text.count(f"`timeout` ({sql.timeout:g} s)") == 2
    assert f"`socket_connect_timeout` ({TIMEOUT:g} s each), `max_connections` ({POOL_SIZE})" in text
    assert f"`max_subjects` ({signature(MemoryStore).parameters['max_subjects'].default:,})" in text


EVENTS = (REFERENCE / "events.md").read_text("utf-8")


@pytest.mark.parametrize("kind", events.kinds(), ids=lambda kind: kind.__name__)
def test_the_example_of_an_event_works(kind):
    """Each event has a section with a receiver of its signal, which takes that event."""
    section = EVENTS.partition(f"### `{kind.__name__}`\n")[2].partition("\n### ")[0]
    (example,) = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    around = Mock()
    names = {"signals": signals, **dict.fromkeys(("pager", "mail", "push", "carts", "pages", "magic_links"), around)}
    exec(example, names)
    (receiver,) = [one for name, one in names.items() if callable(one) and f"def {name}(" in example]
    numbers = ("at", "until", "seconds", "count", "gen")
    event = kind(**{name: 7 if name in numbers else "x" for name in kind.__struct_fields__})
    app = Flask("shop")
    app.logger.setLevel("INFO")
    signals.send(app, event)
    receiver(app, event=event)
    named = set(re.findall(r"event\.(\w+)", example))
    assert named <= set(kind.__struct_fields__)
    assert named
