"""People who sign in, look, refresh and sign out by HTTP, and report every answer to the model."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
from collections import Counter
from contextlib import suppress

import servers

from .model import NOT_ANSWERED, Answer, Model, Session

PAUSE = 0.01
PATIENCE = 15.0
KEPT = 50
"""How many ended sessions a person remembers, and tries again at times."""
STRANGERS = 0.3
"""The share of people who sign in for the first time."""


class Person(threading.Thread):
    """Somebody with a session of their own, others beside it, and half of an account in single mode."""

    def __init__(self, load: Load, number: int) -> None:
        super().__init__(name=f"person-{number}", daemon=True)
        self.answers: list[Answer] = []
        self._load = load
        self._model = load.model
        self._random = random.Random(number)
        self._name = f"user-{load.number}-{number}"
        self._account = f"shared-{load.number}-{number // 2}"
        self._main: Session | None = None
        self._only: Session | None = None
        self._leaving: list[Session] = []
        self._gone: list[Session] = []

    def run(self) -> None:
        turns = itertools.cycle(
            (self._look, self._refresh, self._look_in_elsewhere, self._look, self._take_over, self._look_back)
        )
        while not self._load.ended.wait(PAUSE):
            next(turns)()

    def _look(self) -> None:
        if self._main is None or self._main.lost:
            self._main = self._log_in(self._name)
        if self._main is not None:
            self._check(self._main)

    def _refresh(self) -> None:
        if self._main is not None and not self._main.lost:
            self._model.refreshed(self._main, self._ask("POST", "/auth/refresh", self._main.refresh))

    def _look_in_elsewhere(self) -> None:
        # Now and then under a name that no record has yet.
        name = f"{self._name}-{self._random.randrange(10**9)}" if self._random.random() < STRANGERS else self._name
        if (other := self._log_in(name)) is not None:
            self._check(other)
            self._leaving.append(other)
        for session in self._leaving[:2]:
            self._model.logging_out(session, time.monotonic())
            if self._model.logged_out(session, self._ask("POST", "/auth/logout", session.access)):
                self._leaving.remove(session)
                self._gone = [*self._gone[-KEPT:], session]

    def _take_over(self) -> None:
        """Sign in to the shared account, which ends the other's session, and look from the former one too."""
        former, self._only = self._only, self._log_in(self._account, client="only") or self._only
        for session in {former, self._only} - {None}:
            self._check(session)

    def _look_back(self) -> None:
        if self._gone:
            self._check(self._random.choice(self._gone))

    def _log_in(self, subject: str, client: str = "web") -> Session | None:
        single = client == "only"
        attempt = self._model.logging_in(subject, time.monotonic(), single=single)
        answer = self._ask("POST", "/login", body={"user": subject, "client": client})
        return self._model.logged_in(attempt, answer, single=single)

    def _check(self, session: Session) -> None:
        self._model.checked(session, self._ask("GET", "/me", session.access))

    def _ask(self, method: str, path: str, token: str = "", body: object = None) -> Answer:
        deadly = self._load.deadly.get(path, "") if self._random.random() < 0.1 else ""
        answer = ask(self._load.next_port(), method, path, token, body, deadly)
        self.answers.append(answer)
        return answer


def ask(port: int, method: str, path: str, token: str = "", body: object = None, deadly: str = "") -> Answer:
    """Send one request by a connection of its own, and return what came back."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if deadly:
        headers["X-Die"] = deadly
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return Answer(path, NOT_ANSWERED, began, time.monotonic(), 0.0, repr(error))
    finally:
        connection.close()
    found = None
    with suppress(ValueError):
        found = json.loads(text)
    inside, confirmed = float(answer.headers.get("X-Seconds", 0)), answer.headers.get("GoSession-Confirmed") != "0"
    return Answer(path, answer.status, began, time.monotonic(), inside, found, confirmed)


class Load:
    """All people together, at the apps that listen on these ports."""

    def __init__(self, ports: list[int], model: Model, number: int = 0, people: int = 6) -> None:
        self.ended = threading.Event()
        self.model = model
        self.number = number
        """Makes their accounts others than those of a load before."""
        self.deadly: dict[str, str] = {}
        """When a worker is to die that serves a path: before or after the store has been written."""
        self._ports = itertools.cycle(ports)
        self._people = [Person(self, number) for number in range(people)]
        self.stall = 0.0
        """The longest that a thread that does nothing was late, in seconds."""
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def next_port(self) -> int:
        return next(self._ports)

    def use(self, ports: list[int]) -> None:
        """Send requests to these ports in turn from now on."""
        self._ports = itertools.cycle(ports)

    def start(self) -> None:
        self._watcher.start()
        for person in self._people:
            person.start()

    def _watch(self) -> None:
        """Note by how much the machine is late when asked for a short sleep."""
        began = time.monotonic()
        while not self.ended.wait(PAUSE):
            now = time.monotonic()
            self.stall = max(self.stall, now - began - PAUSE)
            began = time.monotonic()

    def end(self) -> None:
        """Let everybody finish what they do."""
        self.ended.set()
        self._watcher.join()
        for person in self._people:
            person.join(2 * PATIENCE)

    @property
    def answers(self) -> list[Answer]:
        return [answer for person in self._people for answer in list(person.answers)]

    @property
    def statuses(self) -> Counter[int]:
        return Counter(answer.status for answer in self.answers)

    def until_all_well(self, patience: float) -> bool:
        """Wait until everybody's last six answers since now were no refusals; return whether that came to be."""
        since = time.monotonic()
        with suppress(TimeoutError):
            servers.wait_until(
                lambda: all(_is_well(person, since) for person in self._people), "good answers", patience
            )
            return True
        return False


def _is_well(person: Person, since: float) -> bool:
    last = person.answers[-6:]
    return len(last) == 6 and all(answer.status in (200, 204, 401) and answer.began > since for answer in last)
