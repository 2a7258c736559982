"""The page about the commands says what they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import flask_gosession
from cli.shop import all_commands, make_shop
from flask_gosession.cli import gosession as commands
from flask_gosession.testing.clock import FakeClock

PACKAGE = Path(flask_gosession.__file__).parent
TEXT = (PACKAGE.parent / "docs" / "reference" / "cli.md").read_text("utf-8")


def rows(name: str) -> list[tuple[str, str]]:
    table = TEXT.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]
    return re.findall(r"^\| (`.*?) \| (.*) \|$", table, re.MULTILINE)


def test_every_command_stands_there_with_its_first_sentence():
    """The table of commands is complete, and says of each what its help begins with."""
    told = {re.match(r"`(.+?)`", first)[1]: sentence for first, sentence in rows("commands")}
    assert told.keys() == {" ".join(path) for path in all_commands()}
    for path in all_commands():
        command = commands
        for name in path:
            command = command.commands[name]
        assert " ".join(command.help.split()).startswith(told[" ".join(path)].removesuffix("."))


def test_every_check_stands_there():
    """The table of checks names those that the code has, and no other."""
    sources = [*PACKAGE.glob("doctor/*.py"), *PACKAGE.glob("stores/**/diagnosis.py"), PACKAGE / "cli" / "setup.py"]
    words = "settings|keys|cookies|store|redis|sql|file|proxy|extensions"
    found = {word for path in sources for word in re.findall(rf'"((?:{words})(?:\.\w+)?)"', path.read_text("utf-8"))}
    found |= {f"extensions.{name}" for name in ("flask_login", "flask_jwt_extended", "flask_wtf")}
    found |= {"sql.permissions", "file.permissions", "sql.disk", "file.disk"}
    told = {word for first, _ in rows("checks") for word in re.findall(r"`([\w.]+)`", first)}
    assert found - told <= {"file", "sql", "store"}
    assert told - found == set()


def test_the_python_of_the_page_runs(clock: FakeClock, capsys: pytest.CaptureFixture[str]):
    """The block of Python prints what it says."""
    shop = make_shop("memory://", clock)
    shop.manager.login("ada")
    (block,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    exec(compile(block, "cli.md", "exec"), {"app": shop.app, "gosession": shop.gosession})
    printed = capsys.readouterr().out
    assert "signed_in" in printed
    assert "{'web': 1}" in printed
    assert "/forgotten" in printed
