"""The audit trail in a table: on SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from backends import Backends
from sites import Site, open_endpoints

from flask_gosession import Device, StoreError
from flask_gosession.observe import AuditEntry
from flask_gosession.observe.audit_table import AuditTable
from flask_gosession.testing.clock import FakeClock
from flask_gosession.web.state import state_of


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, backends: Backends) -> str:
    return backends.process_url(request.param)


@pytest.fixture
def table(url: str, key_prefix: str, clock: FakeClock) -> Iterator[AuditTable]:
    opened = open_table(url, key_prefix, clock)
    yield opened
    with opened._engine.connect() as connection:
        opened._table.drop(connection, checkfirst=True)
    opened.close()


def open_table(url: str, key_prefix: str, clock: FakeClock, *, max_entries: int = 1000) -> AuditTable:
    return AuditTable(url, key_prefix=key_prefix, max_age=86_400, max_entries=max_entries, clock=clock)


def entry(at: float, subject: str = "ada", **more: str) -> AuditEntry:
    return AuditEntry(at=at, action="logged_in", subject=subject, realm="default", **more)


def test_what_was_written_is_read_the_newest_first(table: AuditTable, clock: FakeClock):
    """A trail has what is about a subject, and what the subject did to others; the last entry comes first."""
    now = clock()
    mine = [entry(now - 2, agent="Ä\x00" * 120), entry(now - 1, ip="203.0.113.7", reason="kicked")]
    by_me = entry(now, "bob", actor="ada")
    table.write([*mine, entry(now, "eve"), by_me])
    assert table.trail("ada") == [by_me, *reversed(mine)]
    assert table.trail(None, limit=2) == [by_me, entry(now, "eve")]
    assert table.trail("ada", since=now - 1, until=now) == [mine[1]]
    assert table.trail("nobody") == []


def test_no_subject_is_taken_for_another(table: AuditTable, clock: FakeClock):
    """Case, accents and spaces at the end tell subjects apart, whatever the server's collation."""
    subjects = ["Ada", "ada", "ada ", "äda", "a%a", "ada'--", "\ud800"]
    table.write([entry(clock(), subject) for subject in subjects])
    for subject in subjects[:-1]:
        assert [each.subject for each in table.trail(subject)] == [subject]
    assert len(table.trail(subjects[-1])) == 1


def test_the_old_and_the_many_go(table: AuditTable, clock: FakeClock):
    """A purge deletes what is older than allowed, and all but the newest thousand."""
    table.write([entry(clock() - 90_000) for _ in range(50)])
    assert len(table.trail("ada")) == 0  # the first write purges
    for _ in range(15):
        table.write([entry(clock() - 10, str(number)) for number in range(100)])
    assert table.purge() == 500
    assert table.purge() == 0
    assert len(table.trail(None, limit=5000)) == 1000
    clock.advance(86_400)
    assert table.purge() == 1000


def test_a_server_that_is_away_is_a_store_that_is_unavailable(key_prefix: str, clock: FakeClock):
    """The writer learns that it may try again later."""
    table = open_table("postgresql+psycopg://nobody@127.0.0.1:1/none", key_prefix, clock)
    with pytest.raises(StoreError):
        table.write([entry(clock())])


@pytest.fixture
def site(tmp_path: Path, clock: FakeClock) -> Site:
    return open_endpoints(clock, AUDIT=f"sqlite:///{tmp_path}/audit.db")


def test_the_extension_reads_what_it_has_just_told(site: Site, clock: FakeClock):
    """`gosession.audit_trail` waits for the writer, takes both forms of moments, and subjects that are numbers."""
    first = site.manager.login(7, device=Device("203.0.113.7"))
    clock.advance(60)
    site.manager.revoke(7, first.sid, "kicked")
    with site.app.app_context():
        assert state_of("default").audit.queue.flush(10)  # a table takes its time where all cores are busy
        trail = site.gosession.audit_trail(7)
        since = datetime.fromtimestamp(clock() - 1, timezone.utc)
        assert site.gosession.audit_trail(7, since=since) == trail[:1]
        assert site.gosession.audit_trail(limit=1) == trail[:1]
        assert site.gosession.audit_trail(7, until=clock()) == trail[1:]
    assert [(each.action, each.at) for each in trail] == [("revoked", clock()), ("logged_in", clock() - 60)]


def test_sql_means_the_database_of_the_store(tmp_path: Path, clock: FakeClock):
    """`sql` puts the trail beside the sessions, into a table of its own."""
    app = make_app_over(f"sqlite:///{tmp_path}/sessions.db?timeout=5", clock)
    app.manager.login("ada")
    with app.app.app_context():
        assert [each.action for each in app.gosession.audit_trail("ada")] == ["logged_in"]
    assert [path.name for path in tmp_path.glob("*.db")] == ["sessions.db"]
    app.manager.close()


def make_app_over(url: str, clock: FakeClock):
    from cli.shop import make_shop

    return make_shop(url, clock, AUDIT="sql")


def test_realms_have_trails_of_their_own(tmp_path: Path, clock: FakeClock):
    """Each realm writes to the table of its key prefix."""
    from cli.shop import make_shop

    from flask_gosession import GoSession

    shop = make_shop("memory://", clock, AUDIT=f"sqlite:///{tmp_path}/audit.db", REALMS={"admin": {}})
    admin: GoSession = GoSession(shop.app, name="admin", clock=clock)
    shop.manager.login("ada")
    state_of("admin", shop.app).manager.login("root")
    with shop.app.app_context():
        assert [each.subject for each in shop.gosession.audit_trail()] == ["ada"]
        assert [(each.subject, each.realm) for each in admin.audit_trail()] == [("root", "admin")]
