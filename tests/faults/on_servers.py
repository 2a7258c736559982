"""What is done to one server, of whatever kind: it goes, it hangs, it is besieged."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from .runs import Scene

AT_ONCE = 200
NOW = struct.pack("ii", 1, 0)
"""For SO_LINGER: nothing is left of a connection that is closed."""


@contextmanager
def untouched(_scene: Scene) -> Iterator[None]:
    """Do nothing: what is broken has been so from the start."""
    yield


@contextmanager
def stopped(scene: Scene) -> Iterator[None]:
    """Shut the server down in order, and start it again."""
    scene.stage.server.stop()
    yield
    scene.stage.server.start()


@contextmanager
def killed(scene: Scene) -> Iterator[None]:
    """Kill the server and what it has forked, and start it again on what it has written."""
    scene.stage.server.kill()
    yield
    scene.stage.server.start()


@contextmanager
def frozen(scene: Scene) -> Iterator[None]:
    """Let the server accept connections and answer nothing."""
    scene.stage.server.freeze()
    yield
    scene.stage.server.thaw()


@contextmanager
def repeated(work: Callable[[], object], pause: float) -> Iterator[None]:
    """Do *work* over and over, with a *pause* in seconds, until the block ends; what it raises is raised then."""
    ended, raised = threading.Event(), list[Exception]()

    def repeat() -> None:
        while not ended.wait(pause):
            try:
                work()
            except Exception as error:  # noqa: BLE001  # raised below
                raised.append(error)
                return

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    for error in raised:
        raise error


@contextmanager
def stormed(scene: Scene) -> Iterator[None]:
    """Let hundreds of connections come to the server at once, say nothing and go, again and again."""

    def storm() -> None:
        with ExitStack() as stack:
            for _ in range(AT_ONCE):
                with suppress(OSError):
                    one = stack.enter_context(socket.create_connection(("127.0.0.1", scene.stage.server.port), 1))
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOW)

    with repeated(storm, 0.05):
        yield
