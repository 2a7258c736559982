"""An app under load while its store fails: callers who do all that people do, and note every answer."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import servers
from drawn import drawn
from flask import Flask, jsonify, request

from flask_gosession import GoSession
from flask_gosession.web.state import state_of

log = logging.getLogger(__name__)

LOOSELY = 2
"""Promised are 500 ms for an answer and 2 s for a recovery; a busy machine may take so many times that."""

CALLERS = 8
PAUSE = 0.005


class Answer(NamedTuple):
    """One answer of the app."""

    caller: int
    path: str
    status: int
    began: float
    seconds: float
    body: Any


def make_app(url: str, **config: Any) -> Flask:
    """Return an app over the store at *url* that anybody may sign in to."""
    app = Flask("shop")
    app.secret_key = drawn("load")
    app.config.update(
        {f"GOSESSION_{name}": value for name, value in {"STORE": url, "TOUCH_INTERVAL": 0, **config}.items()}
    )
    gosession: GoSession[Any] = GoSession(app, user_loader=lambda subject: {"name": subject})
    app.register_blueprint(gosession.blueprint())

    @app.post("/login")
    def login():
        return jsonify(gosession.login_user(request.get_json()["user"]).to_dict())

    @app.route("/me", methods=["GET", "POST"])
    @gosession.login_required
    def me():
        if request.method == "POST":
            gosession.current_session.data["note"] = request.get_json()["note"]
        return jsonify(sub=gosession.current_user["name"])

    return app


class Caller(threading.Thread):
    """Signs in, looks, writes and refreshes in turns; after a 503 it tries again with what it has."""

    def __init__(self, app: Flask, number: int, ended: threading.Event) -> None:
        super().__init__(name=f"caller-{number}", daemon=True)
        self.answers: list[Answer] = []
        self._client = app.test_client(use_cookies=False)
        self._number = number
        self._ended = ended
        self._pair: dict[str, Any] = {}

    def run(self) -> None:
        turns = itertools.cycle((self._look, self._note, self._look, self._refresh, self._look_in_elsewhere))
        while not self._ended.wait(PAUSE):
            (next(turns) if self._pair else self._log_in)()

    def _log_in(self) -> None:
        answer = self._ask("/login", json={"user": f"user-{self._number}"})
        if answer.status == 200:
            self._pair = answer.body

    def _look(self) -> None:
        self._ask("/me", self._pair["access_token"], method="GET")

    def _note(self) -> None:
        self._ask("/me", self._pair["access_token"], json={"note": time.time()})

    def _refresh(self) -> None:
        answer = self._ask("/auth/refresh", self._pair["refresh_token"])
        if answer.status == 200:
            self._pair = answer.body

    def _look_in_elsewhere(self) -> None:
        other = self._ask("/login", json={"user": f"user-{self._number}"})
        if other.status == 200:
            self._ask("/auth/logout", other.body["access_token"])

    def _ask(self, path: str, token: str | None = None, method: str = "POST", **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        began = time.monotonic()
        answer = self._client.open(path, method=method, headers=headers, **options)
        seconds = time.monotonic() - began
        if answer.status_code == 401:
            self._pair = {}
        noted = Answer(self._number, path, answer.status_code, began, seconds, answer.get_json(silent=True))
        self.answers.append(noted)
        return noted


class Load:
    """All callers together."""

    def __init__(self, app: Flask) -> None:
        self._ended = threading.Event()
        self._callers = [Caller(app, number, self._ended) for number in range(CALLERS)]
        for caller in self._callers:
            caller.start()

    def end(self) -> None:
        self._ended.set()
        for caller in self._callers:
            caller.join(servers.PATIENCE)
            assert not caller.is_alive()

    @property
    def answers(self) -> list[Answer]:
        return [answer for caller in self._callers for answer in list(caller.answers)]

    @property
    def statuses(self) -> Counter[int]:
        return Counter(answer.status for answer in self.answers)

    @property
    def slowest(self) -> float:
        """The longest that anybody waited, in seconds."""
        return max(answer.seconds for answer in self.answers)

    def until_all_well(self, patience: float = servers.PATIENCE) -> float:
        """Wait until each caller had five good answers in a row from now on; return the seconds to the last first."""
        since = time.monotonic()
        servers.wait_until(lambda: all(_well(caller, since) for caller in self._callers), "five good answers", patience)
        return max(_first_good(caller, since) for caller in self._callers) - since

    def until_refused(self, times: int = 10) -> None:
        """Wait until the callers were refused so often from now on."""
        since = time.monotonic()
        servers.wait_until(lambda: sum(a.status == 503 and a.began > since for a in self.answers) >= times, "refusals")


def _well(caller: Caller, since: float) -> bool:
    last = caller.answers[-5:]
    return len(last) == 5 and all(answer.status < 300 and answer.began > since for answer in last)


def _first_good(caller: Caller, since: float) -> float:
    """Return when the good answers began that did not end any more."""
    later = [answer for answer in caller.answers if answer.began > since]
    return next(one.began + one.seconds for one in later if one.status < 300)


@contextmanager
def under_load(url: str, **config: Any) -> Iterator[Load]:
    """Yield the load on an app over the store at *url*; everything has worked once by then."""
    app = make_app(url, **config)
    load = Load(app)
    try:
        load.until_all_well()
        yield load
    finally:
        load.end()
        state_of("default", app).manager.close()


def assert_honest(load: Load, lost: int = 0) -> None:
    """Assert that nobody was told anything but yes, or not now, and in time.

    So many times at most a session may have ended because a replica took over that never got the last write.
    """
    others = [answer for answer in load.answers if answer.status not in (200, 204, 503)]
    assert [answer for answer in others if answer.status != 401] == []
    assert len(others) <= lost, others
    assert load.slowest < 0.5 * LOOSELY


def report(load: Load, recoveries: list[float]) -> None:
    """Say the numbers; `pytest -rP` shows them."""
    seconds = ", ".join(f"{one:.2f}" for one in recoveries)
    log.warning("slowest answer %.3f s; recoveries %s s; answers %s", load.slowest, seconds, dict(load.statuses))
