"""Settings that are valid alone but make no sense together."""

from __future__ import annotations

from collections.abc import Iterator

from flask_gosession.config import PREFIX, Config
from flask_gosession.findings import Finding, ok

_NEVER_IDLE = "The idle timeout never applies: the session is over before."
_TOO_LONG = (
    ("idle_timeout", "absolute_timeout", _NEVER_IDLE),
    ("remember_idle_timeout", "remember_absolute_timeout", _NEVER_IDLE),
    ("access_lifetime", "idle_timeout", "An access token looks valid although its session has been idle too long."),
    ("fresh_lifetime", "absolute_timeout", "Every session is fresh for all its life: no route ever asks again."),
    ("touch_interval", "idle_timeout", "The setting has no effect: use is noted ten times per idle timeout."),
    ("leeway", "access_lifetime", "Every token lives more than twice as long as it says."),
    ("rotation_grace", "access_lifetime", "Tokens before a refresh outlive those after it."),
)
"""Pairs of which the first should not be longer than the second, and why."""

_TOO_SHORT = (
    ("remember_idle_timeout", "idle_timeout"),
    ("remember_absolute_timeout", "absolute_timeout"),
)
"""Pairs of which the first should not be shorter than the second: remember-me would make a session shorter."""


def check_lifetimes(config: Config) -> Iterator[Finding]:
    """Check for durations and limits that contradict one another."""
    found = [*_durations(config), *_limits(config)]
    yield from found or [ok("settings.lifetimes", "The lifetimes and limits go together.")]


def _durations(config: Config) -> Iterator[Finding]:
    for longer, shorter, why in _TOO_LONG:
        if getattr(config, longer) > getattr(config, shorter):
            yield _finding(config, longer, "longer", shorter, why)
    for longer, shorter in _TOO_SHORT:
        if getattr(config, longer) < getattr(config, shorter):
            yield _finding(config, longer, "shorter", shorter, "With remember-me a session ends sooner than without.")


def _finding(config: Config, one: str, relation: str, other: str, why: str) -> Finding:
    mine, theirs = getattr(config, one), getattr(config, other)
    return Finding(
        "settings.lifetimes",
        "warning",
        f"{PREFIX}{one.upper()} ({mine:g} s) is {relation} than {PREFIX}{other.upper()} ({theirs:g} s).",
        why,
        f"{PREFIX}{one.upper()} = {theirs:g}",
    )


def _limits(config: Config) -> Iterator[Finding]:
    for name, limit in config.client_limits.items():
        if limit > config.session_limit:
            yield Finding(
                "settings.limits",
                "warning",
                f"{PREFIX}CLIENT_LIMITS allows {limit} sessions of {name!r}, and {PREFIX}SESSION_LIMIT "
                f"{config.session_limit} in all.",
                "The smaller one decides: the class never has as many.",
                f"{PREFIX}SESSION_LIMIT = {limit}",
            )
