"""The recipes of docs/howto/extensions.md with the real Flask-CORS, Flask-Limiter and Flask-SocketIO."""

from __future__ import annotations

import pytest
import servers
from flask import request
from flask_cors import CORS
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_socketio import ConnectionRefusedError as Refused
from flask_socketio import SocketIO, emit, join_room

from flask_gosession import AuthError, SessionManager, current_session

PAGE = "https://app.example"
EVIL = "https://evil.example"


def test_cors_with_cookies(make_site):
    """A page of a trusted origin reads and changes with cookies and our header; another one neither."""
    site = make_site(TOKEN_LOCATIONS="cookie", CSRF_TRUSTED_ORIGINS=PAGE)
    CORS(site.app, origins=[PAGE], supports_credentials=True, allow_headers=["X-GoSession-CSRF", "Content-Type"])
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-GoSession-CSRF"}
    preflight = site.send("OPTIONS", "/me", None, headers={"Origin": PAGE, **asks})
    assert preflight.headers["Access-Control-Allow-Credentials"] == "true"
    assert preflight.headers["Access-Control-Allow-Headers"] == "X-GoSession-CSRF"
    browser = site.browser()
    browser.login()
    answer = browser.post(headers={"Origin": PAGE, "Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, PAGE)
    answer = browser.post(headers={"Origin": EVIL, "Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_cors_shows_refusals(make_site):
    """A script of another origin reads why it was refused: the headers are on our own answers, too."""
    site = make_site()
    CORS(site.app, origins=[PAGE], expose_headers=["WWW-Authenticate"])
    answer = site.get(None, headers={"Origin": PAGE})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (401, PAGE)
    assert answer.headers["Access-Control-Expose-Headers"] == "WWW-Authenticate"


def who():
    """Count a session by its subject, and a guest by the address."""
    return f"user:{current_session.subject}" if current_session else f"address:{get_remote_address()}"


@pytest.mark.filterwarnings("ignore:Using the in-memory storage")
def test_limits_by_subject(make_site):
    """All sessions of a person have one limit, and others have their own, also from the same address."""
    site = make_site()
    limiter = Limiter(who, app=site.app, storage_uri="memory://")
    view = site.gosession.login_required(lambda: "fine")
    site.app.add_url_rule("/limited", "limited", limiter.limit("2/hour")(view))
    ada, ada_again, bob = (site.login(subject)["access_token"] for subject in ("ada", "ada", "bob"))
    assert [site.get(token, "/limited").status_code for token in (ada, ada_again, ada, bob)] == [200, 200, 429, 200]
    assert [site.get(None, "/limited").status_code for _ in range(3)] == [401, 401, 429]


def test_the_login_is_limited_by_address(make_site):
    """Guesses of a password are limited where they come from; our own endpoints can be, too."""
    site = make_site()
    limiter = Limiter(get_remote_address, app=site.app, storage_uri="memory://")
    for blueprint in site.app.extensions["gosession"]["default"].blueprints:
        limiter.limit("3/minute")(blueprint)
    assert [site.send("POST", "/auth/refresh", None).status_code for _ in range(4)] == [401, 401, 401, 429]


def with_sockets(site):
    """Let *site* have a socket for those who are signed in."""
    sockets = SocketIO(site.app, async_mode="threading")
    sessions = {}

    @sockets.on("connect")
    def connect(auth):
        try:
            token = (auth or {}).get("token")
            session = site.gosession.authenticate_token(token) if token else site.gosession.current_session
        except AuthError as error:
            raise Refused(error.error) from None
        if session is None:
            raise Refused("token_missing")
        sessions[request.sid] = session
        join_room(session.sid)

    @sockets.on("who")
    def ask():
        emit("who", sessions[request.sid].subject)

    @sockets.on("disconnect")
    def disconnect():
        sessions.pop(request.sid, None)

    def hang_up(end):
        sockets.emit("ended", {"reason": end.reason, "client": end.client}, to=end.sid)
        for socket, _ in list(sockets.server.manager.get_participants("/", end.sid)):
            sockets.server.disconnect(socket)

    if not hasattr(site.store.store, "feed"):
        pytest.skip("sockets hear of the end of their session where the store announces it")
    site.manager.listen(hang_up)
    return sockets


@pytest.mark.parametrize("brings", ["token", "cookie"])
def test_a_socket_knows_who_connects(make_site, brings):
    """By a token in the message of the connect, or by the cookies of the page."""
    site = make_site(TOKEN_LOCATIONS=("header", "cookie"))
    sockets = with_sockets(site)
    browser = site.browser()
    token = browser.login(cookies=brings == "cookie").json.get("access_token")
    options = {"auth": {"token": token}} if token else {"flask_test_client": browser.client}
    client = sockets.test_client(site.app, **options)
    client.emit("who")
    assert client.get_received()[-1]["args"] == ["ada"]
    client.disconnect()


def test_a_socket_ends_with_its_session(make_site):
    """It is told why, and hung up, wherever the session was ended; other sockets stay."""
    site = make_site(TOKEN_LOCATIONS=("header", "cookie"))
    sockets = with_sockets(site)
    elsewhere = SessionManager(site.store, site.codec, clock=site.clock)
    mine, other = site.manager.login("ada"), site.manager.login("ada")
    client, bystander = (sockets.test_client(site.app, auth={"token": pair.access_token}) for pair in (mine, other))
    elsewhere.revoke("ada", mine.sid, "kicked", client="web")
    servers.wait_until(lambda: not client.is_connected(), "the end of the socket", 5)
    assert {"name": "ended", "args": [{"reason": "kicked", "client": "web"}], "namespace": "/"} in client.queue
    assert bystander.is_connected()
    bystander.disconnect()
    site.manager.close()


def test_a_socket_of_nobody_is_refused(make_site):
    """Without a token, with a wrong one, and after a sign-out."""
    site = make_site(TOKEN_LOCATIONS=("header", "cookie"))
    sockets = with_sockets(site)
    token = site.manager.login("ada").access_token
    site.manager.revoke_all("ada")
    for auth in (None, {}, {"token": "x"}, {"token": token}):
        assert not sockets.test_client(site.app, auth=auth).is_connected(), auth
