"""Whether a realm can keep what its levels promise: checked at set-up, and for its routes at the first request."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from flask import Flask
from msgspec.structs import replace

from flask_gosession.config import PREFIX, Config
from flask_gosession.errors import ConfigError
from flask_gosession.stores.base import Store
from flask_gosession.stores.feed import feed_of
from flask_gosession.web.decorators import NEEDS
from flask_gosession.web.state import State

NO_FEED = (
    'the level "cached" needs a store that announces changes (Redis, Valkey, memory): with this one, each process '
    'would keep accepting sessions that another has ended. Use "strict".'
)
TOO_OLD = f"{PREFIX}MAX_STALE is longer than {PREFIX}TOUCH_INTERVAL: sessions in use could end as unused."
OPAQUE = f'the level "signature" needs {PREFIX}TOKEN_MODE = "jwt": opaque tokens say nothing by themselves.'


def level_problems(config: Config, store: Store) -> Iterator[str]:
    """Yield why the configured level does not work with *store*."""
    for problem in _problems({config.level}, config, store):
        yield f"{PREFIX}LEVEL: {problem}"


def prepare_levels(app: Flask, state: State) -> None:
    """Provide what the levels named by the routes of *app* need. Raises ConfigError if a level does not work here."""
    named = set(_named_levels(app, state.config.realm))
    problems = _problems(named, state.config, state.manager.store)
    if problems:
        raise ConfigError(*(f"A route of this app cannot have the level that it names: {one}" for one in problems))
    if "signature" in named:
        # Tokens may be used without asking the store, so a first use that went unseen proves nothing.
        state.manager.policy = replace(state.manager.policy, unseen_use=True)


def _problems(levels: Collection[str | None], config: Config, store: Store) -> list[str]:
    wrong = {
        NO_FEED: "cached" in levels and feed_of(store) is None,
        TOO_OLD: "cached" in levels and config.max_stale > config.touch_interval,
        OPAQUE: "signature" in levels and config.token_mode == "opaque",  # noqa: S105 - a mode, not a password
    }
    return [problem for problem, is_so in wrong.items() if is_so]


def _named_levels(app: Flask, realm: str) -> Iterator[str | None]:
    for view in app.view_functions.values():
        for need in getattr(view, NEEDS, ()):
            if need["realm"] == realm:
                yield need.get("level")
