"""What is special to the SQL store: collations, locks, lost connections, silent servers, its table and its options."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import databases
import pymysql
import pytest
import servers
import sqlalchemy as sa
from gevents import needs_gevent, run_script
from relays import relay

from flask_gosession import ids
from flask_gosession.errors import ConfigError, StoreUnavailable
from flask_gosession.stores.base import Record, Swap
from flask_gosession.stores.sql import SQLStore
from flask_gosession.stores.sql.pymysql import _BoundedFile
from flask_gosession.testing.proofs.contract import StoreContract

HOUR = 3600.0
PREFIX = "app"
TABLE = "app_subjects"


class Home:
    """A database of one kind, and how to get at it beside the store."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url
        self.admin = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")

    def execute(self, statement: str) -> list[sa.Row]:
        with self.admin.connect() as connection:
            result = connection.exec_driver_sql(statement)
            return list(result) if result.returns_rows else []

    def cut_connections(self) -> None:
        """End every other connection to this database, as a restart of the server would."""
        if self.name == "postgresql":
            mine = "datname = current_database() AND pid <> pg_backend_pid()"
            self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")
            return
        mine = "db = DATABASE() AND id <> CONNECTION_ID()"
        for (connection,) in self.execute(f"SELECT id FROM information_schema.processlist WHERE {mine}"):
            self.execute(f"KILL {connection}")


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.long) for name in ("postgresql", "mariadb")]
)
def server(request: pytest.FixtureRequest) -> Iterator[Home]:
    """Yield a database of its own on each real server."""
    if not databases.answers(request.param):
        asked = request.param in request.config.getoption("store")
        (pytest.fail if asked else pytest.skip)(databases.without(request.param))
    with databases.own_database(request.param) as url:
        yield Home(request.param, url)


@pytest.fixture
def home(server: Home) -> Iterator[Home]:
    yield server
    server.execute(f"DROP TABLE IF EXISTS {TABLE}")


@pytest.fixture
def store(home: Home) -> Iterator[SQLStore]:
    opened = SQLStore.from_url(home.url, key_prefix=PREFIX)
    yield opened
    opened.close()


@pytest.fixture
def lite_path(tmp_path: Path) -> Path:
    return tmp_path / "records.sqlite"


@pytest.fixture
def lite(lite_path: Path) -> Iterator[SQLStore]:
    opened = SQLStore.from_url(f"sqlite:///{lite_path}", key_prefix=PREFIX)
    yield opened
    opened.close()


def new(value: bytes = b"value") -> Record:
    return Record(value, ids.new_etag())


def put(store: SQLStore, subject: str = "a") -> Record:
    record = new()
    assert store.swap(subject, None, record, time.time() + HOUR) is Swap.DONE
    return record


