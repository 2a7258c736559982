"""What is kept about a device: short, and nothing that a terminal would obey."""

from __future__ import annotations

import pytest

from flask_gosession.session.device import Device


@pytest.mark.parametrize("name", ["ip", "agent", "label"])
def test_control_characters_are_left_out(name):
    """Escape sequences, line ends and marks that turn the direction of text do not reach the record."""
    odd = "Mozilla\x1b[31m\r\n\x00\x7f\x9b\u202e\u2028/5.0 (é 日本)"
    assert getattr(Device(**{name: odd}), name) == "Mozilla[31m/5.0 (é 日本)"


def test_long_texts_are_cut_after_that():
    """What is left out takes no room from what is kept."""
    assert Device(agent="\n" * 500 + "x" * 500).agent == "x" * 200
