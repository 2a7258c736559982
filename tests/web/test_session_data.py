"""Session data is a dict of which only the changed keys are saved, once, after the view."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from datetime import date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from uuid import UUID

import pytest
from flask import request
from markupsafe import Markup

from flask_gosession import events
from flask_gosession.session.data import REMOVED
from flask_gosession.web.session_data import SessionData

CAP = 512


def with_data(site):
    gosession = site.gosession
    site.gate = lambda: None

    @site.app.post("/data/<what>")
    @gosession.login_required
    def data(what):
        ours = gosession.current_session.data
        site.gate()
        actions = {
            "set": lambda: ours.update(request.get_json()),
            "delete": lambda: [ours.pop(key) for key in request.get_json()],
            "append": lambda: ours["cart"].append(request.get_json()),
            "deep": lambda: ours["tree"]["a"].update(request.get_json()),
            "default": lambda: ours.setdefault("cart", []).append(1),
            "read": lambda: [dict(ours), list(ours.values()), "x" in ours, ours.get("x")],
            "spoil": lambda: ours["cart"].append(object()),
            "swell": lambda: ours["cart"].append("x" * 1000),
            "revoked": lambda: (gosession.manager.revoke_all("ada"), ours.update(x=1)),
            "raise": lambda: (ours.update(x=1), 1 / 0),
        }
        actions[what]()
        return dict(ours) if what != "spoil" else ""

    return site


@pytest.fixture
def site(make_any_site):
    return with_data(make_any_site(DATA_CAP=CAP, TOUCH_INTERVAL=60))


@pytest.fixture
def token(site):
    return site.login(client="ios", data={"cart": [1], "tree": {"a": {"b": 1}}})["access_token"]


def send(site, token, what, body=None):
    return site.send("POST", f"/data/{what}", token, json=body)


def kept(site):
    return site.manager.sessions("ada")[0].data


def test_it_behaves_like_a_dict():
    """Reading, writing, deleting, iterating and the methods of a dict do what they do there."""
    data = SessionData({"a": 1}, 100)
    data["b"] = [2]
    assert (dict(data), len(data), "a" in data, data.get("c", 7)) == ({"a": 1, "b": [2]}, 2, True, 7)
    assert data.pop("a") == 1
    assert data.setdefault("d", 4) == 4
    assert data == {"b": [2], "d": 4}
    with pytest.raises(KeyError):
        data["a"]
    with pytest.raises(KeyError):
        del data["a"]
    assert data.changes == {"a": REMOVED, "b": [2], "d": 4}
    assert "2" not in repr(data)


def test_what_was_set_is_there_in_the_next_request(site, token):
    """Data of the login and of each view lasts as long as the session."""
    assert send(site, token, "set", {"x": 1}).json["x"] == 1
    send(site, token, "delete", ["cart"])
    assert kept(site) == {"tree": {"a": {"b": 1}}, "x": 1}
    assert send(site, token, "read").json == kept(site)


def test_only_once_after_the_view(site, token):
    """However many keys change, there is one write, and only after the view."""
    writes = site.store.count("swap")
    site.gate = lambda: None if site.store.count("swap") == writes else pytest.fail("written too early")
    send(site, token, "set", {f"key {number}": number for number in range(10)})
    assert site.store.count("swap") == writes + 1


@pytest.mark.parametrize("what", ["read", "set"])
def test_nothing_is_written_when_nothing_changed(site, token, what):
    """Reading, or setting what is there already, writes nothing."""
    writes = site.store.count("swap")
    assert send(site, token, what, {"cart": [1]}).status_code == 200
    assert site.store.count("swap") == writes


@pytest.mark.parametrize(
    ("what", "body", "expected"),
    [
        ("append", 2, {"cart": [1, 2], "tree": {"a": {"b": 1}}}),
        ("deep", {"c": 2}, {"cart": [1], "tree": {"a": {"b": 1, "c": 2}}}),
        ("default", None, {"cart": [1, 1], "tree": {"a": {"b": 1}}}),
    ],
)
def test_changes_in_place_are_seen(site, token, what, body, expected):
    """A list or dict changed in place is saved like one that was assigned."""
    send(site, token, what, body)
    assert kept(site) == expected


def test_two_requests_never_lose_each_other_s_keys(site, token):
    """Requests that read the same data at the same time and change different keys both find their change kept."""
    count = 6
    barrier = threading.Barrier(count)
    site.gate = barrier.wait
    answers = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(send(site, token, "set", {f"key {n}": n}).status_code))
        for n in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * count
    assert {key for key in kept(site) if key.startswith("key")} == {f"key {n}" for n in range(count)}


def test_one_deletes_while_another_writes(site, token):
    """A deleted key stays deleted when a request that began before saves another."""
    slow = threading.Event()
    site.gate = lambda: slow.wait(10) if request.get_json() == {"y": 1} else None
    thread = threading.Thread(target=send, args=(site, token, "set", {"y": 1}))
    thread.start()
    assert send(site, token, "delete", ["cart"]).status_code == 200
    slow.set()
    thread.join()
    assert set(kept(site)) == {"tree", "y"}


def test_the_cap_holds_at_the_assignment(site, token):
    """Too much is a ValueError where it is assigned, with the sizes; nothing of the request is saved."""
    before = kept(site)
    with pytest.raises(ValueError, match=rf"session data would have \d+ bytes, and at most {CAP} fit"):
        send(site, token, "set", {"x": "y" * CAP})
    assert kept(site) == before


UNKEPT = [
    *(object(), lambda: 0, {1: 2, (3,): object()}, "\ud800", 2**70, date(2030, 1, 1), UUID(int=1), Decimal("1.5")),
    *((1, 2), {1}, [{"deep": (1,)}], bytearray(b"x"), timedelta(1), Markup("<b>"), HTTPStatus.OK, OrderedDict(a=1)),
    datetime(2030, 1, 1),  # noqa: DTZ001 - that is the point
]


@pytest.mark.parametrize("value", UNKEPT, ids=range(len(UNKEPT)))
def test_what_cannot_be_kept_is_refused_at_the_assignment(value):
    """A value that would not come back, or as another type, is a TypeError where it is assigned (STO-01)."""
    data = SessionData(None, CAP)
    with pytest.raises(TypeError, match="session data"):
        data["x"] = value
    assert data.changes == {}


@pytest.mark.parametrize("key", [1, None, b"x", ("a",)])
def test_keys_are_texts(key):
    """A key that is no text is a TypeError."""
    with pytest.raises(TypeError, match="are text"):
        SessionData(None, CAP)[key] = 1


@pytest.mark.parametrize(("what", "error"), [("spoil", TypeError), ("swell", ValueError)])
def test_a_change_in_place_that_does_not_fit_is_told(site, token, what, error):
    """What an assignment would refuse is refused after the view, and nothing is saved."""
    before = kept(site)
    with pytest.raises(error, match="session data"):
        send(site, token, what)
    assert kept(site) == before


def test_two_that_fit_alone_and_not_together(site, token):
    """When others filled the data meanwhile the answer is 503 store_conflict: trying again shows the real room."""
    half = "x" * (CAP // 2)
    other = threading.Thread(target=send, args=(site, token, "set", {"a": half}))

    def let_the_other_pass():
        site.gate = lambda: None
        other.start()
        other.join()

    site.gate = let_the_other_pass
    answer = send(site, token, "set", {"b": half})
    assert (answer.status_code, answer.json["error"]) == (503, "store_conflict")
    assert "a" in kept(site)


@pytest.mark.parametrize(
    "data", [{"x": "y" * 600}, {"x": object()}, {1: 2}, {"x": {"\ud800": 1}}], ids=["large", "object", "key", "text"]
)
def test_a_login_brings_only_what_fits(site, data):
    """Data that does not fit is refused before anything is written: it would spoil the whole record."""
    with pytest.raises((TypeError, ValueError), match="session data"):
        site.manager.login("ada", data=data)
    assert site.store.count("swap") == 0


def test_a_failing_save_is_503(site, token):
    """A view that was fine, and data that could not be kept, is an answer of its own, not 500."""
    site.store.fail("swap", 5)
    answer = send(site, token, "set", {"x": 1})
    assert (answer.status_code, answer.json["error"]) == (503, "store_unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert "x" not in kept(site)


def test_a_failing_save_is_answered_as_the_app_wants_it(make_any_site):
    """The app's own handler and format count here, too."""
    site = with_data(make_any_site(ERROR_FORMAT="problem"))
    token = site.login(data={"x": 0})["access_token"]
    site.store.fail("swap", 5)
    answer = send(site, token, "set", {"x": 1})
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")


