"""A browser without scripts, as far as the tests of the pages need one."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}
PASSWORDS = {"alice": "wonderland", "bob": "builder", "admin": "overlord"}


class Browser:
    """Somebody's browser, signed in where the name is that of a user."""

    def __init__(self, app: Flask, name: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.client.post("/sign-in", data={"username": name, "password": PASSWORDS.get(name, "")}, headers=BROWSER)

    def get(self, path: str) -> Any:
        """Open a page."""
        return self.client.get(path, headers=BROWSER)

    def send(self, path: str, **fields: str) -> Any:
        """Send a form as a page of the app has it, and follow to where that leads."""
        csrf = self.client.get_cookie("gosession_csrf")
        data = {"gosession_csrf": csrf.value if csrf else "", **fields}
        headers = {**BROWSER, "Referer": "http://localhost/admin/people/1"}
        return self.client.post(path, data=data, headers=headers, follow_redirects=True)

    @property
    def sid(self) -> str:
        """The id of the session."""
        return re.search(r"<code>([\w-]{22})</code>", self.get("/").text)[1]
