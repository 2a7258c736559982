"""The pages of the documentation, and the code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apps

DOCS = apps.ROOT / "docs"
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(page: str) -> str:
    return (DOCS / page).read_text("utf-8")


def all_pages() -> list[str]:
    return sorted(path.relative_to(DOCS).as_posix() for path in DOCS.glob("**/*.md"))


def blocks(page: str) -> Iterator[tuple[str, int, str]]:
    """Yield language, line and code of every block of a page."""
    text = text_of(page)
    for found in FENCE.finditer(text):
        yield found[1], text.count("\n", 0, found.start(2)), found[2]


def run_page(page: str, **names: Any) -> dict[str, Any]:
    """Run the Python of a page, one block after the other, and return the names that it made."""
    made: dict[str, Any] = {"__name__": Path(page).stem.replace("-", "_"), **names}
    for language, line, code in blocks(page):
        if language == "python":
            exec(compile("\n" * line + code, str(DOCS / page), "exec", dont_inherit=True), made)
    return made
