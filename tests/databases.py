"""Running database servers for the tests: a database of its own for each run, dropped at the end."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

SERVERS = {
    "postgresql": os.environ.get("GOSESSION_TEST_POSTGRESQL", "postgresql+psycopg://root@127.0.0.1:5432/test"),
    "mariadb": os.environ.get("GOSESSION_TEST_MARIADB", "mariadb+pymysql://root@127.0.0.1:3306/test"),
}
"""Where a server is looked for; the environment may name another one."""

WITHOUT = "no {0} server answers at its standard port; start one, or name it in GOSESSION_TEST_{1}"


def without(name: str) -> str:
    """Return the sentence that says that a server is absent."""
    return WITHOUT.format(name, name.upper())


def answers(name: str) -> bool:
    try:
        with administration(name) as connection:
            connection.execute(sa.select(1))
    except sa.exc.OperationalError:
        return False
    return True


@contextmanager
def administration(name: str) -> Iterator[sa.Connection]:
    """Yield a connection to the server, beside the store's own, in autocommit."""
    engine = sa.create_engine(SERVERS[name], isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection


@contextmanager
def own_database(name: str) -> Iterator[str]:
    """Yield the URL of a new and empty database."""
    database = f"gosession_test_{secrets.token_hex(6)}"
    with administration(name) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {database}")
    try:
        yield sa.make_url(SERVERS[name]).set(database=database).render_as_string(hide_password=False)
    finally:
        force = " WITH (FORCE)" if name == "postgresql" else ""
        with administration(name) as connection:
            connection.exec_driver_sql(f"DROP DATABASE {database}{force}")


@contextmanager
def own_database_of_a_limited_user(name: str, *, connections: int) -> Iterator[str]:
    """Yield the URL of a new database for a user of its own, who may have so many connections."""
    user = f"gosession_{secrets.token_hex(4)}"
    with own_database(name) as url, administration(name) as connection:
        place = sa.make_url(url)
        if name == "postgresql":
            connection.exec_driver_sql(f"CREATE ROLE {user} LOGIN PASSWORD 'secret' CONNECTION LIMIT {connections}")
            connection.exec_driver_sql(f"ALTER DATABASE {place.database} OWNER TO {user}")
        else:
            connection.exec_driver_sql(
                f"CREATE USER {user}@'%%' IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS {connections}"
            )
            connection.exec_driver_sql(f"GRANT ALL ON {place.database}.* TO {user}@'%%'")
        try:
            yield place.set(username=user, password="secret").render_as_string(hide_password=False)
        finally:
            if name == "postgresql":
                connection.exec_driver_sql(f"ALTER DATABASE {place.database} OWNER TO CURRENT_USER")
            place_of = "" if name == "postgresql" else "@'%%'"
            with connection.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
                if name == "postgresql":
                    with sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as inside:
                        inside.exec_driver_sql(f"DROP OWNED BY {user}")
                other.exec_driver_sql(f"DROP {'ROLE' if name == 'postgresql' else 'USER'} {user}{place_of}")
