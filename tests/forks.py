"""A forked child that does what a test says, and says how it went."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.synchronize import Event

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def shared_event() -> Event:
    """Return an event that a child and its parent have in common."""
    return multiprocessing.get_context("fork").Event()


def in_child(answer: Callable[[], str]) -> tuple[int, int]:
    """Fork; return the id of the child, and where its answer comes."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, answer().encode())
        finally:
            os._exit(0)
    os.close(writer)
    return child, reader


def said(child: int, reader: int) -> str:
    """Return the answer of a child; nothing if it failed."""
    found = os.read(reader, 100).decode()
    os.close(reader)
    os.waitpid(child, 0)
    return found
