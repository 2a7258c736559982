"""GET /events: a page is told that its session has ended, and nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from flask import Response
from sites import Site, error_of, open_endpoints
from werkzeug.test import TestResponse

from flask_gosession.endpoints import session_events
from flask_gosession.testing.clock import FakeClock

STREAM = {"Accept": "text/event-stream"}
THREADED = {"wsgi.multithread": True}


@pytest.fixture
def site(make_any: Callable[..., Site]) -> Iterator[Site]:
    site = make_any(EVENT_STREAMS=2)
    yield site
    site.manager.close()


def ask(site: Site, token: str, **headers: str) -> TestResponse:
    return site.get(token, "/auth/events", headers=headers)


def stream(site: Site, token: str, **environ: Any) -> TestResponse:
    return site.get(token, "/auth/events", headers=STREAM, environ_overrides={**THREADED, **environ}, buffered=False)


def test_asking(site: Site) -> None:
    """While the session lives the answer never changes; when it has ended, it is the refusal that any view gives."""
    pair = site.pair()
    first = ask(site, pair.access_token)
    assert (first.status_code, first.json) == (200, {"live": True})
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = ask(site, pair.access_token, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    site.manager.revoke("ada", pair.sid, "kicked", message="bye", client="ios")
    answer = ask(site, pair.access_token, **{"If-None-Match": first.headers["ETag"]})
    assert error_of(answer) == (401, "session_ended")
    assert (answer.json["reason"], answer.json["client"], answer.json["message"]) == ("kicked", "ios", "bye")


def test_without_a_token(site: Site) -> None:
    """There is no session to ask about."""
    assert error_of(site.get(None, "/auth/events")) == (401, "token_missing")
    assert ask(site, "x.y.z").status_code == 401


def test_asking_is_no_use(site: Site) -> None:
    """Nothing is written down, however long a page stands open: it idles out as it would without."""
    pair = site.pair()
    swaps = site.store.count("swap")
    for _ in range(5):
        site.clock.advance(120)
        assert ask(site, pair.access_token).status_code == 200
    assert site.store.count("swap") == swaps


def test_asking_tells_no_rotation(site: Site) -> None:
    """The tag is the same before and after the session's owner has refreshed, and for the old and the new token."""
    pair = site.pair()
    tag = ask(site, pair.access_token).headers["ETag"]
    site.clock.advance(200)
    new = site.refresh(pair.to_dict()).json
    answers = [ask(site, token) for token in (pair.access_token, new["access_token"])]
    assert [answer.headers["ETag"] for answer in answers] == [tag, tag]
    dull = ("Date", "Content-Length")
    told = [[(name, value) for name, value in answer.headers if name not in dull] for answer in answers]
    assert told[0] == told[1]
    assert answers[0].data == answers[1].data


def test_the_first_use_is_still_seen(clock: FakeClock) -> None:
    """A page that asks with a token that nobody has used yet leaves its first use to be noted, at level cached too."""
    site = open_endpoints(clock, LEVEL="cached")
    site.app.add_url_rule("/use", view_func=site.gosession.login_required(lambda: ""))
    pair = site.pair()
    site.clock.advance(200)
    new = site.refresh(pair.to_dict()).json["access_token"]
    for _ in range(3):
        ask(site, new)
    assert site.manager.sessions("ada")[0].used_at is None
    assert site.get(new, "/use").status_code == 200
    assert site.manager.sessions("ada")[0].used_at is not None


def test_asking_is_cheap(site: Site) -> None:
    """Where the store announces changes, it is asked once."""
    pair = site.pair()
    ask(site, pair.access_token)
    before = site.store.count("load")
    for _ in range(5):
        ask(site, pair.access_token)
    assert site.store.count("load") == before


def test_an_expired_cookie_is_not_renewed(clock: FakeClock) -> None:
    """It still counts, as it does elsewhere, and is left as it is."""
    site = open_endpoints(clock, TOKEN_LOCATIONS=["cookie"])
    browser = site.browser()
    browser.sign_in()
    site.clock.advance(2000)
    answer = browser.get("/auth/events")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" in answer.headers["Vary"]


def test_a_stream_ends_with_the_session(site: Site) -> None:
    """It says why in an event, as the refusals say it; until then it says nothing."""
    pair = site.pair()
    answer = stream(site, pair.access_token)
    assert answer.mimetype == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    chunks = iter(answer.response)
    assert next(chunks) == b":\n\n"
    threading.Timer(0.05, site.manager.revoke, ("ada", pair.sid, "kicked")).start()
    event = next(chunks).decode()
    assert event.startswith("event: ended\ndata: ")
    assert json.loads(event.partition("data: ")[2])["reason"] == "kicked"
    assert list(chunks) == []
    assert site.manager.endings.watching == 0


