"""What all tests share: the stores that --store asks for, one that fails on cue, and a clock that moves when told."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator

import pytest

PROOFS = ("contract", "feeds", "races", "session_races", "lost_replies", "machine")
pytest.register_assert_rewrite(*(f"flask_gosession.testing.proofs.{name}" for name in PROOFS))

from backends import EVERYTHING, PARTS, Backends  # noqa: E402
from store_option import DEFAULT, NAMES, split_stores, unknown_stores  # noqa: E402

from flask_gosession.stores.base import Store  # noqa: E402
from flask_gosession.stores.memory import MemoryStore  # noqa: E402
from flask_gosession.testing.clock import FakeClock  # noqa: E402
from flask_gosession.testing.faulty import FaultyStore  # noqa: E402

FIXTURES = {"contract_store": "contract", "race_store": "threads", "process_store": "processes", "any_store": "any"}
"""Fixtures that run a test once for each store that the part of the suite fits."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--store",
        action="append",
        default=[],
        help=f"a store to test, repeatable or with commas: {', '.join(NAMES)}, or a URL; default: {', '.join(DEFAULT)}",
    )

    parser.addoption(
        "--long", action="store_true", help="run what takes minutes, too: outages, and a thousand rounds of each race"
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    _hurry_up(config)
    config.addinivalue_line("markers", "long: takes real time, and runs with --long only")
    if unknown := unknown_stores(split_stores(config.getoption("store"))):
        raise pytest.UsageError(f"--store knows {', '.join(NAMES)} and URLs, not {', '.join(unknown)}")


def _hurry_up(config: pytest.Config) -> None:
    """Let no worker wait 40 ms at each test for the TCP connection by which pytest-rerunfailures counts attempts."""
    sock = getattr(getattr(config, "failures_db", None), "sock", None)
    if sock is not None and hasattr(config, "workerinput"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    names = split_stores(metafunc.config.getoption("store")) or DEFAULT
    for fixture, part in FIXTURES.items():
        if fixture in metafunc.fixturenames:
            fitting = [name for name in names if part in PARTS.get(name, EVERYTHING)]
            metafunc.parametrize(fixture, fitting, indirect=True, ids=[_shown(name) for name in fitting])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("long"):
        return
    for item in items:
        if item.get_closest_marker("long") or _is_one_too_many(item, config):
            item.add_marker(pytest.mark.skip(reason="takes real time; --long runs it"))


def _is_one_too_many(item: pytest.Item, config: pytest.Config) -> bool:
    """Opaque tokens are tried on memory, and Redis with JWTs; both together only where somebody asks."""
    given = getattr(getattr(item, "callspec", None), "params", {})
    both = given.get("token_mode") == "opaque" and given.get("any_store") == "redis"
    return both and not config.getoption("store")


def _shown(name: str) -> str:
    """Return a name for a test; of a URL only the scheme, for there may be a password in it."""
    return name.partition("://")[0]


@pytest.fixture(scope="session")
def backends(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    started = Backends(tmp_path_factory.mktemp("stores"), asked=bool(pytestconfig.getoption("store")))
    yield started
    started.close()


@pytest.fixture
def key_prefix() -> str:
    """Return a corner of the server for this test alone."""
    return f"test-{secrets.token_hex(6)}"


def _opened(backends: Backends, name: str, key_prefix: str) -> Iterator[Store]:
    store = backends.get(name).open(key_prefix)
    yield store
    store.close()


@pytest.fixture
def contract_store(request: pytest.FixtureRequest, backends: Backends, key_prefix: str) -> Iterator[Store]:
    """Yield an empty store of each kind that keeps the contract."""
    yield from _opened(backends, request.param, key_prefix)


@pytest.fixture
def race_store(request: pytest.FixtureRequest, backends: Backends, key_prefix: str) -> Iterator[Store]:
    """Yield an empty store of each kind that threads may race on."""
    yield from _opened(backends, request.param, key_prefix)


@pytest.fixture
def process_store(request: pytest.FixtureRequest, backends: Backends) -> str:
    """Return the URL of each store that processes may race on."""
    return backends.process_url(request.param)


@pytest.fixture
def any_store(request: pytest.FixtureRequest, backends: Backends, key_prefix: str) -> Iterator[Store]:
    """Yield an empty store of each kind that features are tested on: by default memory and Redis."""
    yield from _opened(backends, request.param, key_prefix)


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that starts at the real time, in whole seconds as sessions have them, and moves when told."""
    return FakeClock(float(int(time.time())))


@pytest.fixture
def store(clock: FakeClock) -> Iterator[FaultyStore]:
    """Yield an empty store in memory that fails on cue."""
    faulty = FaultyStore(MemoryStore(clock=clock))
    yield faulty
    faulty.close()
