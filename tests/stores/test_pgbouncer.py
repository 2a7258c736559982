"""PostgreSQL behind PgBouncer in transaction mode, by URL and nothing else. TRU-03."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import databases
import pytest
import sqlalchemy as sa
from faults import instances

from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import AuthError
from flask_gosession.stores.registry import open_store
from flask_gosession.tokens.opaque import OpaqueCodec

pytestmark = pytest.mark.skipif(not instances.is_there(instances.pgbouncer), reason="pgbouncer is not installed")


def connected(url: sa.URL) -> sa.Connection:
    return sa.create_engine(url, poolclass=sa.NullPool).connect()


@pytest.fixture
def pooler() -> Iterator[tuple[sa.URL, sa.URL]]:
    """Yield the URLs of one database: directly, and through two connections of PgBouncer."""
    if not databases.answers("postgresql"):
        pytest.skip(databases.without("postgresql"))
    with databases.own_database("postgresql") as direct, instances.pgbouncer(direct, pool_size=2) as through:
        yield sa.make_url(direct), sa.make_url(through.url)


def test_everything_works_through_it(pooler):
    """Eight threads on two connections of the server log in, check, refresh and sign out, each many times."""
    store = open_store(pooler[1].render_as_string(hide_password=False) + "?timeout=5")
    manager = SessionManager(store, OpaqueCodec(bytes(32)))

    def work(number: int) -> None:
        for turn in range(8):
            pair = manager.login(f"user-{number}", data={"turn": turn})
            assert manager.check(pair.access_token)
            token = manager.refresh(pair.refresh_token).access_token
            assert token != pair.access_token
            assert manager.check(token)
            manager.logout(token)
            with pytest.raises(AuthError):
                manager.check(token)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert len(list(store.subjects())) == 8
    store.close()


def test_it_leaves_nothing_behind(pooler, caplog):
    """Connections that others get afterwards have their own settings still, and the log says once what to do."""
    direct, through = pooler
    store = open_store(through.render_as_string(hide_password=False))
    for _ in range(12):
        assert store.load("ada") is None
    store.close()
    with connected(direct) as one, connected(through) as other:
        asked = "SHOW statement_timeout"
        assert one.exec_driver_sql(asked).scalar() == other.exec_driver_sql(asked).scalar()
    assert "ALTER ROLE" in caplog.text