@contextmanager
def counted(store: SQLStore) -> Iterator[list[str]]:
    """Collect the statements that the store sends."""
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_rest) -> None:
        seen.append(statement)

    sa.event.listen(store._engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(store._engine, "before_cursor_execute", note)


class TestContract(StoreContract):
    @pytest.fixture
    def store(self, lite: SQLStore) -> SQLStore:
        return lite


@pytest.mark.parametrize("subject", ["Admin", "admin ", "ADMIN", "a\u0301dmin", "\u00e1dmin", "admin\x00"])
def test_collations_merge_nobody(store: SQLStore, home: Home, subject: str) -> None:
    """Case, trailing space and Unicode forms are other subjects, though the server's collation says equal. STO-02."""
    first = put(store, "admin")
    assert store.load(subject) is None
    second = put(store, subject)
    assert (store.load("admin"), store.load(subject)) == (first, second)
    if home.name == "mariadb" and subject in ("Admin", "admin ", "ADMIN"):
        assert home.execute(f"SELECT '{subject}' = 'admin'") == [(1,)]


def test_value_beyond_64_kib(store: SQLStore) -> None:
    """A value that a plain BLOB of MariaDB would cut off comes back whole."""
    record = new(os.urandom(200_000))
    assert store.swap("a", None, record, time.time() + HOUR) is Swap.DONE
    assert store.load("a") == record


def test_one_statement_each(store: SQLStore) -> None:
    """A check is one statement, and so is each kind of swap: no transaction around it."""
    first, second = new(), new()
    end = time.time() + HOUR
    with counted(store) as seen:
        store.load("a")
        store.swap("a", None, first, end)
        store.swap("a", first.etag, second, end)
        store.swap("a", second.etag, None, end)
    assert [statement.split()[0] for statement in seen] == ["SELECT", "INSERT", "UPDATE", "DELETE"]


def test_one_question_a_check(server: Home) -> None:
    """MariaDB itself counts one question for each check: the driver adds neither SET nor ROLLBACK."""
    if server.name != "mariadb":
        pytest.skip("only MariaDB counts what one connection has asked")
    store = SQLStore.from_url(f"{server.url}?pool_size=1", key_prefix=PREFIX)
    asked = sa.text("SHOW SESSION STATUS LIKE 'Questions'")
    store.load("a")
    with store._engine.connect() as connection:
        before = int(connection.execute(asked).one()[1])
    for _ in range(10):
        store.load("a")
    with store._engine.connect() as connection:
        after = int(connection.execute(asked).one()[1])
    store.close()
    server.execute(f"DROP TABLE {TABLE}")
    assert after - before == 10 + 1


def test_cut_connection_on_read(store: SQLStore, home: Home) -> None:
    """A pooled connection that the server closed meanwhile is replaced within the read."""
    first = put(store)
    home.cut_connections()
    assert store.load("a") == first


def test_cut_connection_on_write(store: SQLStore, home: Home) -> None:
    """A write on a cut connection is an outage and is not sent twice; the next one is done. STO-07, STO-08."""
    first = put(store)
    home.cut_connections()
    with pytest.raises(StoreUnavailable):
        store.swap("a", first.etag, new(), time.time() + HOUR)
    assert store.load("a") == first
    assert store.swap("a", first.etag, new(), time.time() + HOUR) is Swap.DONE


def test_locked_row(store: SQLStore, home: Home) -> None:
    """A row that another transaction keeps locked is waited for at most half a second; reads go on. STO-08."""
    first, second = put(store), new()
    with home.admin.connect().execution_options(isolation_level="READ COMMITTED") as other:
        other.exec_driver_sql(f"SELECT etag FROM {TABLE} FOR UPDATE").all()
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.swap("a", first.etag, second, time.time() + HOUR)
        assert time.monotonic() - started < 1.0
        assert store.load("a") == first
    assert store.load("a") == first
    assert store.swap("a", first.etag, second, time.time() + HOUR) is Swap.DONE


def test_table_kept_from_everybody(store: SQLStore, home: Home) -> None:
    """A check that has to wait for a lock on the table ends in time. STO-08."""
    if home.name != "postgresql":
        pytest.skip("MariaDB reads beside every lock on rows")
    put(store)
    with home.admin.connect().execution_options(isolation_level="READ COMMITTED") as other:
        other.exec_driver_sql(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        with pytest.raises(StoreUnavailable) as caught:
            store.load("a")
        assert time.monotonic() - started < 1.0
    assert "LockNotAvailable" in repr(caught.value.__cause__) or "QueryCanceled" in repr(caught.value.__cause__)


def test_deadlock(home: Home) -> None:
    """A purge that the server picks as the victim of a deadlock ends as an outage, not as a driver's error. STO-08."""
    waiting, named = {
        "postgresql": (
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
            "DeadlockDetected",
        ),
        "mariadb": ("SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'", "1213"),
    }[home.name]
    store = SQLStore.from_url(f"{home.url}?timeout=5", key_prefix=PREFIX)
    # In the order of their ids, so that a scan of the table meets them in that order, too.
    for subject in sorted("ab", key=lambda subject: hashlib.sha256(subject.encode()).digest()):
        store.swap(subject, None, new(), 1.0)
    table = store._table
    low, high = (row.id for row in home.execute(f"SELECT id FROM {TABLE} ORDER BY id"))
    home.execute("CREATE TABLE weight (number INTEGER)")
    lock = sa.select(table.c.id).with_for_update()
    with (
        home.admin.connect().execution_options(isolation_level="READ COMMITTED") as other,
        ThreadPoolExecutor(1) as pool,
    ):
        # MariaDB picks the transaction that has changed less.
        other.exec_driver_sql("INSERT INTO weight VALUES (1), (2), (3), (4), (5), (6), (7), (8)")
        if home.name == "postgresql":  # it picks who has waited for a second first: that must not be this one
            other.exec_driver_sql("SET LOCAL deadlock_timeout = '1min'")
        other.execute(lock.where(table.c.id == high)).all()
        purge = pool.submit(store.purge, time.time())
        servers.wait_until(lambda: home.execute(waiting), "the purge's wait for the row")
        other.execute(lock.where(table.c.id == low)).all()
        failed = purge.exception(timeout=10)
    assert isinstance(failed, StoreUnavailable)
    assert named in str(failed.__cause__)
    assert store.purge(time.time()) == 2
    store.close()
    home.execute("DROP TABLE weight")


@pytest.mark.parametrize("name", ["postgresql", "mysql", "mariadb"])
def test_silent_server(name: str) -> None:
    """A server that accepts and never answers costs a quarter of a second, here loosely, connecting or not. STO-07."""
    with servers.black_hole() as port:
        store = SQLStore.from_url(f"{name}://nobody@127.0.0.1:{port}/test?create=false")
        for call in (store.ping, lambda: store.load("a"), lambda: store.swap("a", None, new(), 1.0)):
            started = time.monotonic()
            with pytest.raises(StoreUnavailable):
                call()
            assert time.monotonic() - started < 1.5
        store.close()


def test_a_connection_that_failed_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, whoever still holds its error: older PyMySQL leaves it to the garbage collector."""
    made: list[socket.socket] = []
    connect = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: (made.append(connect(*a, **k)), made[-1])[1])
    with servers.black_hole() as port:
        store = SQLStore.from_url(f"mariadb://nobody@127.0.0.1:{port}/test?create=false")
        with pytest.raises(StoreUnavailable) as caught:
            store.ping()
        assert [one.fileno() for one in made] == [-1]
        store.close()
    assert caught.value.__cause__ is not None  # kept until here


@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_absent_server(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A server that is down at start-up does not keep the app from starting; it is said without the password."""
    with caplog.at_level(logging.WARNING, logger="flask_gosession"):
        store = SQLStore.from_url(f"{name}://nobody:hunter2@127.0.0.1:{servers.free_port()}/test")
    with pytest.raises(StoreUnavailable):
        store.load("a")
    store.close()
    assert "table of the session store is not made yet" in caplog.text
    assert "hunter2" not in caplog.text


def test_one_tls_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyMySQL reads all the system's certificates for a TLS context; connections that fail do not each make one."""
    made = []
    make = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda *a, **k: made.append(None) or make(*a, **k))
    store = SQLStore.from_url(f"mariadb://nobody@127.0.0.1:{servers.free_port()}/test?create=false")
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            store.load("a")
    store.close()
    assert len(made) <= 1


def test_a_new_connection_asks_little(home: Home) -> None:
    """After the start a request that needs a new connection waits for seven round trips, two of them to sign in."""
    if home.name != "mariadb":
        pytest.skip("PostgreSQL's settings come with the log-in")
    asked: list[str] = []
    query = pymysql.connections.Connection.query
    store = SQLStore.from_url(home.url, key_prefix=PREFIX)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            pymysql.connections.Connection,
            "query",
            lambda self, sql, *rest: asked.append(sql) or query(self, sql, *rest),
        )
        patch.setattr(
            pymysql.connections.Connection, "_send_autocommit_mode", lambda _self: asked.append("SET AUTOCOMMIT")
        )
        assert store.load("a") is None
    store.close()
    assert len(asked) <= 5


