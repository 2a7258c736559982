"""The numbers and choices that the rules use."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, get_args

import msgspec
from msgspec.structs import force_setattr

from flask_gosession.durations import Duration, Instant, seconds_of, unix_time_of

_MINUTE, _DAY = 60.0, 86_400.0

Level = Literal["strict", "cached", "signature"]
"""What a check relies on: the store, what this process knows from it, or the token alone."""
LEVELS: tuple[Level, ...] = get_args(Level)
"""All levels, the strictest first."""
OnLimit = Literal["evict_oldest", "evict_idle", "refuse"]
Binding = Literal["ip", "agent"]
BindingAction = Literal["signal", "step_up", "refuse"]


DURATIONS = (
    "access_lifetime",
    "idle_timeout",
    "absolute_timeout",
    "remember_idle_timeout",
    "remember_absolute_timeout",
    "impersonation_lifetime",
    "touch_interval",
    "rotation_grace",
    "leeway",
    "user_ttl",
    "fresh_lifetime",
)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Lifetimes, limits and caps; all durations in seconds, sizes in bytes. Its defaults are those of the settings.

    A duration may be given in any form, and `legacy_until` as a datetime, too. Raises ValueError or TypeError for what
    is neither, or negative.
    """

    access_lifetime: float = 15 * _MINUTE
    idle_timeout: float = 7 * _DAY
    absolute_timeout: float = 30 * _DAY
    remember_idle_timeout: float = 30 * _DAY
    remember_absolute_timeout: float = 180 * _DAY
    impersonation_lifetime: float = 60 * _MINUTE
    touch_interval: float = 60.0
    rotation_grace: float = 60.0
    refresh_rotation: bool = True
    """Whether a refresh brings another refresh token; if not, the one from the login lasts as long as its session."""
    unseen_use: bool = False
    """Whether a token may be used without asking the store: then its first use may never be seen."""
    leeway: float = 10.0
    session_limit: int = 50
    client_limits: Mapping[str, int] = {}
    on_limit: OnLimit = "evict_oldest"
    unused_first: bool = False
    """Whether sessions that were never used make room before all others; then the first use is noted at once."""
    user_ttl: float = 300.0
    legacy_until: float | None = None
    """Until when another library's credentials are honoured, as a Unix time; None if they are not."""
    fresh_lifetime: float = 15 * _MINUTE
    data_cap: int = 4096
    user_cap: int = 4096

    if TYPE_CHECKING:  # more forms may be given than are kept

        def __init__(
            self,
            *,
            access_lifetime: Duration = ...,
            idle_timeout: Duration = ...,
            absolute_timeout: Duration = ...,
            remember_idle_timeout: Duration = ...,
            remember_absolute_timeout: Duration = ...,
            impersonation_lifetime: Duration = ...,
            touch_interval: Duration = ...,
            rotation_grace: Duration = ...,
            refresh_rotation: bool = ...,
            unseen_use: bool = ...,
            leeway: Duration = ...,
            session_limit: int = ...,
            client_limits: Mapping[str, int] = ...,
            on_limit: OnLimit = ...,
            unused_first: bool = ...,
            user_ttl: Duration = ...,
            legacy_until: Instant | None = ...,
            fresh_lifetime: Duration = ...,
            data_cap: int = ...,
            user_cap: int = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        for name in DURATIONS:
            self._keep(name, _seconds_of)
        if self.legacy_until is not None:
            self._keep("legacy_until", unix_time_of)

    def _keep(self, name: str, read: Callable[[object], float]) -> None:
        try:
            force_setattr(self, name, read(getattr(self, name)))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name} {error}") from None

    @property
    def overlap(self) -> float:
        """How long a superseded pair is honoured once its successor was used: the grace period and the leeway."""
        return self.rotation_grace + self.leeway

    def mark_kept_until(self, now: float) -> float:
        """Return until when a mark that is set now is kept: as long as a token from before it may be presented."""
        return max(now + self.longest_lifetime, self.legacy_until or 0.0)

    @property
    def longest_lifetime(self) -> float:
        """The longest that any session may live."""
        return max(self.absolute_timeout, self.remember_absolute_timeout)


def _seconds_of(value: object) -> float:
    seconds = seconds_of(value)
    if not 0 <= seconds < math.inf:
        raise ValueError("must not be negative, nor without end")
    return seconds
