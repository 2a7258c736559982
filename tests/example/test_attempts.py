"""Passwords cannot be tried without end."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from example_app import create_app
from example_app.attempts import MOST, WINDOW
from flask_gosession.testing.clock import FakeClock

from .browsing import BROWSER, Browser


def by_api(app, password, username="alice", address="192.0.2.1"):
    body = {"username": username, "password": password}
    return app.test_client().post("/auth/login", json=body, environ_overrides={"REMOTE_ADDR": address})


def by_page(app, password, username="alice", address="192.0.2.1"):
    data = {"username": username, "password": password}
    environ = {"REMOTE_ADDR": address}
    return app.test_client().post("/sign-in", data=data, headers=BROWSER, environ_overrides=environ)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.mark.parametrize("attempt", [by_api, by_page])
def test_after_some_wrong_passwords_none_is_looked_at(app, attempt):
    """Then also the right one is refused, by the API and by the form, for whoever tries from that address."""
    assert [attempt(app, f"wrong-{number}").status_code for number in range(MOST)] == [401] * MOST
    for refused in (by_api(app, "wonderland"), by_page(app, "wonderland"), by_api(app, "wonderland", "ALICE")):
        assert refused.status_code == 429
        assert "Too many attempts" in refused.text


def test_a_client_is_told_when_to_come_back(app):
    """The API's answer has the body of all refusals, and Retry-After."""
    answers = [by_api(app, "wrong") for _ in range(MOST + 1)]
    assert answers[-1].json["error"] == "too_many_attempts"
    assert answers[-1].headers["Retry-After"] == str(WINDOW)


def test_others_are_not_locked_out(app):
    """Neither other people at that address nor the same person elsewhere: nobody can lock somebody out."""
    for _ in range(MOST):
        by_api(app, "wrong")
    assert by_api(app, "builder", "bob").status_code == 200
    assert by_api(app, "wonderland", address="198.51.100.1").status_code == 200


def test_a_quarter_of_an_hour_later(clock, tmp_path, seeded):
    """The wrong ones are forgotten."""
    shutil.copy(seeded, tmp_path)
    app = create_app({"DATA_FOLDER": str(tmp_path), "TESTING": True}, clock=clock)
    for _ in range(MOST):
        by_api(app, "wrong")
    clock.advance(WINDOW - 1)
    assert by_api(app, "wonderland").status_code == 429
    clock.advance(2)
    assert by_api(app, "wonderland").status_code == 200
    app.extensions["gosession"]["default"].manager.close()


def test_a_right_password_forgives(app):
    """Whoever mistypes now and then is never refused."""
    for _ in range(3):
        assert [by_api(app, "wrong").status_code for _ in range(MOST - 1)] == [401] * (MOST - 1)
        assert by_api(app, "wonderland").status_code == 200


def test_many_at_once_are_no_more(app):
    """Attempts that run side by side count as those one after the other."""
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda number: by_api(app, f"wrong-{number}").status_code, range(MOST + 10)))
    assert statuses.count(401) == MOST
    assert statuses.count(429) == 10


def test_the_confirmation_counts_too(app):
    """A stolen session cannot be used to try passwords either."""
    alice = Browser(app, "alice")
    statuses = [alice.send("/confirm", password="wrong").status_code for _ in range(MOST + 1)]
    assert statuses == [401] * MOST + [429]
