"""The model notices each kind of lie, and believes what may be true."""

from __future__ import annotations

import pytest

from .model import Allowance, Answer, Model


class Story:
    """What clients ask and are told, second by second."""

    def __init__(self, **allows) -> None:
        self.model = Model(Allowance(**allows))
        self.now = 0.0

    def answer(self, status, body=None, *, seconds=0.5, confirmed=True):
        self.now += 1
        return Answer("/me", status, self.now, self.now + seconds, 0.1, body, confirmed)

    def login(self, status=200, *, single=False, subject="ada"):
        attempt = self.model.logging_in(subject, self.now + 1, single=single)
        body = {"access_token": "a", "refresh_token": "r"}
        return self.model.logged_in(attempt, self.answer(status, body), single=single)

    def check(self, session, status, subject="ada"):
        self.model.checked(session, self.answer(status, {"sub": subject}))

    def logout(self, session, status, **options):
        self.model.logging_out(session, self.now + 1)
        return self.model.logged_out(session, self.answer(status, **options))

    @property
    def rules(self):
        return [violation.rule for violation in self.model.violations]


@pytest.fixture
def story():
    return Story()


def test_a_life_without_faults(story):
    """A login, checks, a refresh and a logout that all hold are no violation."""
    session = story.login()
    story.check(session, 200)
    story.model.refreshed(session, story.answer(200, {"access_token": "b", "refresh_token": "s"}))
    assert (session.access, session.refresh) == ("b", "s")
    story.check(session, 503)
    assert story.logout(session, 204)
    story.check(session, 401)
    assert story.rules == []


@pytest.mark.parametrize("status", [0, 500, 502, 403])
def test_what_nobody_may_be_told(story, status):
    """A server error, and no answer at all, is a violation unless the fault is one of the app."""
    story.check(story.login(), status)
    assert story.rules == [0]


def test_a_login_that_is_lost(story):
    """A 401 for a session that nobody has ended is one, once; at a refresh too."""
    session, other = story.login(), story.login()
    story.check(session, 401)
    story.check(session, 401)
    story.model.refreshed(other, story.answer(401))
    assert story.rules == [1, 1]


def test_a_store_that_may_lose():
    """Where the store may lose sessions they are counted instead."""
    story = Story(loses=True)
    story.check(story.login(), 401)
    assert (story.rules, story.model.lost) == ([], 1)


def test_a_logout_that_is_undone(story):
    """A session that is accepted, or refreshed, after its logout was answered is a violation."""
    session = story.login()
    story.logout(session, 204)
    story.check(session, 200)
    story.model.refreshed(session, story.answer(200, {"access_token": "b", "refresh_token": "s"}))
    assert story.rules == [2, 2]


@pytest.mark.parametrize(("status", "confirmed"), [(503, True), (0, True), (204, False)])
def test_a_logout_in_doubt(status, confirmed):
    """A logout that was not answered, or not confirmed, may have happened or not."""
    story = Story(statuses=frozenset({0, 200, 204, 401, 503}))
    session, other = story.login(), story.login()
    assert not story.logout(session, status, confirmed=confirmed)
    story.logout(other, status, confirmed=confirmed)
    story.check(session, 200)
    story.check(other, 401)
    assert story.rules == []


def test_a_check_under_way_during_a_logout(story):
    """A check that began before the logout was answered may say either."""
    session = story.login()
    began = story.answer(200, {"sub": "ada"}, seconds=9)
    story.logout(session, 204)
    story.model.checked(session, began)
    assert story.rules == []


def test_somebody_else(story):
    """Another user's name is a violation, whatever else holds."""
    story.check(story.login(), 200, "eve")
    assert story.rules == [4]


def test_single_mode(story):
    """A login ends the one before it; that it is still accepted is a violation, twice."""
    former, latter = story.login(single=True), story.login(single=True)
    story.check(former, 401)
    story.check(latter, 200)
    assert story.rules == []
    story.check(former, 200)
    assert story.rules == [2, 3]


def test_two_logins_at_once(story):
    """Of two logins at once in single mode either may win; never both."""
    first, second = (story.model.logging_in("ada", now, single=True) for now in (1.0, 1.1))
    body = {"access_token": "a", "refresh_token": "r"}
    one = story.model.logged_in(first, Answer("/login", 200, 1.0, 2.0, 0.1, body), single=True)
    other = story.model.logged_in(second, Answer("/login", 200, 1.1, 2.1, 0.1, body), single=True)
    story.now = 3.0
    story.check(one, 401)
    story.check(other, 200)
    assert story.rules == []
    story.check(one, 200)
    assert story.rules == [3]


def test_a_login_in_doubt(story):
    """A login that was refused may have ended the other session all the same, not one that comes after it."""
    session = story.login(single=True)
    story.login(503, single=True)
    story.check(session, 401)
    assert story.rules == []
    latter = story.login(single=True)
    story.check(latter, 401)
    assert story.rules == [1]
