"""Debian's Chromium, the example app as a process of its own, and what both have to complain about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import apps
import pytest

from .people import Tabs

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def _absent(what: str) -> None:
    if apps.IN_CI:
        pytest.fail(what)
    pytest.skip(what)


# Not for the whole run: a loop that is running in this thread would be in the way of every other test with asyncio.
@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Yield a browser with a profile of its own."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _absent('Playwright is not installed: pip install -e ".[browser]"')
    if shutil.which(CHROMIUM) is None:
        _absent(f"there is no {CHROMIUM}: apt-get install chromium, or name another in the environment's CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def run_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Yield what returns the address of the app with these settings; each is started once."""
    running: dict[frozenset[tuple[str, str]], str] = {}
    with ExitStack() as stack:

        def run(**settings: str) -> str:
            key = frozenset(settings.items())
            if key not in running:
                folder = tmp_path_factory.mktemp("app")
                running[key] = stack.enter_context(apps.flask_run(folder, **settings))
            return running[key]

        yield run


@pytest.fixture
def url(run_app: Callable[..., str]) -> str:
    """Return the address of the app as it comes."""
    return run_app()


@pytest.fixture
def single_url(run_app: Callable[..., str]) -> str:
    """Return the address of the app where each person has one session."""
    return run_app(FLASK_GOSESSION_SESSION_LIMIT="1")


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Tabs]]:
    """Yield what opens another browser profile; in the end none of its pages may have complained."""
    opened: list[Tabs] = []

    def open_profile(url: str, **options: Any) -> Tabs:
        opened.append(Tabs(browser.new_context(base_url=url, **options)))
        return opened[-1]

    yield open_profile
    for tabs in opened:
        tabs.context.close()
    assert [complaint for tabs in opened for complaint in tabs.complaints] == []


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder for screenshots: the environment's PICTURES, or a temporary one."""
    named = os.environ.get("PICTURES")
    folder = Path(named) if named else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
