"""The list of people: its filters, and that no view of it reads more than it has to."""

from __future__ import annotations

import pytest

from example_app import people
from example_app.people import Filters, find_people
from example_app.users import Users

from .browsing import Browser


@pytest.fixture
def gosession(app):
    with app.app_context():
        yield app.extensions["gosession"]["default"]


@pytest.fixture
def users(app, tmp_path):
    return Users(tmp_path / "users.db")


@pytest.fixture
def crowd(users):
    """Let there be thirty people more."""
    with users._database.writing() as db:
        rows = [(f"visitor{number:02}", "", "user") for number in range(30)]
        db.executemany("INSERT INTO users (username, password, role) VALUES (?, ?, ?)", rows)


def sign_in(app, name, client, ip="127.0.0.1"):
    body = {"username": name, "password": {"alice": "wonderland", "bob": "builder"}[name], "client": client}
    assert app.test_client().post("/auth/login", json=body, environ_base={"REMOTE_ADDR": ip}).status_code == 200


def names(page):
    return [user.username for user, _ in page.rows]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), ["admin", "alice", "bob"]),
        (Filters(name="AL"), ["alice"]),
        (Filters(name="l"), []),
        (Filters(state="live"), ["alice", "bob"]),
        (Filters(state="banned"), ["admin"]),
        (Filters(client="ios"), ["bob"]),
        (Filters(client="ios", name="a"), []),
        (Filters(where="192.0.2.0/24"), ["bob"]),
        (Filters(where="192.0.2.9"), ["bob"]),
        (Filters(where="192.0.2.10"), []),
        (Filters(where="0.0.0.0/0", client="api"), ["alice"]),
        (Filters(where="0.0.0.0/0", name="Bo"), ["bob"]),
    ],
)
def test_filters(app, gosession, users, filters, found):
    """Each filter leaves those it names, and they go together."""
    sign_in(app, "alice", "api")
    sign_in(app, "bob", "ios", "192.0.2.9")
    gosession.manager.ban("3", until=gosession.manager.clock() + 60)
    assert names(find_people(gosession, users, filters)) == found


def test_a_session_is_found_by_its_id(app, gosession, users):
    """The id that a person reads out leads to them; one that has ended leads nowhere."""
    alice = Browser(app, "alice")
    sid = alice.sid
    assert names(find_people(gosession, users, Filters(where=sid))) == ["alice"]
    alice.send("/sign-out")
    assert names(find_people(gosession, users, Filters(where=sid))) == []


def test_pages_follow_each_other(crowd, gosession, users):
    """Nobody is left out between two pages, and nobody is there twice."""
    first = find_people(gosession, users, Filters())
    second = find_people(gosession, users, Filters(), first.after)
    assert (len(first.rows), len(second.rows), second.after) == (people.PAGE, 13, None)
    assert sorted(names(first) + names(second)) == [user.username for user in users.named("", "", 100)]


def test_a_page_looks_at_so_many_people_and_no_more(crowd, gosession, users, monkeypatch):
    """Where hardly anybody matches, a page ends after so many reads of the store, and says where to go on."""
    monkeypatch.setattr(people, "MOST", 10)
    looked = []
    show = gosession.manager.show
    monkeypatch.setattr(gosession.manager, "show", lambda subject: looked.append(subject) or show(subject))
    page = find_people(gosession, users, Filters(state="live"))
    assert (page.rows, len(looked)) == ([], 10)
    assert page.after == "visitor06"


def test_a_search_for_an_address_is_cut(app, gosession, users, monkeypatch):
    """The store has no index of addresses: after so many records the page says that it has not seen all."""
    for name in ("alice", "bob"):
        sign_in(app, name, "web")
    assert not find_people(gosession, users, Filters(where="127.0.0.1")).is_cut
    monkeypatch.setattr(people, "MOST_RECORDS", 1)
    assert find_people(gosession, users, Filters(where="127.0.0.1")).is_cut


def test_more_matches_than_a_page_looks_at_are_cut(app, gosession, users, monkeypatch):
    """All matches that there may be are everybody; one more, and the page says that it has not seen all."""
    for name in ("alice", "bob"):
        sign_in(app, name, "web")
    for most, is_cut in ((2, False), (1, True)):
        monkeypatch.setattr(people, "MOST", most)
        assert find_people(gosession, users, Filters(where="127.0.0.1")).is_cut is is_cut


def test_what_is_no_address_is_told_in_the_form(app):
    """The page says what the field takes, keeps what was typed, and nothing breaks."""
    answer = Browser(app, "admin").get("/admin/people/?where=<here>&name=al")
    assert answer.status_code == 400
    assert "Enter an IP address" in answer.text
    assert 'value="&lt;here&gt;"' in answer.text
    assert 'value="al"' in answer.text


@pytest.mark.parametrize("query", ["name=zoe", "state=banned", "client=toaster", "after=zzz"])
def test_nobody_is_said_so(app, query):
    """An empty list is a sentence."""
    assert "Nobody matches" in Browser(app, "admin").get(f"/admin/people/?{query}").text
