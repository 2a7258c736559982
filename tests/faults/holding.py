"""Lets requests keep their connections for a while, so that all threads of a worker have one at the same time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import has_request_context
from redis.connection import AbstractConnection
from sqlalchemy import Pool, event

from flask_gosession.deadline import Pause

KEEP, KEPT = "keep", "kept"
"""The note that asks requests to keep their connections, and the one where each of them leaves its worker's id."""
LOOK = 0.02


def keep_when_told(note: Callable[[str], str], leave: Callable[[str, str], None]) -> None:
    """Let requests of this process keep the connection that they have just used, as long as a note says so."""

    def keep(*_arguments: object) -> None:
        if has_request_context() and note(KEEP):
            leave(KEPT, str(os.getpid()))
            with Pause():
                while note(KEEP):
                    time.sleep(LOOK)

    read: Callable[..., Any] = AbstractConnection.read_response

    @wraps(read)
    def read_and_keep(*arguments: Any, **options: Any) -> Any:
        answer = read(*arguments, **options)
        keep()
        return answer

    event.listen(Pool, "checkout", keep)
    AbstractConnection.read_response = read_and_keep  # type: ignore[method-assign]  # there is no event for it
