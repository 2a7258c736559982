"""What the user loader returns is what type checkers and views see."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

SAMPLE = Path(__file__).parent / "typed_sample.py"
WRONG = [number for number, line in enumerate(SAMPLE.read_text().splitlines(), 1) if "# wrong" in line]


def run(tool, *arguments):
    """Run a type checker; skip where it is not installed: the gate asks again once it has the extra."""
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed; it is in the extra lint")
    command = [sys.executable, "-m", tool, *arguments, str(SAMPLE)]
    root = SAMPLE.parents[2]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, cwd=root).stdout


def test_mypy_knows_the_user():
    """Mypy finds the mistakes in the sample, and nothing else."""
    cache = Path(__file__).parents[2] / ".mypy_cache"
    output = run("mypy", "--strict", "--cache-dir", str(cache), "--no-error-summary")
    found = sorted({int(line.split(":")[1]) for line in output.splitlines() if ": error:" in line})
    assert found == WRONG, output


def test_pyright_knows_the_user():
    """Pyright finds the mistakes in the sample, and nothing else."""
    found = json.loads(run("pyright", "--outputjson", "--pythonpath", sys.executable))["generalDiagnostics"]
    errors = [one for one in found if one["severity"] == "error"]
    assert sorted({one["range"]["start"]["line"] + 1 for one in errors}) == WRONG, errors


@dataclass
class Person:
    """A user as a dataclass."""

    name: str


class Row(msgspec.Struct):
    """A user as a Struct."""

    name: str


async def later(subject: str) -> Person:
    return Person(subject)


LOADERS = {
    "dict": (dict, lambda subject: {"name": subject}),
    "dataclass": (Person, Person),
    "struct": (Row, Row),
    "async": (Person, later),
}


@pytest.mark.parametrize("name", LOADERS)
def test_a_view_gets_one_type_on_hit_and_on_miss(make_any_site, name):
    """The user has the loader's type from the loader, from the cache, and in another process."""
    kind, loader = LOADERS[name]
    sites = [make_any_site(loader=loader) for _ in range(2)]
    for site in sites:

        @site.app.get("/user")
        @site.gosession.login_required
        def user(gosession=site.gosession):
            found = gosession.current_user
            assert type(found) is kind
            return found["name"] if kind is dict else found.name

    token = sites[0].login()["access_token"]
    for site in (sites[0], sites[0], sites[1]):
        assert site.get(token, "/user").text == "ada"


class Model:
    """Stands for the row of an ORM."""

    name = "Ada"


def test_an_orm_object_is_told_with_advice(make_any_site, caplog):
    """What cannot be kept is loaded once for each request, and the log says what to do."""
    caplog.set_level("INFO", "flask_gosession")
    site = make_any_site(loader=lambda subject: Model())
    token = site.login()["access_token"]
    assert [site.get(token).status_code for _ in range(3)] == [200] * 3
    assert caplog.text.count("the user loader returned Model") == 1


def test_without_a_cache_any_object_goes(make_any_site):
    """With USER_TTL = 0 the loader may return anything, and is asked once a request."""
    asked = []
    site = make_any_site(USER_TTL=0, loader=lambda subject: asked.append(subject) or Model())

    @site.app.get("/user")
    @site.gosession.login_required
    def user():
        return site.gosession.current_user.name + site.gosession.current_user.name

    token = site.login()["access_token"]
    assert site.get(token, "/user").text == "AdaAda"
    assert asked == ["ada"]