def test_server_that_falls_silent(home: Home) -> None:
    """A good connection over which no answer comes any more is given up in time, and replaced after. STO-07."""
    target = sa.make_url(home.url)
    with relay(str(target.host), int(target.port or 0)) as between:
        store = SQLStore.from_url(str(target.set(port=between.port)), key_prefix=PREFIX)
        first = put(store)
        between.passing.clear()
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.load("a")
        assert 0.2 < time.monotonic() - started < 0.75
        between.passing.set()
        assert store.load("a") == first
        store.close()


def test_pool_is_bounded(home: Home) -> None:
    """When every connection is in use a call waits a quarter of a second, then the store is unavailable. STO-07."""
    store = SQLStore.from_url(f"{home.url}?pool_size=1", key_prefix=PREFIX)
    with store._engine.connect(), store._engine.connect():
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.load("a")
        assert 0.2 < time.monotonic() - started < 0.5
    assert store.load("a") is None
    store.close()


def test_table_made_together(home: Home) -> None:
    """Several processes that start at once make one table and all go on."""
    code = (
        "import sys\n"
        "from flask_gosession.stores.sql import SQLStore\n"
        "store = SQLStore.from_url(sys.argv[1], key_prefix='app')\n"
        "store.load('a')\n"
        "store.close()\n"
    )
    started = [subprocess.Popen([sys.executable, "-W", "error", "-c", code, home.url]) for _ in range(4)]
    assert [process.wait(timeout=60) for process in started] == [0] * 4


