"""The README does what it says: its lines and its code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import apps
import pytest
from drawn import drawn
from flask import Flask
from werkzeug.security import generate_password_hash

from flask_gosession.web.state import state_of

TEXT = (apps.ROOT / "README.md").read_text("utf-8")
RUN, TEST = (line for line in TEXT.splitlines() if line.startswith("python3 -m venv"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


SMALL, ELSEWHERE, WHOLE = blocks("python")


def lines(block: str) -> list[str]:
    return [line for line in block.splitlines() if line.strip()]


def run(block: str, **names: Any) -> dict[str, Any]:
    """Run a block as it stands, and return the names that it made."""
    made: dict[str, Any] = {"__name__": "readme", **names}
    exec(compile(block, "README.md", "exec"), made)
    return made


@pytest.fixture
def secret_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a secret by the environment, as the README says."""
    monkeypatch.setenv("FLASK_SECRET_KEY", drawn("readme"))


@pytest.fixture
def small(secret_key: None) -> Iterator[dict[str, Any]]:
    """Yield the names of the ten lines."""
    made = run(SMALL)
    yield made
    state_of("default", made["app"]).manager.close()


@pytest.fixture
def whole(secret_key: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """Yield the whole app, with a user in its table."""
    monkeypatch.setenv("FLASK_SQLALCHEMY_DATABASE_URI", "sqlite://")
    made = run(WHOLE)
    app = made["create_app"]()
    with app.app_context():
        made["db"].create_all()
        made["db"].session.add(
            made["User"](name="alice", password=generate_password_hash("wonderland", "pbkdf2:sha256:1"))
        )
        made["db"].session.commit()
        yield app
        state_of("default", app).manager.close()
        made["db"].session.remove()
        made["db"].engine.dispose()


def test_ten_lines_are_ten():
    """No more, with the imports."""
    assert len(lines(SMALL)) <= 10


def test_ten_lines_are_an_app(small, capsys):
    """One signs in, is known, and is signed out from elsewhere by the second block."""
    client = small["app"].test_client()
    credentials = {"username": "alice", "password": "wonderland"}
    pair = client.post("/auth/login", json=credentials).json
    assert client.post("/auth/login", json={**credentials, "password": "x"}).status_code == 401
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    assert client.get("/me", headers=headers).json == {"user": "alice"}
    run(ELSEWHERE, **small)
    assert " web 127.0.0.1 " in capsys.readouterr().out
    assert client.get("/me", headers=headers).json["reason"] == "password_changed"


def test_a_whole_app_has_thirty_lines():
    """No more, with the imports."""
    assert len(lines(WHOLE)) <= 30


def test_the_whole_app_works(whole):
    """A guest is sent to the form, comes back by it, and a form of another site is refused."""
    client = whole.test_client()
    browser = {"Accept": "text/html"}
    sent = client.get("/", headers=browser)
    assert sent.status_code == 303
    assert "name=" in client.get(sent.location).text
    wrong = client.post(sent.location, data={"name": "alice", "password": "x"}, base_url="https://localhost")
    assert "name=" in wrong.text
    form = {"name": "alice", "password": "wonderland"}
    foreign = client.post("/login", data=form, headers={"Sec-Fetch-Site": "cross-site"}, base_url="https://localhost")
    assert foreign.status_code == 403
    came_in = client.post(sent.location, data=form, base_url="https://localhost")
    assert came_in.location == "/"
    assert client.get("/", base_url="https://localhost").text == "Hello, alice!"


def test_the_two_lines_stand_first():
    """The lines to paste are the first two code blocks, one line each, and need nothing installed by hand."""
    assert [block.strip() for block in blocks("bash")[:2]] == [RUN, TEST]
    assert TEXT.index(TEST) < TEXT.index("```python")
    assert RUN.endswith(" .venv/bin/flask --app example_app run")
    assert TEST.endswith(" .venv/bin/pytest")


def test_the_gate_runs_the_line_of_the_readme():
    """The gate runs exactly the README's test line."""
    assert TEST in (apps.ROOT / ".ci" / "run").read_text("utf-8").splitlines()
