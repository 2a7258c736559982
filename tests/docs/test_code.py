"""Every block of Python in the documentation runs."""

from __future__ import annotations

import apps
import pytest

from docs.pages import all_pages, blocks

ELSEWHERE = {
    "howto/observe.md": "tests/observe/test_observing_docs.py",
    "howto/services.md": "tests/services/fleet.py",
    "howto/testing.md": "tests/plugin/test_plugin.py",
    "howto/writing-a-store.md": "tests/stores/test_writing_a_store.py",
    "reference/cli.md": "tests/cli/test_docs.py",
    "reference/settings.md": "tests/docs/test_tables.py",
    "tutorial/index.md": "tests/docs/test_tutorial.py",
}
"""Pages whose code is run by other tests, because it needs more than this process."""

GIVEN = {
    "reference/events.md": """
from unittest.mock import Mock
pager = mail = push = magic_links = Mock()
carts, pages = {}, {}
""",
    "howto/keys.md": """
from types import SimpleNamespace
from drawn import drawn
from flask import Flask
from flask_gosession import GoSession
app = Flask("shop")
app.config.from_prefixed_env()
old_secret, new_secret = app.config["SECRET_KEY"], drawn("tomorrow")
vault = SimpleNamespace(read=lambda path: "[]")
shop = Flask("shop")
shop.config.from_prefixed_env()
gosession = GoSession(shop)
""",
    "howto/clients.md": """
import httpx, requests, types
from flask_gosession.client import Tokens
pair = {"access_token": "a.b.c", "refresh_token": "d.e.f", "expires_in": 900, "refresh_after": 600}
answer = httpx.Response(200, json=pair)
httpx.post = lambda *_args, **_kwargs: answer
httpx.Client.get = lambda *_args, **_kwargs: answer
requests.Session.get = lambda *_args, **_kwargs: answer
""",
    "howto/extensions.md": """
from flask import Flask, request
from flask_admin.contrib.sqla import ModelView
from flask_cors import CORS
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_socketio import ConnectionRefusedError, SocketIO, join_room
from flask_sqlalchemy import SQLAlchemy
from flask_gosession import AuthError, Device, GoSession, current_session, current_user
app = Flask("shop")
app.config.from_prefixed_env()
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
app.config["RATELIMIT_STORAGE_URI"] = "memory://"
gosession = GoSession(app)
auth = gosession.blueprint()
app.register_blueprint(auth)
db, sockets, sessions = SQLAlchemy(app), SocketIO(app), {}
class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
""",
    "explanation/levels.md": """
from flask import Flask
from flask_gosession import GoSession
app = Flask("shop")
app.config.from_prefixed_env()
gosession = GoSession(app)
""",
    "reference/endpoints.md": """
import hmac
from types import SimpleNamespace
from flask import Flask, request
from flask_gosession import GoSession
SERVICE_SECRET = b"of-the-service"
users = SimpleNamespace(by_password=lambda name, password: None)
spec = {"components": {}}
class AnApp:  # one that takes the same blueprint twice
    config, register_blueprint = {}, lambda self, blueprint: None
flask_app = Flask("shop")
flask_app.config.from_prefixed_env()
gosession = GoSession(flask_app)
app = AnApp()
app.url_map, app.view_functions = flask_app.url_map, flask_app.view_functions
context = flask_app.app_context()
context.push()
""",
}
"""What a page that shows parts of an app takes for granted."""

FRAGMENTS = {"console", "bash", "sh", "diff", "html", "toml", "nginx", "dockerfile", "js", "json"}
"""What has tests of its own: `test_fences` and `test_javascript`."""

DIRECTIVES = {"{toctree}", "{eval-rst}", "{include}"}
PAGES = all_pages()


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ELSEWHERE])
def test_the_python_of_a_page_runs(page, run, monkeypatch):
    """Each block runs after those before it; what a page is about has tests of its own."""
    import httpx
    import requests

    for owner, name in ((httpx, "post"), (httpx.Client, "get"), (requests.Session, "get")):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # put back what a page has replaced
    given: dict[str, object] = {}
    exec(GIVEN.get(page, ""), given)
    made = run(page, **given).made
    if "context" in given:
        made["context"].pop()


@pytest.mark.parametrize(("page", "test"), ELSEWHERE.items())
def test_the_other_pages_are_run_elsewhere(page, test):
    """The test that runs the code of a page names it."""
    name = "examples" if page == "howto/services.md" else page.rpartition("/")[2]
    assert name in (apps.ROOT / test).read_text("utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page):
    """A block is Python, which runs, or says that it is something else."""
    assert {language for language, _, _ in blocks(page)} <= {"python", *FRAGMENTS, *DIRECTIVES}