def test_index_on_the_end(store: SQLStore, home: Home) -> None:
    """The column that a purge looks at has an index."""
    (index,) = sa.inspect(home.admin).get_indexes(TABLE)
    assert index["column_names"] == ["expires_at"]


def test_purge_beside_a_writer(store: SQLStore) -> None:
    """A purge spares the row that got a later end meanwhile."""
    first, second = new(), new()
    store.swap("a", None, first, 1.0)
    store.swap("a", first.etag, second, time.time() + HOUR)
    assert store.purge(time.time()) == 0
    assert store.load("a") == second


def test_errors_hide_values(store: SQLStore, home: Home) -> None:
    """What the driver reports holds no value, etag or subject. LOG-01."""
    home.execute(f"DROP TABLE {TABLE}")
    with pytest.raises(StoreUnavailable) as caught:
        store.swap("somebody", None, Record(b"confidential", b"12345678"), 1.0)
    assert "confidential" not in str(caught.value.__cause__)
    assert "somebody" not in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("dialect", "words"),
    [
        ("postgresql", ("BYTEA", "DOUBLE PRECISION")),
        ("mysql", ("BINARY(32)", "MEDIUMBLOB", "ENGINE=InnoDB")),
        ("mariadb", ("BINARY(8)", "MEDIUMBLOB", "ENGINE=InnoDB")),
        ("sqlite", ("BLOB", "typeof(value) = 'blob'")),
    ],
)
def test_ddl(lite: SQLStore, dialect: str, words: tuple[str, ...]) -> None:
    """The DDL of every dialect can be printed for a migration, without its driver or server."""
    text = lite.ddl(dialect)
    assert text.count(";\n") == 2
    assert all(word in text for word in (f"CREATE TABLE {TABLE}", f"CREATE INDEX {TABLE}_expires", *words))


def test_pages_of_postgresql_keep_room(lite: SQLStore) -> None:
    """Pages are filled to 70 %, where SQLAlchemy can say so (2.1); docs/reference/stores.md advises the others."""
    can_say = tuple(map(int, sa.__version__.split(".")[:2])) >= (2, 1)
    assert (") WITH (fillfactor = 70);" in " ".join(lite.ddl("postgresql").split())) == can_say
    assert not any("fillfactor" in lite.ddl(dialect) for dialect in ("mysql", "mariadb", "sqlite"))


