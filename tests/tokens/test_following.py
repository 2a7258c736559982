"""Keys from a file that changes, or from a function."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sites import Site, error_of, make_app, open_endpoints

from flask_gosession import ConfigError, GoSession
from flask_gosession.testing.clock import FakeClock
from flask_gosession.tokens.key_entries import new_entry
from flask_gosession.tokens.key_schedule import JWKS_MAX_AGE
from tokens.pairs import pair

DAY = 86_400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def put(path: Path, *entries: dict[str, Any]) -> None:
    """Replace the file as a deployment does."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(entries))
    draft.replace(path)


def site_of(clock: FakeClock, keys: object, **config: Any) -> Site:
    return open_endpoints(clock, KEYS=keys, **config)


def works(site: Site, token: str) -> bool:
    return site.get(token, "/auth/session").status_code == 200


@pytest.mark.parametrize("form", [lambda path: path, lambda path: f"file://{path}"])
def test_a_file_is_read_again_when_it_changes(path: Path, clock: FakeClock, form: Callable[[Path], object]):
    """A key that is put into the file signs, and one that is taken out verifies no more, within a second."""
    put(path, pair("ES256", "a"))
    site = site_of(clock, form(path))
    first = site.pair("ada").access_token
    assert works(site, first)
    put(path, pair("ES256", "a", "retired"), pair("EdDSA", "b"))
    clock.advance(1)
    second = site.pair("ada").access_token
    assert works(site, first)
    assert works(site, second)
    put(path, pair("EdDSA", "b"))
    clock.advance(1)
    assert error_of(site.get(first, "/auth/session")) == (401, "token_invalid")
    assert works(site, second)


def test_a_key_that_is_not_known_is_looked_for_at_once(path: Path, clock: FakeClock):
    """A token by a key that another process has just begun to sign with is good without a wait."""
    put(path, pair("ES256", "a"))
    here = site_of(clock, path)
    assert works(here, here.pair("ada").access_token)
    put(path, pair("ES256", "b"), pair("ES256", "a", "retired"))
    elsewhere = site_of(clock, path)
    here.store.store = elsewhere.store.store
    assert works(here, elsewhere.pair("ada").access_token)


@pytest.mark.parametrize("broken", ["{", "[]", '[{"kid": "hush-hush"}]', "{}", '"hush-hush"', None])
def test_a_file_that_breaks_changes_nothing(
    path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture, broken: str | None
):
    """While the app runs, a broken or missing file is logged, once, without what is in it; the keys stay in use."""
    put(path, pair("ES256", "a"))
    site = site_of(clock, path)
    token = site.pair("ada").access_token
    path.unlink() if broken is None else path.write_text(broken)
    for _ in range(5):
        clock.advance(2)
        assert works(site, token)
    told = [each.getMessage() for each in caplog.records if "the known ones stay in use" in each.getMessage()]
    assert len(told) == 1
    put(path, pair("ES256", "a", "retired"), pair("ES256", "b"))
    clock.advance(2)
    assert [key["kid"] for key in _published(site)] == ["b", "a"]


def _published(site: Site) -> list[dict[str, str]]:
    return site.get(None, "/auth/jwks.json").get_json()["keys"]


@pytest.mark.parametrize(("text", "problem"), [(None, "cannot be read"), ("{", "are not JSON"), ("{}", "not a list")])
def test_a_broken_file_at_the_start_is_told(path: Path, text: str | None, problem: str):
    """An app does not start with a file that cannot be read."""
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        GoSession(make_app(KEYS=path))


def test_text_that_names_no_file_could_be_a_secret():
    """Text without file:// is refused, and not repeated."""
    with pytest.raises(ConfigError, match="GOSESSION_KEYS is a list of keys") as told:
        GoSession(make_app(KEYS="/hush/hush"))
    assert "hush" not in str(told.value)


def test_a_function_is_asked_now_and_then(clock: FakeClock):
    """It is called at the start, every half minute, and for an unknown key at most every five seconds."""
    asked: list[float] = []
    entries = [new_entry("HS256", _today(), status="active")]

    def keys() -> list[dict[str, str]]:
        asked.append(clock())
        return entries

    site = site_of(clock, keys)
    token = site.pair("ada").access_token
    for _ in range(60):
        clock.advance(1)
        assert works(site, token)
    assert len(asked) == 3
    stranger = open_endpoints(clock, KEYS=[new_entry("HS256", _today(), status="active")]).pair("ada").access_token
    for _ in range(20):
        clock.advance(1)
        assert not works(site, stranger)
    assert len(asked) <= 3 + 5


