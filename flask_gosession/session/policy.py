"""The numbers and choices that the rules go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

OnLimit = Literal["evict_oldest", "evict_idle", "refuse"]
Binding = Literal["ip", "agent"]
BindingAction = Literal["signal", "step_up", "refuse"]


@dataclass(frozen=True)
class Policy:
    """Lifetimes, limits and caps; all durations in seconds, sizes in bytes."""

    access_lifetime: float = 15 * 60
    idle_timeout: float = 7 * 86_400
    absolute_timeout: float = 30 * 86_400
    remember_idle_timeout: float = 30 * 86_400
    remember_absolute_timeout: float = 180 * 86_400
    touch_interval: float = 60.0
    rotation_grace: float = 10.0
    unseen_use: bool = False
    """Whether a token may be in use without the store being asked: then the first use may never be seen."""
    leeway: float = 10.0
    session_limit: int = 50
    client_limits: Mapping[str, int] = field(default_factory=dict)
    on_limit: OnLimit = "evict_oldest"
    user_ttl: float = 300.0
    fresh_lifetime: float = 15 * 60
    data_cap: int = 4096
    user_cap: int = 4096

    @property
    def longest_lifetime(self) -> float:
        """The longest that any session may live."""
        return max(self.absolute_timeout, self.remember_absolute_timeout)
