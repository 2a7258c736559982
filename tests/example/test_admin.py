"""Administration: who may, what it does, and what the person is told."""

from __future__ import annotations

import re
import shutil

import pytest

from example_app import create_app
from example_app.activity import Life, lives_of
from flask_gosession.observe import AuditEntry
from flask_gosession.testing.clock import FakeClock

from .browsing import BROWSER, Browser

ALICE = "/admin/people/1"


@pytest.fixture
def admin(app):
    return Browser(app, "admin")


def listed(answer):
    """Return the people on the page, each with the number of their live sessions."""
    found = re.findall(r"<strong>(\w+)</strong></a>.*?(\w+) live session", answer.text, re.DOTALL)
    return dict(found)


@pytest.mark.parametrize("path", ["/admin/people/", ALICE, "/admin/dashboard"])
def test_only_administrators_see_it(app, path):
    """Others get a page that says no, guests the form."""
    answer = Browser(app, "alice").get(path)
    assert answer.status_code == 403
    assert "You do not have permission to do this." in answer.text
    assert app.test_client().get(path, headers=BROWSER).status_code == 303


@pytest.mark.parametrize("path", [f"{ALICE}/ban", f"{ALICE}/lift-ban", f"{ALICE}/sessions/x/end", "/acting/start/1"])
def test_only_administrators_do_it(app, path):
    """Nobody else bans, ends sessions or acts as somebody."""
    assert Browser(app, "bob").send(path).status_code == 403


def test_everybody_is_listed_with_their_sessions(app, admin):
    """Each person is there with the number of their live sessions."""
    Browser(app, "alice")
    Browser(app, "alice")
    assert listed(admin.get("/admin/people/")) == {"admin": "1", "alice": "2", "bob": "No"}


@pytest.mark.parametrize("number", ["4", "0", "9" * 30])
def test_a_person_who_is_not_there_is_not_found(admin, number):
    """An unknown id is a 404 in the app's own page, however large."""
    answer = admin.get(f"/admin/people/{number}")
    assert answer.status_code == 404
    assert "That did not work" in answer.text


def test_a_kick_carries_a_message(app, admin):
    """The person reads what the administrator wrote, as text."""
    alice = Browser(app, "alice")
    assert "The session was ended." in admin.send(f"{ALICE}/sessions/{alice.sid}/end", message="Back <soon>").text
    page = alice.client.get("/", headers=BROWSER, follow_redirects=True).text
    assert "Back &lt;soon&gt;" in page
    assert "had already ended" in admin.send(f"{ALICE}/sessions/x/end").text


def test_a_ban_ends_and_refuses(app, admin):
    """A ban ends what is live, is told at the form with its reason, and can be lifted."""
    alice = Browser(app, "alice")
    admin.send(f"{ALICE}/ban", reason="spam", length="hour")
    assert alice.get("/").status_code == 303
    credentials = {"username": "alice", "password": "wonderland"}
    refused = alice.client.post("/sign-in", data=credentials, headers=BROWSER)
    assert refused.status_code == 401
    assert "This account is blocked until" in refused.text
    assert "spam" in refused.text
    admin.send(f"{ALICE}/lift-ban")
    assert alice.client.post("/sign-in", data=credentials, headers=BROWSER).status_code == 303


def test_administrators_cannot_lock_themselves_out(admin):
    """One's own account can be neither banned nor acted as."""
    assert admin.send("/admin/people/3/ban").status_code == 400
    assert admin.send("/acting/start/3").status_code == 400


def test_acting_as_somebody_is_shown_and_ends(app, admin):
    """Every page says who is behind the session; stopping brings the administrator back and leaves nothing behind."""
    page = admin.send("/acting/start/1").text
    assert "Hello, alice" in page
    assert "<strong>admin</strong>, you are acting as <strong>alice</strong>" in page
    assert "An administrator acts here" in Browser(app, "alice").get("/devices").text
    assert admin.get("/admin/people/").status_code == 403
    page = admin.send("/acting/stop").text
    assert "You are yourself again." in page
    manager = app.extensions["gosession"]["default"].manager
    assert len(manager.sessions(3)) == 1
    assert all(session.actor is None for session in manager.sessions(1))


def test_acting_makes_nobody_fresh(app, admin):
    """Who comes back from acting has shown the password when they had shown it before, and not just now."""
    manager = app.extensions["gosession"]["default"].manager
    (before,) = manager.sessions(3)
    admin.send("/acting/start/1")
    admin.send("/acting/stop")
    (after,) = manager.sessions(3)
    assert (after.id, after.authenticated) == (before.id, before.authenticated)


def test_who_acts_as_somebody_cannot_change_their_password(admin):
    """What needs the person's own credentials is refused, not asked for in a circle."""
    admin.send("/acting/start/1")
    answer = admin.get("/password")
    assert answer.status_code == 403
    assert "Only the person themselves" in answer.text


