"""The option --store is split where a store begins, and only there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import servers
from store_option import split_stores, unknown_stores

SENTINEL = "redis+sentinel://:pw@a:1,b:2/service/0"
CLUSTER = "redis+cluster://a:1,b:2,c:3"


@pytest.mark.parametrize(
    ("values", "stores"),
    [
        ([], []),
        ([""], []),
        (["memory"], ["memory"]),
        (["memory,fakeredis"], ["memory", "fakeredis"]),
        (["memory", "fakeredis"], ["memory", "fakeredis"]),
        (["memory,memory"], ["memory"]),
        ([SENTINEL], [SENTINEL]),
        ([f"{CLUSTER},{SENTINEL}"], [CLUSTER, SENTINEL]),
        ([f"memory,{CLUSTER},fakeredis"], ["memory", CLUSTER, "fakeredis"]),
        (["redis+cluster://redis,memory-1:2,file.host"], ["redis+cluster://redis,memory-1:2,file.host"]),
        (["redis://h/0,postgresql+psycopg://h/db"], ["redis://h/0", "postgresql+psycopg://h/db"]),
        (["memory,typo"], ["memory,typo"]),
    ],
)
def test_splitting(values: list[str], stores: list[str]) -> None:
    """A comma parts only where a name or a scheme follows, so that URLs with several hosts stay whole."""
    assert split_stores(values) == stores


def test_unknown() -> None:
    """What is neither a name nor a URL is noticed."""
    assert unknown_stores(["memory", SENTINEL, "typo", "memory,typo"]) == ["typo", "memory,typo"]


def run_contract(store: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", f"--store={store}"]
    test = "tests/stores/test_contract.py::TestContract::test_ping"
    root = Path(__file__).parent.parent
    return subprocess.run([*command, test], cwd=root, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_absent_server_fails() -> None:
    """A server that was asked for and does not answer fails the tests with a sentence that hides its password."""
    run = run_contract(f"redis://:hunter2@127.0.0.1:{servers.free_port()}/0")
    assert run.returncode == 1
    assert "was asked for but does not answer" in run.stdout
    assert "hunter2" not in run.stdout


@pytest.mark.long
def test_unknown_store_stops_the_run() -> None:
    """A name that is not known stops the run before any test."""
    run = run_contract("typo")
    assert run.returncode == 4
    assert "not typo" in run.stderr
