"""Whose access token is renewed, and when."""

from __future__ import annotations

import pytest

from flask_gosession.session.renewal import is_due, may_renew

from .build import DAY, NOW, access, session


@pytest.mark.parametrize(
    ("in_cookies", "expired", "allowed"),
    [
        (True, False, True),
        (True, True, True),
        (False, False, False),
        (False, True, False),
        (None, False, True),
        (None, True, False),
    ],
)
def test_only_what_went_out_as_cookies(in_cookies, expired, allowed):
    """A token given to a header client is never renewed; where an older record does not say, not once it expired."""
    assert may_renew(session(in_cookies=in_cookies), expired=expired) is allowed


@pytest.mark.parametrize(
    ("lifetime", "left", "due"),
    [
        (900, 91, False),
        (900, 89, True),
        (900, -1, True),
        (900, -5 * DAY, True),
        (60, 31, False),
        (60, 29, True),
        (DAY, 8639, True),
    ],
)
def test_in_the_last_tenth_of_its_life_and_after_it(lifetime, left, due):
    """A token is due within a tenth of its life before its end, 30 seconds at least, and ever after."""
    made = session(access_lifetime=lifetime)
    assert is_due(made, access(made, expires_at=int(NOW) + left), NOW) is due


def test_never_past_the_absolute_end():
    """A token that lives as long as its session has nothing later to be renewed to (REV-04)."""
    made = session(expires=NOW + 20)
    assert not is_due(made, access(made, expires_at=int(NOW) + 20), NOW)
    assert is_due(made, access(made, expires_at=int(NOW) + 10), NOW)
