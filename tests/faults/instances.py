"""Database servers of our own, which may be killed: PostgreSQL, MariaDB, and PgBouncer before the former."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import servers
import sqlalchemy as sa

INITDB = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)
MARIADBD = shutil.which("mariadbd")
PGBOUNCER = shutil.which("pgbouncer")


def unprivileged(name: str) -> str | None:
    """Return the user to run a database as: these servers do not run as root."""
    return name if os.geteuid() == 0 and any(name == user.pw_name for user in pwd.getpwall()) else None


class Instance:
    """One database server in a directory of its own, which survives it."""

    def __init__(self, directory: Path, command: list[str], url: str, user: str | None = None) -> None:
        self.url = url
        self._directory, self._command, self._user = directory, command, user
        self.start()

    @property
    def port(self) -> int:
        return int(sa.make_url(self.url).port or 0)

    def start(self) -> None:
        with (self._directory / "log").open("ab") as log:
            # A group of its own: the processes that a server forks are frozen with it.
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, user=self._user, start_new_session=True, cwd=self._directory
            )
        servers.wait_until(self._answers, f"an answer of {self._command[0]}", 60)

    def kill(self) -> None:
        """End the server and what it has forked at once."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(servers.PATIENCE)

    def stop(self) -> None:
        """Let it shut down in order, without waiting for clients."""
        self._process.send_signal(signal.SIGINT if "postgres" in self._command[0] else signal.SIGTERM)
        self._process.wait(30)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, what: signal.Signals) -> None:
        """Tell the server, and what it has forked: PostgreSQL gives each process a group of its own."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        for pid in (self._process.pid, *map(int, children.split())):
            with suppress(ProcessLookupError):
                os.kill(pid, what)

    def close(self) -> None:
        if self._process.poll() is None:
            self.kill()

    def run(self, statement: str) -> None:
        """Run one statement, beside the store's connections."""
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError((self._directory / "log").read_text(errors="replace")[-2000:])
        try:
            self.run("SELECT 1")
        except sa.exc.OperationalError:
            return False
        return True


@contextmanager
def _directory(user: str | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gs-", ignore_cleanup_errors=True) as name:
        if user:
            shutil.chown(name, user)
        yield Path(name)


@contextmanager
def postgresql() -> Iterator[Instance]:
    """Run a PostgreSQL until the block ends."""
    if INITDB is None:
        raise LookupError("PostgreSQL's server is not installed")
    user, port = unprivileged("postgres"), servers.free_port()
    with _directory(user) as place:
        data = place / "data"
        command = [str(INITDB), "-D", str(data), "-U", "gosession", "--auth=trust", "--no-sync", "--encoding=UTF8"]
        subprocess.run(command, check=True, capture_output=True, user=user, cwd=place)
        settings = {
            "unix_socket_directories": place,
            "listen_addresses": "127.0.0.1",
            "port": port,
            "fsync": "off",
            "deadlock_timeout": "20ms",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        serve = [str(INITDB.with_name("postgres")), "-D", str(data), *options]
        url = f"postgresql+psycopg://gosession@127.0.0.1:{port}/postgres"
        with closing(Instance(place, serve, url, user)) as instance:
            yield instance


QUICK = ("--innodb-buffer-pool-size=32M", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=2")
"""What is committed survives the end of the process, not that of the machine: nobody here waits for the disk."""


@contextmanager
def mariadb() -> Iterator[Instance]:
    """Run a MariaDB until the block ends."""
    if MARIADBD is None:
        raise LookupError("MariaDB's server is not installed")
    user, port = unprivileged("mysql"), servers.free_port()
    with _directory(user) as place:
        data = f"--datadir={place}/data"
        install = ["mariadb-install-db", "--no-defaults", data, "--auth-root-authentication-method=normal"]
        subprocess.run([*install, "--skip-test-db"], check=True, capture_output=True, user=user, cwd=place)
        where = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={place}/socket", f"--pid-file={place}/pid"]
        serve = [MARIADBD, "--no-defaults", data, *where, *QUICK]
        with closing(Instance(place, serve, f"mysql+pymysql://root@127.0.0.1:{port}/mysql", user)) as instance:
            instance.run("CREATE DATABASE shop")
            instance.url = instance.url.replace("/mysql", "/shop")
            yield instance


SETTINGS = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 100
server_login_retry = 1
"""


@contextmanager
def pgbouncer(url: str, pool_size: int = 4) -> Iterator[Instance]:
    """Run a PgBouncer in transaction mode before the PostgreSQL at *url*, with so many connections per database."""
    if PGBOUNCER is None:
        raise LookupError("PgBouncer is not installed")
    behind, user, own = sa.make_url(url), unprivileged("nobody"), servers.free_port()
    with _directory(user) as place:
        users, settings = place / "users", place / "own.ini"
        users.write_text(f'"{behind.username}" "{behind.password or ""}"\n')
        where = {"host": behind.host, "port": behind.port or 5432, "own": own, "users": users, "pool_size": pool_size}
        settings.write_text(SETTINGS.format(**where))
        through = behind.set(host="127.0.0.1", port=own).render_as_string(hide_password=False)
        with closing(Instance(place, [PGBOUNCER, "-q", str(settings)], through, user)) as instance:
            yield instance


def is_there(start: Callable[[], object]) -> bool:
    """Return whether what a function here starts is installed."""
    return {postgresql: INITDB, mariadb: MARIADBD, pgbouncer: PGBOUNCER}[start] is not None
