"""How the values of settings are read."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from flask_gosession import setting_readers


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (90, 90.0),
        (1.5, 1.5),
        (0, 0.0),
        (timedelta(minutes=15), 900.0),
        ("90", 90.0),
        ("90s", 90.0),
        ("250ms", 0.25),
        ("15m", 900.0),
        ("15 min", 900.0),
        (" 1.5h ", 5400.0),
        ("7d", 604_800.0),
        ("2w", 1_209_600.0),
    ],
)
def test_durations_in_any_form_are_seconds(value, seconds):
    """A timedelta, seconds, and text with a unit all become seconds."""
    assert setting_readers.duration()(value) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value",
    [True, None, "", "m", "15 minutes", "1h30m", "-5m", "1e3", "٣.x", [], b"15m"],
)
def test_other_durations_are_refused(value):
    """What is no duration is an error with a sentence, whatever it is."""
    with pytest.raises(ValueError, match="must be a timedelta"):
        setting_readers.duration()(value)


@pytest.mark.parametrize(
    "value", [-1, 0.9, "500ms", timedelta(seconds=-5), "61", 1e14, "9" * 400, math.nan, math.inf, 10**400]
)
def test_durations_have_bounds(value):
    """A duration that is out of its bounds is refused with the bounds."""
    with pytest.raises(ValueError, match="must be between 1 second and 1 minute"):
        setting_readers.duration(1, 60)(value)


@pytest.mark.parametrize("value", [0, 11, True, 5.0, "5", None])
def test_whole_numbers(value):
    """Only an int within its bounds is a whole number; a bool is none."""
    assert setting_readers.whole(1, 10)(5) == 5
    with pytest.raises(ValueError, match="whole number between 1 and 10"):
        setting_readers.whole(1, 10)(value)


@pytest.mark.parametrize("value", [0, 1, "true", None])
def test_flags(value):
    """Only True and False are flags: a text such as "false" would be true."""
    assert setting_readers.flag(False) is False
    with pytest.raises(ValueError, match="True or False"):
        setting_readers.flag(value)


@pytest.mark.parametrize("value", ["", "  ", 5, None, b"x"])
def test_texts_are_not_empty(value):
    """Text is a str with something in it."""
    assert setting_readers.text("x") == "x"
    with pytest.raises(ValueError, match="must be text"):
        setting_readers.text(value)


@pytest.mark.parametrize("value", ["c", None, 1, ["a"], "A"])
def test_one_of_the_words(value):
    """One of the words exactly; the sentence names them."""
    assert setting_readers.one_of("a", "b")("b") == "b"
    with pytest.raises(ValueError, match='must be "a" or "b"'):
        setting_readers.one_of("a", "b")(value)


@pytest.mark.parametrize("value", ["c", None, 5, ["a", "c"], {"a": 1}, [["a"]]])
def test_some_of_the_words(value):
    """A list of words without repetition, in order; one word alone is a list of one."""
    read = setting_readers.some_of("a", "b")
    assert read(["b", "a", "b"]) == ("b", "a")
    assert read("a") == ("a",)
    with pytest.raises(ValueError, match='must be a list of "a" or "b"'):
        read(value)


@pytest.mark.parametrize("value", [5, None, [""], [5], {"a"}])
def test_lists_of_texts(value):
    """A list of texts; one text alone is a list of one."""
    assert setting_readers.texts(["x", "y"]) == ("x", "y")
    assert setting_readers.texts("x") == ("x",)
    with pytest.raises(ValueError, match="list of texts"):
        setting_readers.texts(value)


def test_lists_of_origins():
    """An origin is what a browser sends: a host alone, or an address with a path, would never match."""
    good = ("https://id.example", "http://localhost:3000", "https://[::1]:8443", "capacitor://localhost")
    assert setting_readers.origins(list(good)) == good
    assert setting_readers.origins("https://id.example") == ("https://id.example",)
    for value in ("id.example", "https://id.example/", "https://me@id.example", "null", "*", "https://", 1):
        with pytest.raises(ValueError, match="must be a list of"):
            setting_readers.origins(value)


@pytest.mark.parametrize("value", [5, None, ["web"], {"web": "1"}, {"": 1}, {5: 1}, {"web": -1}, {"web": True}])
def test_limits_by_class(value):
    """A mapping of client class to a whole number."""
    assert setting_readers.limits({"web": 1, "*": 0}) == {"web": 1, "*": 0}
    with pytest.raises(ValueError, match="must be a"):
        setting_readers.limits(value)


def test_a_setting_may_be_none():
    """None passes where the setting is optional, and only None."""
    read = setting_readers.optional(setting_readers.text)
    assert read(None) is None
    with pytest.raises(ValueError, match="must be text"):
        read("")


@pytest.mark.parametrize("value", ["b", "", "aa", None, 5, "a\n"])
def test_text_of_a_form(value):
    """The whole text must have the form; a line end at its end is not forgiven."""
    read = setting_readers.matching("a", "an a")
    assert read("a") == "a"
    with pytest.raises(ValueError, match="must be an a"):
        read(value)