def test_ddl_runs(home: Home) -> None:
    """The printed DDL makes a table that the store works on, without making one itself."""
    store = SQLStore.from_url(f"{home.url}?create=false", key_prefix=PREFIX)
    with pytest.raises(StoreUnavailable):
        store.load("a")
    for statement in store.ddl(home.name).split(";\n")[:-1]:
        home.execute(statement)
    first = put(store)
    assert store.load("a") == first
    store.close()


def test_ddl_of_an_unknown_dialect(lite: SQLStore) -> None:
    """Another dialect is refused with those that are known."""
    with pytest.raises(ConfigError, match="postgresql"):
        lite.ddl("oracle")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file:x?mode=memory&uri=true",
        "oracle://host/db",
        "postgresql+asyncpg://host/db",
        "postgresql://host:port/db",
        "sqlite:///x?pool_size=0",
        "sqlite:///x?pool_size=many",
        "sqlite:///x?timeout=-1",
        "sqlite:///x?timeout=nan",
        "sqlite:///x?create=maybe",
    ],
)
def test_bad_url(url: str) -> None:
    """A URL that cannot work is a start-up error."""
    with pytest.raises((ConfigError, ImportError)):
        SQLStore.from_url(url)


def test_bad_url_is_not_repeated() -> None:
    """The error about a URL holds no password of it. LOG-01."""
    with pytest.raises(ConfigError) as caught:
        SQLStore.from_url("postgresql://user:hunter2@host:port/db")
    assert "hunter2" not in str(caught.value)


def test_unknown_option(lite_path: Path) -> None:
    """An option that is not known by name is refused."""
    with pytest.raises(ConfigError, match="colour"):
        SQLStore.from_url(f"sqlite:///{lite_path}", colour="red")


def test_replicas_are_refused(lite_path: Path) -> None:
    """A store that cannot ask replicas cannot be told to wait for them."""
    with pytest.raises(ConfigError, match="WAIT_REPLICAS"):
        SQLStore.from_url(f"sqlite:///{lite_path}", wait_replicas=1)


def test_driver_options_are_kept(home: Home) -> None:
    """What is not ours in the query reaches the driver."""
    query = "application_name=mine" if home.name == "postgresql" else "charset=latin1"
    asked = (
        "SELECT current_setting('application_name')" if home.name == "postgresql" else "SELECT @@character_set_client"
    )
    store = SQLStore.from_url(f"{home.url}?{query}&timeout=0.5", key_prefix=PREFIX)
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql(asked).scalar() == query.partition("=")[2]
    store.close()


def test_sqlite_is_durable(lite: SQLStore) -> None:
    """SQLite runs in WAL mode, and what is answered is on disk."""
    lite.ping()
    with lite._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA cache_size").scalar() == -512


