"""RequestsAuth with files, with a .netrc, and with a session of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from flask_gosession.client import RequestsAuth

from .little_server import START, Clock, LittleServer


@pytest.fixture
def auth(server: LittleServer, clock: Clock) -> RequestsAuth:
    return RequestsAuth(server.pair(), base_url=server.url, clock=clock)


@pytest.fixture
def client(auth: RequestsAuth) -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.auth = auth
        yield made


def test_a_file_is_sent_again_from_where_it_was(client: requests.Session, server: LittleServer, tmp_path: Path) -> None:
    """A file body is rewound for the second try, to where it stood at first."""
    server.exp = START - 1
    path = tmp_path / "body"
    path.write_bytes(b"skipped, sent")
    with path.open("rb") as file:
        file.seek(9)
        assert client.post(f"{server.url}/page", data=file).status_code == 200
    assert [body for _, _, body in server.seen] == [b"sent", b"", b"sent"]


def test_netrc_does_not_replace_the_refresh_token(
    client: requests.Session, server: LittleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A .netrc entry for the host, which requests prefers to a header, does not get into a refresh."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.exp = START - 1
    assert client.get(f"{server.url}/page").status_code == 200


def test_a_session_of_its_own_makes_the_refreshes(server: LittleServer, clock: Clock) -> None:
    """Refreshes go through the given session, even one that this auth signs."""
    server.exp = START - 1
    with requests.Session() as client:
        client.headers["X-Proxy-Hint"] = "yes"
        client.auth = RequestsAuth(server.pair(), base_url=server.url, session=client, clock=clock)
        assert client.get(f"{server.url}/page").status_code == 200
    assert server.refreshes == 1
