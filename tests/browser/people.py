"""What people do in a browser."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import servers

PASSWORDS = {"alice": "wonderland", "bob": "builder", "admin": "overlord"}


class Tabs:
    """One browser profile: its tabs share cookies and storage."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.complaints: list[str] = []
        """What the browser wrote to its console: errors of scripts, and what the content security policy stopped."""
        self.requests: list[str] = []
        context.set_default_timeout(15_000)
        context.on("console", self._note)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", lambda request: self.requests.append(f"{request.method} {urlsplit(request.url).path}"))

    def open(self, path: str = "/") -> Any:
        """Return a new tab at *path*."""
        page = self.context.new_page()
        page.goto(path)
        return page

    def sign_in(self, name: str, *, path: str = "/", remember: bool = False, alone: bool = False) -> Any:
        """Return a new tab at *path*, after *name* has signed in through the form."""
        page = self.open(path)
        fill_in(page, name, remember=remember, alone=alone)
        page.wait_for_url(f"**{path}")
        return page

    def cookie(self, name: str) -> Any:
        """Return a cookie with its attributes."""
        return next((cookie for cookie in self.context.cookies() if cookie["name"] == name), None)

    def sleep(self, duration: str) -> None:
        """Let the browser's clock jump by *duration*, ``"05:00:00"``, while the server's goes on as before.

        First the second of the last renewal ends. Tokens count in whole seconds, so a pair that is renewed within
        one may have the same times, and nothing seems new.
        """
        renewed = int(self.cookie("gosession_state")["value"].split(".")[2])
        servers.wait_until(lambda: time.time() >= renewed + 1, "the next second")
        self.context.clock.fast_forward(duration)

    def _note(self, message: Any) -> None:
        # The browser reports every 4xx; those the app answers on purpose, and the tests look at what comes of them.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource: the server"):
            self.complaints.append(message.text)


def sign_in_by_api(url: str, name: str, client: str = "ios", agent: str = "") -> dict[str, str]:
    """Sign in as a program does; return its tokens."""
    body = {"username": name, "password": PASSWORDS[name], "client": client}
    answer = httpx.post(f"{url}/auth/login", json=body, headers={"User-Agent": agent})
    assert answer.status_code == 200
    return answer.json()


def fill_in(page: Any, name: str, *, remember: bool = False, alone: bool = False) -> None:
    """Sign in through the form that *page* shows."""
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORDS[name])
    page.get_by_label("Remember me").set_checked(remember)
    page.get_by_label("everywhere else").set_checked(alone)
    page.get_by_role("button", name="Sign in").click()
