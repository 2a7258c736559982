"""The cached user info: for how long it counts, who fills it, and who cannot."""

from __future__ import annotations

import threading

import pytest

from flask_gosession.errors import UserNotFound
from flask_gosession.events import UserForgotten
from flask_gosession.session.user import FILL_WINDOW


class Directory:
    """A loader over names that change, which counts how often it is asked."""

    def __init__(self, **names):
        self.names = names
        self.asked = []

    def __call__(self, subject):
        self.asked.append(subject)
        name = self.names.get(subject)
        return None if name is None else {"name": name}


@pytest.fixture
def directory():
    return Directory(ada="Ada")


@pytest.fixture
def users(make, directory):
    return make(user_loader=directory, user_ttl=300).users


def test_asked_once_within_the_ttl(users, directory, clock):
    """The loader is asked again when the info is as old as USER_TTL, not before."""
    for seconds in (0, 299, 1):
        clock.advance(seconds)
        users.load("ada")
    assert len(directory.asked) == 2


def test_a_shorter_ttl_asks_for_younger(users, directory, clock):
    """`load(ttl=10)` is not content with info that is older, though it would do for others."""
    users.load("ada")
    clock.advance(10)
    users.load("ada", ttl=11)
    assert len(directory.asked) == 1
    users.load("ada", ttl=10)
    assert len(directory.asked) == 2


def test_a_longer_ttl_holds_for_those_who_come_after(users, directory, clock):
    """`load(ttl=3600)` keeps the info for an hour, for those who name no time, too."""
    users.load("ada", ttl=3600)
    clock.advance(3599)
    users.load("ada")
    assert len(directory.asked) == 1


def test_no_such_user_is_remembered_and_refused(make, directory):
    """None from the loader is an answer: cached, and the sessions of that subject are refused."""
    manager = make(user_loader=directory)
    token = manager.login("bob").access_token
    with pytest.raises(UserNotFound):
        manager.check_with_user(token)
    with pytest.raises(UserNotFound):
        manager.check(token)
    assert directory.asked == ["bob"]


def test_a_login_asks_again_for_who_was_unknown(make, directory):
    """Who signs in exists: what the loader said before no longer counts."""
    manager = make(user_loader=directory)
    assert manager.users.load("bob") is None
    directory.names["bob"] = "Bob"
    assert manager.check_with_user(manager.login("bob").access_token)[1] == {"name": "Bob"}


def test_without_a_loader_there_is_no_user(manager):
    """A manager without a loader knows sessions only, and says None for all users."""
    session, user = manager.check_with_user(manager.login("ada").access_token)
    assert (session.client, user) == ("web", None)


def test_an_own_exception_passes_and_caches_nothing(make, store):
    """What the loader raises reaches the caller as it is; the next call asks again."""
    answers = iter([LookupError("database"), {"name": "Ada"}])

    def loader(_subject):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    users = make(user_loader=loader).users
    with pytest.raises(LookupError, match="database"):
        users.load("ada")
    assert store.count("swap") == 0
    assert users.load("ada") == {"name": "Ada"}


def test_over_the_cap_it_is_served_uncached_with_one_warning(make, store, caplog):
    """Info that is too large is served each time by the loader; the log says so once."""
    users = make(user_loader=lambda _: {"text": "x" * 100}, user_cap=64).users
    assert [users.load("ada")["text"], users.load("ada")["text"]] == ["x" * 100] * 2
    assert store.count("swap") == 0
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_store_that_cannot_write_costs_no_user(users, store, caplog):
    """When the fill fails, the user is served all the same, and the log says why it costs a load each time."""
    store.fail("swap", 2)
    assert users.load("ada") == {"name": "Ada"}
    assert "could not be cached" in caplog.text


def test_forget_and_refresh_ask_again(users, directory):
    """`forget` makes the next call ask; `refresh` asks at once, for each subject."""
    users.load("ada")
    directory.names["ada"] = "Countess"
    assert users.load("ada") == {"name": "Ada"}
    users.forget("ada")
    assert users.load("ada") == {"name": "Countess"}
    directory.names["ada"] = "Ada"
    assert users.refresh(["ada", "bob"]) == {"ada": {"name": "Ada"}, "bob": None}


@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize("how", ["forget", "refresh", "login"])
def test_a_slow_loader_cannot_put_stale_info_back(make, how, signed_in):
    """What a loader began to fetch before a `forget`, a `refresh` or a login is not what later callers get."""
    names = {"ada": "old"}
    meanwhile = {
        "forget": lambda: manager.users.forget("ada"),
        "refresh": lambda: other.users.refresh(["ada"]),
        "login": lambda: manager.login("ada"),
    }

    def slow(subject):
        read = {"name": names[subject]}
        if names[subject] == "old":
            names[subject] = "new"
            meanwhile[how]()
        return read

    manager, other = make(user_loader=slow), make(user_loader=lambda subject: {"name": names[subject]})
    if signed_in:
        manager.login("ada")
    assert manager.users.load("ada") == {"name": "old"}
    assert manager.users.load("ada") == {"name": "new"}


def test_a_loader_slower_than_the_window_fills_nothing(make, clock, store):
    """Info that took too long to fetch is served to who waited for it, and not kept."""

    def slow(_subject):
        clock.advance(FILL_WINDOW + 0.1)
        return {"name": "Ada"}

    users = make(user_loader=slow).users
    assert users.load("ada") == {"name": "Ada"}
    assert store.count("swap") == 0


def test_who_asks_after_a_forget_joins_no_load_from_before_it(make, directory):
    """A load under way when the info is forgotten is not the answer to a question that came later."""
    entered, told = threading.Event(), threading.Event()
    first = []

    def loader(subject):
        read = directory(subject)
        if not first:
            first.append(read)
            entered.set()
            assert told.wait(10)
        return read

    users = make(user_loader=loader).users
    slow = threading.Thread(target=users.load, args=("ada",))
    slow.start()
    assert entered.wait(10)
    directory.names["ada"] = "Countess"
    users.forget("ada")
    asked_later = users.load("ada")
    told.set()
    slow.join(10)
    assert asked_later == {"name": "Countess"}
    assert users.load("ada") == {"name": "Countess"}


def test_forgetting_is_an_event(users, told):
    """UserForgotten names whose info was dropped."""
    users.forget("ada")
    assert [(type(event), event.subject) for event in told] == [(UserForgotten, "ada")]


def test_an_answer_never_brings_a_record_back(make, store, clock):
    """Where the second look at the record failed, and it was deleted meanwhile, the session stays gone."""

    def delete_and_answer(subject):
        stored = store.store.load(subject)
        store.store.swap(subject, stored.etag, None, clock())
        return {"name": "Ada"}

    manager = make(user_loader=delete_and_answer)
    checked = manager.authenticate(manager.login("ada").access_token)
    store.fail("load")
    assert manager.users.of(checked.record) == {"name": "Ada"}
    assert store.store.load("ada") is None
