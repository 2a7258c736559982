"""The README does what it says: its lines, its code, its answers, its tables."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apps
import httpx
import pytest
import servers
from readme_tables import README, with_tables

from flask_gosession.context import state_of

TEXT = README.read_text("utf-8")
RUN, TEST = (line for line in TEXT.splitlines() if line.startswith("python3 -m venv"))

CHANGING = {"at", "authenticated", "created", "expires", "sid"}
"""What differs from login to login."""


class Call(NamedTuple):
    """One curl line: what it sends, the shell variable that keeps its token, and the answer that stands below."""

    arguments: list[str]
    keeps: str
    shown: str


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def calls() -> Iterator[Call]:
    for part in re.split(r"^\$ ", blocks("console")[0], flags=re.MULTILINE)[1:]:
        line, _, shown = part.partition("\n")
        found = re.fullmatch(r"(?:(\w+)=\$\()?curl (.*?)(?: \| token\))?", line)
        if found:
            yield Call(shlex.split(found[2]), found[1] or "", shown)


def send(call: Call, url: str, variables: dict[str, str]) -> httpx.Response:
    """Send what curl would send."""
    words, method, headers, body, target = iter(call.arguments), "", {}, None, ""
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = re.sub(r"\$(\w+)", lambda match: variables[match[1]], value)
        elif word == "-d":
            body = next(words)
        elif word == "-w":
            assert next(words) == r" %{http_code}\n"
        elif word != "-s":
            target = word.removeprefix("localhost:5000")
    return httpx.request(method or ("POST" if body else "GET"), url + target, headers=headers, content=body)


def stable(body: Any) -> Any:
    """Return a body without the values that differ from login to login, but with their names."""
    if not isinstance(body, dict):
        return body
    return {name: type(value) if name in CHANGING else stable(value) for name, value in body.items()}


def play(url: str) -> None:
    """Send each line of the README to *url* and compare what comes back with what stands there."""
    variables: dict[str, str] = {}
    for call in calls():
        answer = send(call, url, variables)
        if call.keeps:
            assert answer.status_code == 200
            variables[call.keeps] = answer.json()["access_token"]
            continue
        body, _, status = call.shown.strip().rpartition(" ")
        assert answer.status_code == int(status)
        assert stable(answer.json() if answer.content else None) == stable(json.loads(body) if body else None)


@pytest.fixture
def namespace(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Yield the names that the README's Python blocks make, run one after the other."""
    monkeypatch.setenv("FLASK_SECRET_KEY", "of-the-readme-" + "0123456789abcdef" * 2)
    made: dict[str, Any] = {"__name__": "readme"}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), made)
    yield made
    state_of("default", made["app"]).manager.close()


def test_the_code_is_a_complete_app(namespace):
    """The Python blocks make an app in which one signs in, is known, signs out, and is refused."""
    client = namespace["app"].test_client()
    pair = client.post("/login", json={"username": "alice"}).json
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    assert client.get("/me", headers=headers).json == {"user": "alice"}
    assert client.post("/logout", headers=headers).status_code == 204
    assert client.get("/me", headers=headers).json["reason"] == "logged_out"


def test_the_first_block_is_small():
    """Ten lines and the three routes: short enough to read at a glance."""
    assert len([line for line in blocks("python")[0].splitlines() if line]) <= 20


def test_there_are_the_five_steps():
    """The block shows a login, who one is, a login elsewhere, the eviction, a logout and the refusal."""
    statuses = [call.shown.strip().rpartition(" ")[2] for call in calls() if not call.keeps]
    assert statuses == ["200", "401", "204", "401"]
    assert sum(bool(call.keeps) for call in calls()) == 2


def test_the_answers_are_real_with_one_process_and_no_server(tmp_path):
    """Flask's own server and the embedded store answer each line as the README shows."""
    with apps.flask_run(tmp_path, FLASK_GOSESSION_SESSION_LIMIT="1") as url:
        play(url)


def test_the_answers_are_real_with_two_workers_and_redis(tmp_path, redis_url):
    """Two worker processes on a real Redis answer each line as the README shows, however requests fall on them."""
    settings = {"FLASK_GOSESSION_SESSION_LIMIT": "1", "FLASK_GOSESSION_STORE": redis_url}
    with apps.two_workers(tmp_path, **settings) as url:
        for _ in range(5):
            play(url)


@pytest.fixture
def redis_url(needed: Callable[[bool, str], None]) -> Iterator[str]:
    needed(servers.REDIS_SERVER is not None, servers.WITHOUT_REDIS)
    with servers.running_redis() as at:
        yield at.url


@pytest.fixture
def needed(pytestconfig: pytest.Config) -> Callable[[bool, str], None]:
    """Return what skips a test for want of a binary, and fails it where the machine was to have it."""

    def check(there: bool, sentence: str) -> None:
        if not there:
            (pytest.fail if apps.IN_CI else pytest.skip)(sentence)

    return check


def test_the_two_lines_stand_first():
    """The lines to paste are the first two code blocks, one line each, and need nothing installed by hand."""
    assert [block.strip() for block in blocks("bash")[:2]] == [RUN, TEST]
    assert TEXT.index(RUN) < TEXT.index("\n## ")
    assert RUN.endswith(" .venv/bin/flask --app example_app run")
    assert TEST.endswith(" .venv/bin/pytest")


def test_the_gate_runs_the_line_of_the_readme():
    """The gate runs exactly the README's test line."""
    assert TEST in Path(apps.ROOT, ".ci", "run").read_text("utf-8").splitlines()


def test_the_tables_are_those_of_the_code():
    """The tables of errors, reasons and settings are the code's; ``python tests/readme_tables.py`` writes them."""
    assert with_tables(TEXT) == TEXT


def test_the_links_lead_somewhere():
    """Each link within the project has a target: a file, or a heading."""
    titles = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    headings = {"#" + re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
    targets = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert [target for target in targets if target not in headings and not (apps.ROOT / target).exists()] == []


def test_the_files_of_the_tour_exist():
    """Every file that the README names is there."""
    tour = TEXT.partition("## How a request flows")[2].partition("\n## ")[0]
    for name in re.findall(r"`([\w/]+(?:\.py|/))`", tour):
        assert (apps.ROOT / "flask_gosession" / name).exists(), name
