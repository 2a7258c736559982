"""HTTPXAuth and RequestsAuth keep a client signed in, and do so alike."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import requests
from gevents import needs_gevent, run_script
from werkzeug.wrappers import Response

from flask_gosession.client import HTTPXAuth, MemoryTokenStore, RefreshUnavailable, RequestsAuth, SessionOver, Tokens

from .little_server import START, Clock, LittleServer, denied, unavailable


@pytest.fixture(params=[HTTPXAuth, RequestsAuth])
def auth(request: pytest.FixtureRequest, server: LittleServer, clock: Clock) -> Any:
    return request.param(server.pair(), base_url=server.url, clock=clock)


@pytest.fixture
def client(auth: Any) -> Iterator[Any]:
    """Yield a client that follows redirects, of the library that *auth* is for."""
    with httpx.Client(follow_redirects=True) if isinstance(auth, HTTPXAuth) else requests.Session() as made:
        made.auth = auth
        yield made


def test_a_request_carries_the_token(client: Any, server: LittleServer) -> None:
    """A request to the base URL's origin carries the access token, and nothing is refreshed before its time."""
    assert client.get(f"{server.url}/page").status_code == 200
    assert server.seen == [("/page", f"Bearer {server.access}", b"")]


def test_refresh_before_expiry(client: Any, server: LittleServer, clock: Clock) -> None:
    """A request shortly before the token's end refreshes first, so that no 401 is ever seen."""
    clock.now += 815
    assert client.get(f"{server.url}/page").status_code == 200
    assert server.paths() == ["/auth/refresh", "/page"]
    assert client.get(f"{server.url}/page").status_code == 200
    assert server.refreshes == 1


def test_token_expired_is_retried_once(client: Any, server: LittleServer) -> None:
    """A token that the server finds expired is refreshed and the request sent again with its body."""
    server.exp = START - 1
    assert client.post(f"{server.url}/page", json={"a": 1}).status_code == 200
    assert server.paths() == ["/page", "/auth/refresh", "/page"]
    assert server.seen[0][2] == server.seen[2][2] != b""


def test_a_server_that_never_agrees_is_not_asked_for_ever(client: Any, server: LittleServer) -> None:
    """When the second try is refused as well, its 401 is passed on."""
    server.stale_answers = [denied("token_expired"), denied("token_expired")]
    response = client.get(f"{server.url}/page")
    assert response.json()["error"] == "token_expired"
    assert server.paths() == ["/page", "/auth/refresh", "/page"]


def test_token_rotated_reads_the_newer_token(client: Any, server: LittleServer, auth: Any) -> None:
    """When the store holds a newer token by now, the request is tried with that, without a refresh."""
    old = auth.keeper.tokens

    class Racing(MemoryTokenStore):
        reads = 0

        def load(self) -> Tokens | None:
            self.reads += 1
            return old if self.reads <= 2 else super().load()

    client.auth = type(auth)(Racing(Tokens.from_answer(server.login(), START)), base_url=server.url, clock=server.clock)
    assert client.get(f"{server.url}/page").status_code == 200
    assert server.paths() == ["/page", "/page"]


def test_thirty_two_threads_make_one_refresh(client: Any, server: LittleServer) -> None:
    """32 threads that find the token expired at once make exactly one refresh, and every request succeeds."""
    server.exp = START - 1
    barrier = threading.Barrier(32)

    def call(_: int) -> int:
        barrier.wait()
        return client.get(f"{server.url}/page").status_code

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(call, range(32))) == {200}
    assert server.refreshes == 1


def test_no_other_origin_gets_the_token(client: Any, server: LittleServer, other: LittleServer) -> None:
    """Another port is another origin: neither a request nor a redirect brings it a token."""
    client.get(f"{other.url}/page")
    server.redirect_to = f"{other.url}/landed"
    assert client.get(f"{server.url}/away").status_code == 401
    assert other.seen == [("/page", None, b""), ("/landed", None, b"")]
    assert server.refreshes == other.refreshes == 0


def test_own_authorization_is_left_alone(client: Any, server: LittleServer) -> None:
    """A request that brings its own Authorization keeps it."""
    client.get(f"{server.url}/page", headers={"Authorization": "Basic abc"})
    assert server.seen == [("/page", "Basic abc", b"")]


def test_store_down_keeps_the_tokens(client: Any, server: LittleServer, auth: Any) -> None:
    """503 on the refresh of an expired token raises RefreshUnavailable, keeps the tokens, and the next try works."""
    held = auth.keeper.tokens
    server.exp, server.refresh_answer = START - 1, unavailable()
    with pytest.raises(RefreshUnavailable):
        client.get(f"{server.url}/page")
    assert auth.keeper.tokens == held
    server.refresh_answer = None
    assert client.get(f"{server.url}/page").status_code == 200


def test_store_down_before_expiry_goes_unnoticed(client: Any, server: LittleServer, clock: Clock) -> None:
    """While the token is still good, a refresh answered 503 stops nothing, and is not repeated at once."""
    clock.now += 815
    server.refresh_answer = unavailable()
    assert [client.get(f"{server.url}/page").status_code for _ in range(3)] == [200] * 3
    assert server.refreshes == 1
    clock.now += 2
    client.get(f"{server.url}/page")
    assert server.refreshes == 2