def _today():
    from datetime import date

    return date(2026, 11, 21)


def test_a_function_that_raises_changes_nothing(clock: FakeClock, caplog: pytest.LogCaptureFixture):
    """A vault that does not answer signs nobody out; its own words, which may hold a key, are not logged."""
    entries = [new_entry("HS256", _today(), status="active")]

    def keys() -> list[dict[str, str]]:
        if not entries:
            raise RuntimeError("hush-hush")
        return entries

    site = site_of(clock, keys)
    token = site.pair("ada").access_token
    entries.clear()
    clock.advance(31)
    assert works(site, token)
    assert "RuntimeError" in caplog.text
    assert "hush" not in caplog.text


def test_a_file_rotates_by_itself(path: Path, clock: FakeClock):
    """With KEY_ROTATION the file is made; a next key is published a day ahead, signs, and the old one goes."""
    options = {"KEY_ROTATION": "30d", "ABSOLUTE_TIMEOUT": "7d", "REMEMBER_ABSOLUTE_TIMEOUT": "7d"}
    site = site_of(clock, path, REMEMBER_IDLE_TIMEOUT="7d", **options)
    (first,) = [key["kid"] for key in _published(site)]
    clock.advance(29 * DAY + 120)
    assert site.pair("ada").access_token
    clock.advance(2)
    (second, _) = [key["kid"] for key in _published(site)]
    assert _signer(site) == first
    clock.advance(DAY)
    assert _signer(site) == second
    assert [key["kid"] for key in _published(site)] == [second, first]
    clock.advance(7 * DAY + 120)
    _signer(site)
    clock.advance(2)
    assert [key["kid"] for key in _published(site)] == [second]


def _signer(site: Site) -> str:
    from flask_gosession.tokens.jws import parse

    return parse(site.pair("ada").access_token, 8192).kid


def test_a_file_that_cannot_be_written_goes_on_signing(
    path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    """Where the next key cannot be published, the old one signs on, and the log says why, once."""
    site = site_of(clock, path, KEY_ROTATION="30d")
    path.rename(folder := path.parent / "kept.json")
    path.symlink_to(folder)
    monkeypatch.setattr("flask_gosession.tokens.key_sources.NamedTemporaryFile", _full)
    clock.advance(40 * DAY)
    for _ in range(5):
        clock.advance(61)
        assert works(site, site.pair("ada").access_token)
    assert len([each for each in caplog.records if "cannot be written" in each.getMessage()]) == 1


def _full(*_arguments: object, **_options: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"KEYS": [], "KEY_ROTATION": "30d"}, "KEY_ROTATION needs GOSESSION_KEYS to be the path of a file"),
        ({"KEYS": "file:///nowhere", "KEY_ROTATION": "1d"}, "shorter than twice"),
        ({"KEY_PUBLISH_AHEAD": JWKS_MAX_AGE}, "KEY_PUBLISH_AHEAD"),
    ],
)
def test_settings_that_make_no_sense_are_told(config: dict[str, Any], problem: str):
    """A rotation without a file, or one that outruns its own publications, is a sentence at start-up."""
    with pytest.raises(ConfigError, match=problem):
        GoSession(make_app(**config))


def test_many_threads_look_once(path: Path, clock: FakeClock):
    """While one thread reads the file, the others go on with the keys they know."""
    put(path, pair("ES256", "a"))
    site = site_of(clock, path)
    token = site.pair("ada").access_token
    answers: list[bool] = []
    clock.advance(5)
    threads = [threading.Thread(target=lambda: answers.append(works(site, token))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 8


def test_the_published_keys_can_be_had_in_code(path: Path, clock: FakeClock):
    """`gosession.jwks()` is what the endpoint publishes, also for secrets and opaque tokens: nothing."""
    put(path, pair("ES256", "a"))
    site = site_of(clock, path)
    with site.app.app_context():
        assert site.gosession.jwks() == {"keys": _published(site)}
    for options in ({}, {"TOKEN_MODE": "opaque"}):
        other = open_endpoints(clock, **options)
        with other.app.app_context():
            assert other.gosession.jwks() == {"keys": []}