def test_a_session_revoked_meanwhile_keeps_nothing(site, token, caplog):
    """The change is dropped, with a log line and an event; the session does not come back (REV-12)."""
    with caplog.at_level(logging.INFO, "flask_gosession"):
        assert send(site, token, "revoked").status_code == 200
    assert site.manager.sessions("ada") == []
    assert len(site.told(events.DataDropped)) == 1
    assert "dropped" in caplog.text


def test_a_view_that_fails_saves_nothing(site, token):
    """After a 500 nothing is kept."""
    site.app.testing = False
    site.app.config["PROPAGATE_EXCEPTIONS"] = False
    assert send(site, token, "raise").status_code == 500
    assert "x" not in kept(site)


def test_a_new_login_has_data_of_its_own(site):
    """What another session of the same person keeps is not seen."""
    other = site.login(client="tv")["access_token"]
    assert send(site, other, "read").json == {}


def test_who_becomes_somebody_else_keeps_what_they_set(make_any_site):
    """Data set before a refresh, an impersonation or a login in the same view is saved where it was set."""
    site = make_any_site()
    gosession = site.gosession

    @site.app.post("/become/<how>")
    @gosession.login_required
    def become(how):
        gosession.current_session.data["before"] = how
        kind = {"impersonate": lambda: gosession.impersonate("bob"), "login": lambda: gosession.login_user("bob")}
        kind[how]()
        gosession.current_session.data["after"] = how
        return ""

    def own_data(subject):
        return [session.data for session in site.manager.sessions(subject)]

    token = site.login()["access_token"]
    assert site.send("POST", "/become/impersonate", token).status_code == 200
    assert (own_data("ada"), own_data("bob")) == ([{"before": "impersonate"}], [{"after": "impersonate"}])
    assert site.send("POST", "/become/login", token).status_code == 200
    assert (own_data("ada"), own_data("bob")) == ([], [{"after": "login"}])


def test_each_location_that_was_asked_keeps_its_own(make_any_site):
    """A view that finds its session at two locations saves what it has put into the data of each."""
    site = make_any_site(TOKEN_LOCATIONS=("header", "query"))
    gosession = site.gosession

    @site.app.post("/both")
    @gosession.login_required(locations=["header"])
    def both():
        gosession.current_session.data["header"] = 1
        return inner()

    @gosession.login_required(locations=["query"])
    def inner():
        gosession.current_session.data["query"] = 2
        return ""

    token = site.login()["access_token"]
    assert site.send("POST", f"/both?access_token={token}", token).status_code == 200
    assert site.manager.sessions("ada")[0].data == {"header": 1, "query": 2}
