"""The transcript in the tour of the example app: each line is answered as it stands there."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import apps
import httpx
import pytest
import servers

TEXT = (apps.ROOT / "docs" / "tutorial" / "example-app.md").read_text("utf-8")

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
    """Send each line of the page to *url* and compare what comes back with what stands there."""
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


def test_there_are_the_five_steps():
    """The block shows a login, who one is, a login elsewhere, the eviction, a logout and the refusal."""
    statuses = [call.shown.strip().rpartition(" ")[2] for call in calls() if not call.keeps]
    assert statuses == ["200", "401", "204", "401"]
    assert sum(bool(call.keeps) for call in calls()) == 2


def test_the_answers_are_real_with_one_process_and_no_server(tmp_path):
    """Flask's own server and the embedded store answer each line as the page shows."""
    with apps.flask_run(tmp_path, FLASK_GOSESSION_SESSION_LIMIT="1") as url:
        play(url)


def test_the_answers_are_real_with_two_workers_and_redis(tmp_path, redis_url):
    """Two worker processes on a real Redis answer each line as the page shows, however requests fall on them."""
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
