"""When each key signs: published before, kept after, and the same answer for everybody."""

from __future__ import annotations

from typing import Any

import pytest

from flask_gosession.errors import ConfigError
from flask_gosession.tokens.key_schedule import LEAST_AHEAD, Schedule, hastened, moved_on, resolved, scheduled

DAY = 86_400.0
T0 = 1_800_000_000.0
SCHEDULE = Schedule(every=30 * DAY, ahead=DAY, kept=10 * DAY)


def first(at: float = T0) -> list[dict[str, Any]]:
    return [scheduled("HS256", at, at)]


def statuses(entries: list[dict[str, Any]], now: float) -> list[str]:
    return [entry["status"] for entry in resolved(entries, now)]


def test_the_latest_that_may_sign_is_active():
    """Before its moment a key is next, from it on active, and retired once a later one signs."""
    entries = [scheduled("HS256", T0, T0 + 100), *first()]
    assert statuses(entries, T0) == ["next", "active"]
    assert statuses(entries, T0 + 99.9) == ["next", "active"]
    assert statuses(entries, T0 + 100) == ["active", "retired"]
    assert all("signs_from" not in entry for entry in resolved(entries, T0))


def test_somebody_always_signs():
    """A process whose clock is behind the one that made the first key signs with it, too."""
    assert statuses(first(), T0 - 10) == ["active"]


def test_statuses_and_moments_go_together():
    """An active key without a moment signs until the first moment comes; others keep their status."""
    plain = {"kid": "a", "alg": "HS256", "status": "active", "secret": "x"}
    old = {**plain, "kid": "b", "status": "retired"}
    entries = [scheduled("HS256", T0, T0), plain, old]
    assert statuses(entries, T0 - 1) == ["next", "active", "retired"]
    assert statuses(entries, T0) == ["active", "retired", "retired"]


def test_nothing_is_due_until_the_next_key_must_be_published():
    """A day before the key has signed for thirty days, and not earlier, the next one is there, to sign on time."""
    entries = first()
    assert moved_on(entries, T0 + 29 * DAY - 1, SCHEDULE) == entries
    upcoming, before = moved_on(entries, T0 + 29 * DAY, SCHEDULE)
    assert before == entries[0]
    assert statuses([upcoming, before], T0 + 30 * DAY - 1) == ["next", "active"]
    assert statuses([upcoming, before], T0 + 30 * DAY) == ["active", "retired"]
    assert upcoming["alg"] == "HS256"


def test_a_late_process_still_publishes_ahead():
    """After a long standstill the next key signs no earlier than its time of publication allows."""
    upcoming, _ = moved_on(first(), T0 + 300 * DAY, SCHEDULE)
    assert statuses([upcoming, *first()], T0 + 301 * DAY - 1)[0] == "next"
    assert statuses([upcoming, *first()], T0 + 301 * DAY)[0] == "active"


def test_only_one_next_key_is_made():
    """Where one is published already, nothing is due."""
    entries = moved_on(first(), T0 + 29 * DAY, SCHEDULE)
    assert moved_on(entries, T0 + 29.5 * DAY, SCHEDULE) == entries


def test_a_retired_key_stays_as_long_as_its_tokens():
    """It goes when its successor has signed for the longest life of a token, and not before."""
    entries = moved_on(first(), T0 + 29 * DAY, SCHEDULE)
    ends = T0 + 30 * DAY + SCHEDULE.kept
    assert moved_on(entries, ends - 1, SCHEDULE) == entries
    assert moved_on(entries, ends, SCHEDULE) == entries[:1]


def test_a_key_by_its_status_is_followed_by_one_with_a_moment():
    """A list from before, whose key has a date, goes on from that date; without one the next key comes at once."""
    plain = {"kid": "a", "alg": "HS256", "status": "active", "secret": "x"}
    upcoming, _ = moved_on([plain], T0, SCHEDULE)
    assert statuses([upcoming, plain], T0 + DAY) == ["active", "retired"]
    assert moved_on([{**plain, "created": "2027-01-15"}], T0, SCHEDULE) == [{**plain, "created": "2027-01-15"}]


def test_without_a_rotation_only_what_is_over_goes():
    """With ``every`` at 0 no key is made."""
    entries = [scheduled("HS256", T0, T0 + DAY), *first()]
    assert moved_on(entries, T0 + 1000 * DAY, Schedule(0, DAY, DAY)) == entries[:1]


def test_by_hand_the_next_key_comes_now():
    """The first step publishes a next key, the second lets it sign."""
    entries = hastened(first(), T0 + DAY, SCHEDULE)
    assert statuses(entries, T0 + DAY) == ["next", "active"]
    assert statuses(entries, T0 + 2 * DAY) == ["active", "retired"]
    assert statuses(hastened(entries, T0 + DAY + 1, SCHEDULE), T0 + DAY + 1) == ["active", "retired"]


@pytest.mark.parametrize("moment", ["soon", "2026-01-31", "2026-01-31T00:00:00", None, True, [1]])
def test_a_moment_that_is_none_is_told(moment: object):
    """What is no moment, or has no time zone, is an error that names the key and nothing of it."""
    entry = {"kid": "mine", "alg": "HS256", "signs_from": moment, "secret": "hush-hush"}
    with pytest.raises(ConfigError, match="'mine' needs a signs_from") as told:
        resolved([entry], T0)
    assert "hush" not in str(told.value)


@pytest.mark.parametrize("moment", ["2027-01-15T08:00:00+00:00", "2027-01-15T08:00:00Z", T0, int(T0)])
def test_moments_are_text_or_numbers(moment: object):
    """ISO 8601 with a time zone, Z or not, and Unix times are moments."""
    assert statuses([{"kid": "a", "signs_from": moment}], T0) == ["active"]


def test_a_status_beside_a_moment_is_refused():
    """One of the two would be wrong, sooner or later."""
    with pytest.raises(ConfigError, match="no status with it"):
        resolved([{**first()[0], "status": "active"}], T0)


def test_clients_with_cached_keys_are_waited_for():
    """No key can be told to sign sooner than the published set may be cached for."""
    from flask_gosession.config import Config
    from flask_gosession.tokens.key_schedule import JWKS_MAX_AGE

    assert LEAST_AHEAD > JWKS_MAX_AGE
    with pytest.raises(ConfigError, match="KEY_PUBLISH_AHEAD"):
        Config.load({"GOSESSION_KEY_PUBLISH_AHEAD": JWKS_MAX_AGE})
