"""A page whose code has run, with what it needs from its surroundings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from drawn import drawn
from flask import Flask

from docs.pages import run_page
from flask_gosession.web.state import EXTENSION


class Page:
    """The names that the code of a page has made."""

    def __init__(self, made: dict[str, Any]) -> None:
        self.made = made

    def __getattr__(self, name: str) -> Any:
        return self.made[name]

    def client(self, **options: Any) -> Any:
        return self.made["app"].test_client(**options)

    def sign_in(self, path: str, **body: Any) -> dict[str, str]:
        """Sign in at *path*, and return the headers of whoever did."""
        return bearer(self.client().post(path, **({"json": body} if body else {})).json)


def bearer(pair: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {pair['access_token']}"}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Page]]:
    """Yield what runs the code of a page, with a secret in the environment."""
    monkeypatch.setenv("FLASK_SECRET_KEY", drawn("pages"))
    pages = []

    def run(page: str, **names: Any) -> Page:
        pages.append(Page(run_page(page, **names)))
        return pages[-1]

    yield run
    for page in pages:
        for app in (one for one in page.made.values() if isinstance(one, Flask)):
            for state in app.extensions.get(EXTENSION, {}).values():
                state.manager.close()