@pytest.mark.parametrize("answer", [Response("<h1>proxy</h1>", status=401), Response("portal"), Response("null")])
def test_answers_of_strangers_sign_nobody_out(client: Any, server: LittleServer, auth: Any, answer: Response) -> None:
    """A proxy's 401 or a portal's page in place of the refresh answer keeps the tokens."""
    server.exp, server.refresh_answer = START - 1, answer
    with pytest.raises(RefreshUnavailable):
        client.get(f"{server.url}/page")
    assert auth.keeper.tokens is not None


def test_refused_refresh_says_why(client: Any, server: LittleServer, auth: Any) -> None:
    """A refused refresh raises SessionOver with the server's reason; after it no token is sent."""
    server.exp, server.ended = START - 1, {"reason": "evicted", "at": 5, "client": "ios"}
    server.stale_answers = [denied("token_expired")]
    with pytest.raises(SessionOver) as caught:
        client.get(f"{server.url}/page")
    assert (caught.value.error, caught.value.reason, caught.value.at, caught.value.client) == (
        "session_ended",
        "evicted",
        5,
        "ios",
    )
    assert auth.keeper.tokens is None
    assert client.get(f"{server.url}/page").json()["error"] == "token_missing"


def test_final_401_is_passed_on(client: Any, server: LittleServer, auth: Any) -> None:
    """A 401 that no refresh can mend reaches the caller as it is, without a refresh, and the tokens are forgotten."""
    server.ended = {"reason": "kicked"}
    response = client.get(f"{server.url}/page")
    assert (response.status_code, response.json()["reason"]) == (401, "kicked")
    assert (server.refreshes, auth.keeper.tokens) == (0, None)


def test_other_401s_change_nothing(client: Any, server: LittleServer, auth: Any) -> None:
    """A 401 for another cause, such as a step-up, is passed on and the session goes on."""
    server.stale_answers = [denied("fresh_login_required")]
    assert client.get(f"{server.url}/page").status_code == 401
    assert client.get(f"{server.url}/page").status_code == 200
    assert server.refreshes == 0


def test_near_the_session_end_nothing_is_refreshed_in_vain(
    client: Any, server: LittleServer, auth: Any, clock: Clock
) -> None:
    """An access token that ends with its session is used to the end: a refresh could not move it."""
    clock.now += 86400 - 600
    auth.keeper.sign_in(server.login())
    clock.now += 590
    assert client.get(f"{server.url}/page").status_code == 200
    assert server.refreshes == 0


def test_a_body_that_cannot_be_sent_again_is_sent_once(client: Any, server: LittleServer) -> None:
    """A generator body is not replayed: the 401 is passed on and the token is fresh for the next request."""
    server.exp = START - 1
    streamed = "content" if isinstance(client, httpx.Client) else "data"
    assert client.post(f"{server.url}/page", **{streamed: iter([b"a", b"b"])}).status_code == 401
    assert server.paths().count("/page") == 1
    assert client.get(f"{server.url}/page").status_code == 200
    assert server.paths().count("/page") == 2


def test_sign_out_during_a_refresh_stands(client: Any, server: LittleServer, auth: Any, clock: Clock) -> None:
    """A refresh answer that comes after the tokens were dropped does not bring them back."""
    store = MemoryTokenStore(auth.keeper.tokens)
    client.auth = type(auth)(store, base_url=server.url, clock=clock)
    server.exp = START - 1
    server.before_refresh = lambda: store.save(None)
    with pytest.raises(SessionOver) as caught:
        client.get(f"{server.url}/page")
    assert caught.value.reason == "logged_out"
    assert store.load() is None


def test_nothing_shows_a_token(auth: Any, server: LittleServer) -> None:
    """LOG-01: no token in the repr of what a client holds."""
    shown = repr([auth, auth.keeper, auth.keeper.tokens, SessionOver(server.pair())])
    assert server.access not in shown
    assert "refresh-" not in shown


def test_network_error_keeps_the_tokens(client: Any, auth: Any, clock: Clock) -> None:
    """When the server cannot be reached for a refresh that is due, the library's own error is raised."""
    held = auth.keeper.tokens or Tokens("")
    clock.now += 1000
    client.auth = type(auth)(held, base_url="http://127.0.0.1:9", clock=clock)
    with pytest.raises((httpx.ConnectError, requests.ConnectionError)):
        client.get("http://127.0.0.1:9/page")
    assert client.auth.keeper.tokens == held


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_forked_process_refreshes_by_itself(auth: Any) -> None:
    """A process that is forked while a thread refreshes does not wait for that thread, which stayed behind."""
    stale = auth.keeper.tokens
    assert auth.keeper.board(stale)[1]
    child = os.fork()
    if child == 0:
        os._exit(not auth.keeper.board(stale)[1])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


SLOW_TOKENS = """
import time
from flask_gosession.client import MemoryTokenStore, Tokens
from flask_gosession.client.refresher import TokenRefresher

class Slow(MemoryTokenStore):
    "Lets other greenlets run, as tokens in a database do."
    def load(self):
        time.sleep(0.01)
        return super().load()

stale = Tokens("access", "refresh")
keeper = TokenRefresher(Slow(stale), "https://api.example", "/auth/refresh", time.time)
from gevent import monkey
monkey.patch_all()
import gevent

boarded = [gevent.spawn(keeper.board, stale) for _ in range(3)]
gevent.joinall(boarded)
print([leads for _, leads in (one.value for one in boarded)])
"""


@needs_gevent
def test_greenlets_share_tokens_from_a_slow_place() -> None:
    """Of three greenlets one refreshes, also if the client was made before gevent's patch."""
    assert run_script(SLOW_TOKENS).strip() == "[True, False, False]"
