"""After a sign-out everywhere, a password change or a ban, nobody comes in with earlier credentials."""

from __future__ import annotations

import pytest

from flask_gosession.errors import Banned, SessionEnded
from flask_gosession.events import NotBeforeSet

SETTERS = {
    "revoked_all": lambda it: it.revoke_all("ada"),
    "password_changed": lambda it: it.revoke_all("ada", "password_changed"),
    "banned": lambda it: (it.ban("ada", until=it.clock() + 1), it.lift_ban("ada")),
}


@pytest.mark.parametrize("reason", SETTERS)
def test_earlier_credentials_are_refused(make, any_store, clock, told, reason):
    """LIF-05: each of them sets a mark, tells of it, and refuses a login from before, with its own reason."""
    manager = make(any_store)
    seen = clock()
    clock.advance(1)
    SETTERS[reason](manager)
    with pytest.raises(SessionEnded) as refused:
        manager.login("ada", authenticated=seen)
    assert (refused.value.reason, refused.value.at) == (reason, clock())
    assert manager.sessions("ada") == []
    assert [(event.at, event.reason) for event in told if isinstance(event, NotBeforeSet)] == [(clock(), reason)]
    assert manager.login("ada").sid


def test_what_is_kept_stays(manager, clock):
    """The session of whoever has changed the password goes on, and so does a login that continues it."""
    mine, seen = manager.login("ada"), clock()
    clock.advance(1)
    manager.revoke_all("ada", "password_changed", but=mine.sid)
    manager.check(mine.access_token)
    manager.login("ada", authenticated=seen, continues=mine.sid)
    with pytest.raises(SessionEnded):
        manager.login("ada", authenticated=seen)


def test_one_client_class_sets_no_mark(manager, clock):
    """Signing out all phones says nothing about the password."""
    seen = clock()
    clock.advance(1)
    manager.revoke_all("ada", client_class="ios")
    assert manager.not_before_of("ada") is None
    manager.login("ada", authenticated=seen)


def test_the_end_of_one_session_sets_no_mark(manager):
    """Nor does a sign-out."""
    manager.logout(manager.login("ada").access_token)
    assert manager.not_before_of("ada") is None


def test_the_mark_outlives_every_session(make, clock):
    """It is kept as long as any session from before could be live, in a record that holds nothing else."""
    manager = make(absolute_timeout=1000.0, remember_absolute_timeout=5000.0)
    manager.revoke_all("ada")
    mark = manager.not_before_of("ada")
    assert (mark.at, mark.until, mark.reason) == (clock(), clock() + 5000, "revoked_all")
    clock.advance(4999)
    manager.store.purge(clock())
    assert manager.not_before_of("ada") == mark
    clock.advance(1)
    assert manager.not_before_of("ada") is None
    clock.advance(2 * 86_400)
    manager.store.purge(clock())
    assert list(manager.store.subjects()) == []


def test_foreign_credentials_are_judged_alike(manager, clock):
    """Whoever takes tokens of another kind asks whether they are from before the mark, or of somebody banned."""
    manager.require_current("ada", clock() - 1)
    manager.revoke_all("ada", "password_changed")
    manager.require_current("ada", clock())
    with pytest.raises(SessionEnded):
        manager.require_current("ada", clock() - 1)
    manager.ban("ada", until=clock() + 9)
    with pytest.raises(Banned):
        manager.require_current("ada", clock())
    with pytest.raises(ValueError, match="seen_at"):
        manager.require_current("ada", -1)