def test_a_stream_outlives_rotation(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes about a session that lives is no word of the stream."""
    monkeypatch.setattr(session_events, "HEARTBEAT", 0.01)
    pair = site.pair()
    chunks = iter(stream(site, pair.access_token).response)
    site.clock.advance(200)
    site.refresh(pair.to_dict())
    site.manager.users.forget("ada")
    assert {next(chunks) for _ in range(20)} == {b":\n\n"}


def test_a_stream_has_an_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a worker can stop; the page asks anew."""
    monkeypatch.setattr(session_events, "LONGEST", 0.05)
    monkeypatch.setattr(session_events, "HEARTBEAT", 0.01)
    chunks = list(stream(site, site.pair().access_token).response)
    assert set(chunks) == {b":\n\n"}
    assert site.manager.endings.watching == 0


def test_an_impersonated_session_ends_with_its_actors(site: Site) -> None:
    """Who may go on as somebody else is asked of the app, each time that the page asks."""
    root = site.pair("root")
    actor = site.manager.authenticate(root.access_token)
    token = site.manager.impersonate(actor, "ada").access_token
    assert stream(site, token).json == {"live": True}
    site.manager.revoke("root", root.sid)
    assert error_of(stream(site, token)) == (401, "session_ended")


def test_an_outage_is_no_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that does not answer keeps the stream open."""
    monkeypatch.setattr(session_events, "HEARTBEAT", 0.01)
    chunks = iter(stream(site, site.pair().access_token).response)
    next(chunks)
    site.store.fail("load", 1000)
    site.manager.endings._note_gap()
    assert {next(chunks) for _ in range(5)} == {b":\n\n"}
    site.store.mend()


def test_who_gets_no_stream(make_any: Callable[..., Site]) -> None:
    """A sync worker, a client that does not ask for one, one too many, and, by default, a worker of threads."""
    site = make_any(EVENT_STREAMS=1)
    token = site.pair().access_token
    assert stream(site, token, **{"wsgi.multithread": False}).mimetype == "application/json"
    assert site.get(token, "/auth/events", environ_overrides=THREADED).mimetype == "application/json"
    first = stream(site, token)
    chunks = iter(first.response)
    next(chunks)
    assert stream(site, token).mimetype == "application/json"
    first.close()
    site.manager.close()
    assert stream(make_any(), token).mimetype == "application/json"


def admitted(site: Site, token: str, method: str = "GET") -> Response:
    """Return an answer of which nothing has been read."""
    headers = {**STREAM, "Authorization": f"Bearer {token}"}
    with site.app.test_request_context("/auth/events", method=method, headers=headers, environ_overrides=THREADED):
        return site.app.full_dispatch_request()


def test_no_more_streams_than_allowed_begin_at_once(site: Site) -> None:
    """Admission counts, not the first word of a stream; a stream that ends before it gives its place back, once."""
    token = site.pair().access_token
    answers = [admitted(site, token) for _ in range(4)]
    assert [answer.mimetype for answer in answers] == ["text/event-stream"] * 2 + ["application/json"] * 2
    answers[0].close()
    answers[0].close()
    assert site.manager.endings.watching == 1
    assert admitted(site, token).mimetype == "text/event-stream"


def test_a_stream_that_never_begins_keeps_no_place(site: Site) -> None:
    """A server asks for nothing of the body after a HEAD, and does not close it; the dropped answer is enough."""
    answer = admitted(site, site.pair().access_token, "HEAD")
    assert (answer.mimetype, site.manager.endings.watching) == ("text/event-stream", 1)
    del answer
    assert site.manager.endings.watching == 0


def test_an_error_after_the_request_keeps_no_place(site: Site) -> None:
    """The app's own `after_request` fails, and its error page replaces the stream."""
    site.app.after_request(lambda _answer: 1 / 0)
    with suppress(ZeroDivisionError):
        admitted(site, site.pair().access_token)
    assert site.manager.endings.watching == 0


def test_the_module_is_served(site: Site) -> None:
    """As the other one is."""
    answer = site.get(None, "/auth/gosession-events.js")
    assert answer.mimetype == "text/javascript"
    assert "export function watchSession" in answer.text