def test_there_is_nothing_to_stop_for_others(app):
    """A session with nobody behind it goes on as it is."""
    alice = Browser(app, "alice")
    assert alice.send("/acting/stop").status_code == 403
    assert alice.get("/").status_code == 200


def test_a_store_that_is_down_is_a_page(app, monkeypatch):
    """People read a sentence, programs get JSON; both are 503, and nobody is signed out by it."""
    alice = Browser(app, "alice")
    manager = app.extensions["gosession"]["default"].manager
    from flask_gosession.errors import StoreUnavailable

    def down(*_args, **_more):
        raise StoreUnavailable

    monkeypatch.setattr(manager, "authenticate", down)
    answer = alice.get("/")
    assert answer.status_code == 503
    assert "That did not work" in answer.text
    assert alice.client.get("/api/me").json["error"] == "store_unavailable"
    monkeypatch.undo()
    assert alice.get("/").status_code == 200


def test_the_dashboard_shows_what_the_trail_tells(app, admin):
    """Sign-ins and live sessions are counted by client class, as numbers beside the picture."""
    app.test_client().post("/auth/login", json={"username": "bob", "password": "builder", "client": "ios"})
    Browser(app, "bob").send("/sign-out")
    page = admin.get("/admin/dashboard?span=month").text
    rows = [line for line in page.replace("\n", "").split("<tr>") if line.startswith('<th scope="row">')]
    cells = [row.partition("</th>")[2].partition("</tr>")[0].replace(" ", "") for row in rows]
    assert cells[29] == '<tdclass="number">2</td><tdclass="number">1</td>'
    assert cells[59] == '<tdclass="number">1</td><tdclass="number">1</td>'
    assert page.count('<rect class="series-0" x') == 2


def test_what_happened_to_a_person_is_shown(app, admin):
    """The page of a person has their sign-ins, what ended their sessions, why, and who did it: the newest first."""
    alice = Browser(app, "alice")
    admin.send(f"{ALICE}/sessions/{alice.sid}/end")
    trail = admin.get(ALICE).text.partition('<h2 id="trail">')[2].partition("</ul>")[0]
    rows = [re.findall(r">([^<>\n]+)</(?:strong|span|p)>", row) for row in trail.split("<li")[1:]]
    assert rows == [
        ["Session ended", "Ended by an administrator", "Browser, 127.0.0.1, by admin"],
        ["Signed in", "Browser, 127.0.0.1"],
    ]


def test_the_trail_grows_on_demand(app, admin):
    """A page of it is short; a link shows more, up to a bound, and anything else in its place is the short page."""
    for _ in range(21):
        Browser(app, "alice")
    assert "entries=100#trail" in admin.get(ALICE).text
    page = admin.get(f"{ALICE}?entries=100").text
    assert (page.count("Signed in</strong>"), "Show more" in page) == (21, False)
    assert admin.get(f"{ALICE}?entries=many").text.count("Signed in</strong>") == 20


def test_the_dashboard_says_how_many_there_are_now(app, admin):
    """Who is signed in, and how many sessions live, is counted in the store."""
    Browser(app, "alice")
    Browser(app, "alice")
    assert "2 people signed in, 3 live sessions." in " ".join(admin.get("/admin/dashboard").text.split())


def test_a_session_that_ran_out_is_over(tmp_path, seeded, monkeypatch):
    """A session that nobody used any more counts as ended from its end on, once the dashboard was opened."""
    monkeypatch.delenv("FLASK_SECRET_KEY", raising=False)
    shutil.copy(seeded, tmp_path)
    clock = FakeClock(1_800_000_000.0)
    app = create_app({"DATA_FOLDER": str(tmp_path), "TESTING": True, "GOSESSION_IDLE_TIMEOUT": "1h"}, clock=clock)
    began = clock()
    Browser(app, "alice")
    clock.advance(7200)
    assert "1 person signed in, 1 live session." in Browser(app, "admin").get("/admin/dashboard").text
    with app.app_context():
        gosession = app.extensions["gosession"]["default"]
        entries = gosession.audit.trail("1")
    assert [(entry.action, entry.reason, entry.at) for entry in entries] == [
        ("expired", "idle", began + 3600),
        ("logged_in", "", began),
    ]
    gosession.manager.close()


@pytest.mark.parametrize(
    ("entries", "lives"),
    [
        ([("logged_in", "a", 1.0, "")], [Life("web", 1.0, None)]),
        ([("logged_in", "a", 1.0, "9"), ("revoked", "a", 3.0, "")], [Life("Impersonation", 1.0, 3.0)]),
        ([("evicted", "gone", 1.0, "")], []),
        ([("logged_in", "a", 1.0, ""), ("confirmed", "a", 2.0, "")], [Life("web", 1.0, None)]),
    ],
)
def test_lives_are_read_from_the_trail(entries, lives):
    """A session begins with its login and ends with whatever ended it."""
    trail = [
        AuditEntry(at=at, action=action, subject="1", realm="default", sid=sid, client="web", actor=actor)
        for action, sid, at, actor in entries
    ]
    assert lives_of(trail) == lives
