"""A Redis that stops, is killed, freezes or hangs up: 503 in time, never 401, never 500, and back at once."""

from __future__ import annotations

import pytest
import redis
import servers

from .load import LOOSELY, assert_honest, report, under_load
from .machines import VALKEY_SERVER, Machine, machine

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(servers.REDIS_SERVER is None, reason=servers.WITHOUT_REDIS),
]

RUNS = 5


def stop(server: Machine) -> None:
    server.stop()


def kill(server: Machine) -> None:
    server.kill()


def freeze(server: Machine) -> None:
    server.freeze()


MENDED = {stop: Machine.start, kill: Machine.start, freeze: Machine.thaw}


@pytest.mark.parametrize("fault", MENDED, ids=lambda fault: fault.__name__)
def test_outage(fault):
    """STO-07: five outages under load: every answer is 200 or 503 within 500 ms, and all is well within 2 s."""
    recoveries = []
    with machine() as server, under_load(server.url) as load:
        for _ in range(RUNS):
            fault(server)
            load.until_refused()
            MENDED[fault](server)
            recoveries.append(load.until_all_well())
    report(load, recoveries)
    assert_honest(load)
    assert max(recoveries) < 2 * LOOSELY


def test_cut_connections():
    """Connections that are cut again and again cost a request at most, and no session."""
    with machine() as server, under_load(server.url) as load, redis.Redis(port=server.port) as admin:
        for _ in range(50):
            before = len(load.answers)
            admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            servers.wait_until(lambda before=before: len(load.answers) > before + 10, "answers")
        recovery = load.until_all_well()
    report(load, [recovery])
    assert_honest(load)


@pytest.mark.skipif(VALKEY_SERVER is None, reason="valkey-server is not installed")
def test_valkey():
    """Valkey is as good as Redis."""
    with machine(program="valkey-server") as server, under_load(server.url.replace("redis", "valkey")) as load:
        server.kill()
        load.until_refused()
        server.start()
        recovery = load.until_all_well()
    report(load, [recovery])
    assert_honest(load)