def test_sqlite_locked(lite: SQLStore, lite_path: Path) -> None:
    """While another process writes a swap waits a quarter of a second, and a check does not wait. STO-08."""
    first = put(lite)
    other = sqlite3.connect(lite_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        lite.swap("a", first.etag, new(), time.time() + HOUR)
    assert 0.2 < time.monotonic() - started < 1.0
    assert lite.load("a") == first
    other.execute("ROLLBACK")
    other.close()
    assert lite.swap("a", first.etag, new(), time.time() + HOUR) is Swap.DONE


def test_sqlite_overtaken_while_locked(lite: SQLStore, lite_path: Path) -> None:
    """Who waits in vain behind the writer that changes this very record has lost, which is no outage."""
    first = put(lite)
    other = sqlite3.connect(lite_path, isolation_level=None)
    other.execute("PRAGMA busy_timeout=5000")
    other.execute("BEGIN IMMEDIATE")
    other.execute(f"UPDATE {TABLE} SET etag = x'0000000000000000'")
    other.execute("COMMIT")
    other.execute("BEGIN IMMEDIATE")
    assert lite.swap("a", first.etag, new(), time.time() + HOUR) is Swap.LOST
    other.execute("ROLLBACK")
    other.close()


def test_sqlite_refuses_text(lite: SQLStore, lite_path: Path) -> None:
    """The table takes bytes only, where SQLite would take anything."""
    put(lite)
    other = sqlite3.connect(lite_path)
    with pytest.raises(sqlite3.IntegrityError):
        other.execute(f"UPDATE {TABLE} SET value = 'text'")
    other.close()


def test_ready_engine(lite_path: Path) -> None:
    """A ready engine is taken, too."""
    engine = sa.create_engine(f"sqlite:///{lite_path}")
    store = SQLStore(engine, key_prefix=PREFIX)
    first = put(store)
    assert store.load("a") == first
    engine.dispose()


@pytest.mark.parametrize("prefix", ["Admin", "admin", "a:b", "a_b", "x" * 300, "é", "'; DROP TABLE x; --", ""])
def test_any_prefix(lite_path: Path, prefix: str) -> None:
    """Every prefix is a table of its own, also where case does not tell two tables apart. STO-02."""
    others = [SQLStore.from_url(f"sqlite:///{lite_path}", key_prefix=name) for name in ("ADMIN", "a-b", "x" * 299)]
    store = SQLStore.from_url(f"sqlite:///{lite_path}", key_prefix=prefix)
    first = put(store)
    assert [other.load("a") for other in others] == [None] * 3
    assert store.load("a") == first
    for opened in (store, *others):
        opened.close()


FORKING = """
import os, sys
from flask_gosession.stores.base import Record
from flask_gosession.stores.sql import SQLStore
store = SQLStore.from_url(sys.argv[1], key_prefix="app")
first = store.load("a")
child = os.fork()
if child == 0:
    for number in range(50):
        assert store.load("a") == first
    os._exit(0)
for number in range(50):
    assert store.load("a") == first
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert store.load("a") == first
store.close()
sys.exit(status)
"""


def test_fork(store: SQLStore, home: Home) -> None:
    """Parent and child read at the same time over connections of their own."""
    put(store)
    subprocess.run([sys.executable, "-W", "error", "-c", FORKING, home.url], check=True, timeout=60)


def test_fork_sqlite(lite: SQLStore, lite_path: Path) -> None:
    """A forked child opens the SQLite file anew."""
    put(lite)
    url = f"sqlite:///{lite_path}"
    subprocess.run([sys.executable, "-W", "error", "-c", FORKING, url], check=True, timeout=60)


EIGHTH = """
import os, sys, time
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import Record, Swap
from flask_gosession.stores.sql import SQLStore
store = SQLStore.from_url(sys.argv[1], key_prefix="app")
for number in range(10):
    for attempt in range(20):
        try:
            done = store.swap(f"{sys.argv[2]}-{number}", None, Record(b"x", os.urandom(8)), time.time() + 3600)
        except StoreUnavailable:
            continue
        break
    # A refused write has left nothing behind, or the next attempt would have lost to it.
    assert done is Swap.DONE
store.close()
"""


@pytest.mark.long
def test_writers_of_eight_processes(lite: SQLStore, lite_path: Path) -> None:
    """Of eight processes that write at once, who waited too long for the file is refused, and can try again. STO-08."""
    url = f"sqlite:///{lite_path}"
    running = [subprocess.Popen([sys.executable, "-c", EIGHTH, url, str(number)]) for number in range(8)]
    assert [process.wait(timeout=60) for process in running] == [0] * 8
    assert len(list(lite.subjects())) == 80


def test_thread_local_nothing(lite: SQLStore) -> None:
    """A connection that one thread opened serves another."""
    first = put(lite)
    seen: list[Record | None] = []
    thread = threading.Thread(target=lambda: seen.append(lite.load("a")))
    thread.start()
    thread.join()
    assert seen == [first]


def closed_in_use(store: SQLStore) -> bool:
    """Use a connection of a store that is closed meanwhile, and return whether it is closed afterwards."""
    with store._connected() as connection:
        store.close()
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
        held = connection.connection.dbapi_connection
    try:
        held.cursor().execute("SELECT 1")
    except store._engine.dialect.loaded_dbapi.Error:
        return True
    return False


def test_closed_while_in_use(store: SQLStore) -> None:
    """A connection in use when its store is closed, as a purge's may be, is closed once free; so is a later one."""
    assert closed_in_use(store)
    assert closed_in_use(store)


def test_only_sqlite_needs_turns(tmp_path):
    """The writers of an SQLite store wait as long as its URL says; a server orders its writers itself."""
    store = SQLStore.from_url(f"sqlite:///{tmp_path}/x.sqlite?timeout=0.01")
    with store._locks.hold(), pytest.raises(StoreUnavailable):
        store.swap("a", None, Record(b"value", b"12345678"), 1e11)
    assert store.swap("a", None, Record(b"value", b"12345678"), 1e11) is Swap.DONE
    store.close()
    server = SQLStore.from_url("postgresql+psycopg://127.0.0.1:1/x?create=false")
    assert server._locks is None
    server.close()


PATCHED_LATE = """
import sys, time
from flask_gosession.stores.sql.engine import open_engine, parse_url

engine = open_engine(parse_url(sys.argv[1]), timeout=5, pool_size=1)
from gevent import monkey
monkey.patch_all()
import gevent

turns = []
def other():
    while True:
        turns.append(time.monotonic())
        gevent.sleep(0.01)

gevent.spawn(other)
with engine.connect() as connection:
    connection.exec_driver_sql("SELECT 1")
    began = time.monotonic()
    connection.exec_driver_sql(sys.argv[2])
print(sum(turn > began for turn in turns) > 3)
"""


@needs_gevent
def test_greenlets_go_on_while_the_server_works(home: Home) -> None:
    """A statement stops only the greenlet that waits for it, though gevent came after the driver was imported."""
    slow = {"postgresql": "SELECT pg_sleep(0.2)", "mariadb": "SELECT sleep(0.2)"}[home.name]
    assert run_script(PATCHED_LATE, home.url, slow).strip() == "True"


def test_rows_are_received_together(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyMySQL reads each row in two parts, but each part is not a call to the system of its own."""
    if home.name != "mariadb":
        pytest.skip("psycopg receives by itself")
    store = SQLStore.from_url(home.url, key_prefix=PREFIX)
    for number in range(50):
        store.swap(str(number), None, new(), time.time() + HOUR)
    received: list[int | None] = []
    readinto = socket.SocketIO.readinto
    monkeypatch.setattr(socket.SocketIO, "readinto", lambda *told: (received.append(readinto(*told)), received[-1])[1])
    assert len(store.page(None, 100).records) == 50
    assert 0 < len(received) < 10
    store.close()


@pytest.mark.parametrize("least", [1, 7, 100_000])
def test_parts_of_an_answer_come_whole_and_in_order(least: int) -> None:
    """Whatever comes at once, PyMySQL gets as many bytes as it asked for, and fewer where the server hung up."""
    ours, theirs = socket.socketpair()
    connection = type("Connection", (), {"_sock": ours, "_read_timeout": 5.0})()
    sent = bytes(range(256)) * 100
    with ours, theirs, ours.makefile("rb") as raw, ThreadPoolExecutor(1) as pool:
        file = _BoundedFile(raw, connection)
        pool.submit(lambda: (theirs.sendall(sent), theirs.close()))
        parts = list(iter(lambda: file.read(least), b""))
    assert b"".join(parts) == sent
    assert {len(part) for part in parts[:-1]} <= {least}


TLS_PATCHED_LATE = """
import ssl
from flask_gosession.stores.sql.pymysql import bounded_connection

kind = bounded_connection()
def context():
    return kind._create_ssl_ctx(object.__new__(kind), {})

before = context()
from gevent import monkey
monkey.patch_all()
print(context() is not before, context() is context(), isinstance(context(), ssl.SSLContext))
"""


@needs_gevent
def test_tls_from_before_greenlets_is_not_used_with_them() -> None:
    """A context that was made before gevent's patch raises TypeError after it, so that PyMySQL gets another one."""
    assert run_script(TLS_PATCHED_LATE).split() == ["True", "True", "True"]
