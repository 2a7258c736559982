"""The page about the endpoints: its table is the blueprint's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from flask_gosession import GoSession

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "endpoints.md").read_text("utf-8")
PUBLIC = {"login", "refresh", "logout", "jwks", "revoke", "introspect", "script", "openapi"}


@pytest.fixture(scope="module")
def app() -> Flask:
    app = Flask("shop")
    app.testing = True
    app.config.update(SECRET_KEY="of-the-docs-under-test-and-long-enough", GOSESSION_TOKEN_LOCATIONS=["cookie"])
    gosession = GoSession(app)
    gosession.credential_verifier(lambda _name, _password: None)
    app.register_blueprint(gosession.blueprint(introspection_auth=lambda: True))
    gosession.protect(app)
    return app


def rows() -> list[list[str]]:
    table = TEXT.partition("<!-- endpoints -->")[2].partition("<!-- /endpoints -->")[0].strip().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def told() -> dict[str, tuple[str, str, set[str]]]:
    """Return method, path and statuses of each endpoint as the page has them."""
    found = {}
    for name, request, _body, answer, refusals in rows():
        method, path = re.fullmatch(r"([A-Z]+) `(.+)`", request).groups()
        found[name.strip("`")] = method, path, {answer[:3], *re.findall(r"\d{3}", refusals)}
    return found


def described(app: Flask) -> dict[str, tuple[str, str, set[str]]]:
    """Return the same as the OpenAPI document has it; that any of them may be 503 the page says once."""
    paths = app.test_client().get("/auth/openapi.json").get_json()["paths"]
    return {
        one["operationId"]: (method.upper(), path.replace("{sid}", "<sid>"), set(one["responses"]) - {"503"})
        for path, methods in paths.items()
        for method, one in methods.items()
    }


def test_the_table(app):
    """Names, methods, paths and statuses are those of the OpenAPI document, which the endpoints are held to."""
    assert told() == described(app)


def test_bodies(app):
    """The fields of a body are those of the OpenAPI document, with a question mark where they may be missing."""
    paths = app.test_client().get("/auth/openapi.json").get_json()["paths"]
    operations = {one["operationId"]: one for each in paths.values() for one in each.values()}
    for name, _request, body, *_ in rows():
        content = operations[name.strip("`")].get("requestBody", {"content": {}})["content"]
        fields = {field: optional == "" for field, optional in re.findall(r"`(\w+)`(\??)", body)}
        for schema in (one["schema"] for one in content.values()):
            needed = {field: field in schema["required"] for field in schema["properties"]}
            needed.pop("token_type_hint", None)
            assert fields == needed, name
        assert bool(fields) == bool(content), name


def test_what_stays_open(app):
    """Under `protect` exactly the endpoints that the page names answer a guest with something else than a 401."""
    section = TEXT.partition("## Under `protect`")[2].partition("##")[0]
    open_ones = set(re.findall(r"`(\w+)`", section.partition("stay open")[2].partition("The others")[0]))
    assert open_ones == PUBLIC
    client = app.test_client()
    for name, (method, path, _) in told().items():
        answer = client.open(f"/auth{path}".replace("<sid>", "x"), method=method)
        needs_more = name == "refresh"  # the token that it asks for itself
        assert (answer.status_code == 401) == (name not in PUBLIC or needs_more), name


@pytest.mark.parametrize("page", ["endpoints.md", "services.md"])
def test_links(page):
    """What a page links to is there."""
    links = re.findall(r"\]\(([^)#]+)\)", (DOCS / page).read_text("utf-8"))
    assert [link for link in links if not (DOCS / link).exists()] == []
