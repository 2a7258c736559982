"""What is in the store, and clearing it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.shop import Shop
from flask_gosession.engine import scanning
from flask_gosession.engine.scanning import Stats, count_records
from flask_gosession.errors import StoreUnavailable
from flask_gosession.stores.base import Record
from flask_gosession.stores.breaker import behind_breaker
from flask_gosession.stores.capabilities import Paged


@pytest.fixture
def people(shop: Shop) -> Shop:
    """Return the shop with 25 people: each with a web session, five with a phone, three signed out, two banned."""
    for number in range(25):
        shop.manager.login(f"user-{number}")
        shop.clock.advance(1)
    for number in range(5):
        shop.manager.login(f"user-{number}", client="ios")
    for number in range(10, 13):
        shop.manager.revoke_all(f"user-{number}", "password_changed")
    for number in (20, 21):
        shop.manager.ban(f"user-{number}", until=shop.clock() + 3600)
    return shop


def test_stats_count_everything(people: Shop):
    """Subjects, live sessions by class, ended ones by reason, bans, bytes and the first and last login are counted."""
    counted = people.json("stats")
    assert (counted["subjects"], counted["signed_in"], counted["banned"]) == (25, 20, 2)
    assert counted["live_by_client"] == {"web": 20, "ios": 5}
    assert counted["ended_by_reason"] == {"password_changed": 3, "banned": 2}
    assert (counted["live"], counted["ended"]) == (25, 5)
    assert counted["bytes"] > 25 * 60
    assert counted["newest"] - counted["oldest"] == pytest.approx(25)
    assert counted["complete"]


def test_stats_are_those_of_python(people: Shop):
    """The command prints what `manager.stats` returns."""
    assert people.json("stats") == json.loads(scanning.msgspec.json.encode(people.manager.stats()))


def test_a_corrupt_record_is_counted(people: Shop):
    """What cannot be read is counted, and stops nothing."""
    people.manager.store.swap("odd", None, Record(b"\xc1", b"12345678"), people.clock() + 3600)
    counted = people.json("stats")
    assert (counted["subjects"], counted["unreadable"]) == (26, 1)


def test_an_interrupted_count_goes_on(people: Shop, tmp_path: Path):
    """A count that was kept in a file goes on where it stopped, and counts everybody once."""
    store, now, path = people.manager.store, people.clock(), tmp_path / "count"
    kept = next(count_records(store, now, batch=4))
    path.write_bytes(scanning.msgspec.json.encode(kept))
    result = people.run("stats", "--state", str(path), "--json")
    if not isinstance(behind_breaker(store), Paged):
        assert (result.exit_code, kept.position) == (2, None)
        assert "cannot be continued" in result.stderr
        return
    assert "resuming after" in result.stderr
    assert json.loads(result.stdout)["subjects"] == 25
    assert not path.exists()


def test_a_count_is_kept_while_it_grows(people: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """When the store goes away in the middle, the file holds what was counted until then."""
    path = tmp_path / "count"

    def interrupted(store, now, start):
        yield Stats(read=7, subjects=7, position="0:1")
        raise StoreUnavailable

    monkeypatch.setattr("flask_gosession.cli.upkeep.count_records", interrupted)
    assert people.run("stats", "--state", str(path)).exit_code == 3
    assert json.loads(path.read_text())["read"] == 7


def test_another_file_is_not_taken_for_a_count(small_shop: Shop, tmp_path: Path):
    """A file that holds something else is left alone, with a sentence."""
    path = tmp_path / "notes"
    path.write_text("dear diary")
    result = small_shop.run("stats", "--state", str(path))
    assert result.exit_code == 2
    assert path.read_text() == "dear diary"


@pytest.mark.parametrize("place", ["missing/count", "notes/count"])
def test_a_count_that_cannot_be_kept_is_a_sentence(small_shop: Shop, tmp_path: Path, place: str):
    """A folder that is missing, or is a file: the sentence names the path and what is wrong with it."""
    (tmp_path / "notes").write_text("dear diary")
    result = small_shop.run("stats", "--state", str(tmp_path / place))
    assert result.exit_code == 2
    assert place in result.stderr
    assert "directory" in result.stderr


def test_an_estimate_is_projected_from_a_sample(people: Shop):
    """Some records stand for all of them, where the store can tell how many there are."""
    guessed = scanning.estimate(people.manager.store, people.clock(), sample=1)
    assert guessed.complete
    assert guessed.subjects == 25
    assert people.json("stats", "--estimate")["subjects"] == 25


def test_purge_says_what_it_would_do(shop: Shop):
    """--dry-run counts and deletes nothing; the purge deletes as many; Redis forgets by itself."""
    shop.manager.login("ada", lifetime=60)
    shop.manager.login("bob")
    shop.clock.advance(86_400 * 9)
    would = shop.json("purge", "--dry-run")["purged"]
    assert shop.json("purge") == {"purged": would, "dry_run": False}
    assert shop.json("purge")["purged"] == 0
    home = type(behind_breaker(shop.manager.store)).__name__
    assert would == (0 if home == "RedisStore" else 2)


def test_purge_goes_on_until_all_is_gone(small_shop: Shop, monkeypatch: pytest.MonkeyPatch):
    """More than one batch is purged by one command."""
    monkeypatch.setattr("flask_gosession.cli.upkeep.BATCH", 3)
    for number in range(10):
        small_shop.manager.login(f"user-{number}", lifetime=60)
    small_shop.clock.advance(86_400 * 9)
    home, looks = type(behind_breaker(small_shop.manager.store)), []
    purge = home.purge
    monkeypatch.setattr(home, "purge", lambda store, *args: looks.append(args) or purge(store, *args))
    assert small_shop.json("purge")["purged"] == 10
    assert len(looks) == 4  # a look through a folder of files is dear
