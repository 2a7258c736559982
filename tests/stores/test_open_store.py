"""A store is chosen by URL, by client or by itself; what cannot work is refused with a sentence."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints

import fakeredis
import pytest

from flask_gosession.errors import ConfigError
from flask_gosession.stores import registry
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.stores.redis import RedisStore
from flask_gosession.stores.registry import DATABASES, SCHEMES, open_store


def test_memory() -> None:
    """memory:// is a store in this process."""
    assert isinstance(open_store("memory://"), MemoryStore)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:1/0",
        "rediss://127.0.0.1:1/0",
        "redis+unix:///nowhere.sock?db=1",
        "redis+sentinel://user:pw@127.0.0.1:1,[::1]:2/service/0?ssl=true&sentinel_password=pw",
        "redis+cluster://user:pw@127.0.0.1:1,[::1]:2?ssl=true",
        "valkey://127.0.0.1:1/0",
        "valkeys://127.0.0.1:1/0",
        "valkey+unix:///nowhere.sock",
        "valkey+sentinel://127.0.0.1/service",
        "valkey+cluster://127.0.0.1",
    ],
)
def test_redis(url: str) -> None:
    """Every way to a Redis or Valkey is one class, and opening it connects to nothing."""
    store = open_store(url)
    assert isinstance(store, RedisStore)
    store.close()


def test_store_is_taken_as_it_is() -> None:
    """A ready store comes back as itself."""
    store = MemoryStore()
    assert open_store(store) is store


def test_client_is_taken_by_its_methods() -> None:
    """A ready client of Redis is recognised by what it can do, not by its class."""
    with fakeredis.FakeRedis() as client:
        assert isinstance(open_store(client, key_prefix="mine"), RedisStore)


@pytest.mark.parametrize("target", [None, 1, b"memory://", object(), dict()])  # noqa: C408
def test_something_else(target: object) -> None:
    """Anything else is refused, and named by its type."""
    with pytest.raises(ConfigError, match=type(target).__name__):
        open_store(target)


@pytest.mark.parametrize("scheme", ["memcached", "redis+memory", "postgres", "REDIS", "http"])
def test_unknown_scheme_lists_the_known(scheme: str) -> None:
    """An unknown scheme is refused with a list of the known ones, and without repeating the URL. LOG-01."""
    with pytest.raises(ConfigError) as refused:
        open_store(f"{scheme}://user:hunter2@host/0")
    assert scheme in str(refused.value)
    assert all(f"{known}://" in str(refused.value) for known in (*SCHEMES, *DATABASES))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["", "memory", "memory:", "localhost:6379", "://"])
def test_no_scheme(url: str) -> None:
    """A text that is no URL is refused."""
    with pytest.raises(ConfigError, match="scheme"):
        open_store(url)


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("sqlite:///x", "flask_gosession.stores.sql", "sql"),
        ("postgresql+psycopg://h/db", "flask_gosession.stores.sql", "postgresql"),
        ("mysql+pymysql://h/db", "flask_gosession.stores.sql", "mysql"),
        ("mongodb://h/db", "flask_gosession.stores.mongo", "mongo"),
        ("file:///x", "flask_gosession.stores.file", "file"),
    ],
)
def test_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch, url: str, module: str, extra: str) -> None:
    """A driver that is not installed is answered with the extra to install."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError) as refused:
        open_store(url)
    assert f'pip install "Flask-GoSession[{extra}]"' in str(refused.value)
    assert isinstance(refused.value.__cause__, ImportError)


class ForeignStore(MemoryStore):
    """Stands for the store of another package."""


def test_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package's store is found by the entry point that is named like the scheme."""
    entry = EntryPoint("foreign", f"{__name__}:ForeignStore", registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda **wanted: EntryPoints([entry]).select(**wanted))
    assert isinstance(open_store("foreign://?max_subjects=3"), ForeignStore)
    with pytest.raises(ConfigError, match="foreign://"):
        open_store("stranger://")


def test_opening_imports_no_other_driver() -> None:
    """A store's module, and with it the driver, is imported only when a URL asks for it."""
    program = "import sys; from flask_gosession.stores.registry import open_store; open_store('memory://'); "
    program += "print(sorted({'redis', 'sqlalchemy', 'pymongo', 'filelock'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"
