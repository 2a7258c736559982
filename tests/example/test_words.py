"""What things are called for people."""

from __future__ import annotations

from typing import NamedTuple, get_args

import pytest

from example_app.moments import ago, hours_ago
from example_app.words import (
    ACTIONS,
    REASONS,
    action_of,
    client_of,
    device_icon,
    device_name,
    ending_of,
    place,
    reason_of,
)
from flask_gosession.errors import Reason, SessionEnded, SessionIdle


class Device(NamedTuple):
    client: str = "web"
    label: str = ""
    agent: str = ""


@pytest.mark.parametrize(
    ("ip", "here", "said"),
    [
        ("192.0.2.7", "192.0.2.7", "Same address as you"),
        ("192.0.2.8", "192.0.2.7", "Same network as you"),
        ("2001:db8:1:2::9", "2001:db8:1:2::7", "Same network as you"),
        ("2001:db8:1:3::9", "127.0.0.1", "A private network"),
        ("8.8.8.8", "192.0.2.7", "Elsewhere on the internet"),
        ("8.8.8.8", "2001:db8::1", "Elsewhere on the internet"),
        ("10.0.0.7", "8.8.8.8", "A private network"),
        ("127.0.0.1", "8.8.8.8", "The server itself"),
        ("", "8.8.8.8", "Unknown"),
        ("unix:", "8.8.8.8", "unix:"),
        ("8.8.8.8", "", "8.8.8.8"),
    ],
)
def test_a_place_is_told_without_a_city(ip, here, said):
    """An address is put in words by what can be seen from here; what is no address stays as it is."""
    assert place(ip, here) == said


@pytest.mark.parametrize(
    ("device", "icon", "name"),
    [
        (Device("ios", "Mobile Safari on iOS"), "phone", "Mobile Safari on iOS"),
        (Device("web", "Chrome Mobile on Android", "Mozilla/5.0 Mobile"), "phone", "Chrome Mobile on Android"),
        (Device("web", "Firefox on Linux"), "laptop", "Firefox on Linux"),
        (Device("api", "", "backup/1.4"), "program", "backup/1.4"),
        (Device("toaster"), "program", "Unknown device"),
    ],
)
def test_a_device_has_an_icon_and_a_name(device, icon, name):
    """The icon goes by the client class, and for a browser by what it runs on; the name is the best there is."""
    assert (device_icon(device), device_name(device)) == (icon, name)


def test_every_reason_has_its_look():
    """Each reason of the package has words, an icon and a tone; an unknown one goes by its own name."""
    assert set(REASONS) == set(get_args(Reason))
    assert reason_of("sold_out").text == "Sold out"
    assert client_of("toaster").phrase == "toaster"
    assert (action_of("logged_in"), action_of("moon_landed").text) == (ACTIONS["logged_in"], "Moon landed")


def test_an_ending_says_why_when_and_by_which_client():
    """A refusal becomes what the banner shows; one without a reason goes by its error."""
    error = SessionEnded("Gone.", reason="evicted", at=1_800_000_000.0, client="ios")
    assert ending_of(error) == {"reason": "evicted", "message": "Gone.", "at": 1_800_000_000, "client": "ios"}
    assert ending_of(SessionIdle())["reason"] == "idle"


@pytest.mark.parametrize(
    ("put", "seconds", "said"),
    [
        (ago, -5, "just now"),
        (ago, 59, "just now"),
        (ago, 60, "1 minute ago"),
        (ago, 3599, "59 minutes ago"),
        (ago, 7200, "2 hours ago"),
        (ago, 86_400, "1 day ago"),
        (hours_ago, -5, "within the last hour"),
        (hours_ago, 3599, "within the last hour"),
        (hours_ago, 3600, "1 hour ago"),
        (hours_ago, 82_800, "23 hours ago"),
        (hours_ago, 172_800, "2 days ago"),
    ],
)
def test_how_long_ago_something_was(put, seconds, said):
    """Minutes, hours or days, whichever is largest; of some things, never in minutes."""
    assert put(seconds) == said
