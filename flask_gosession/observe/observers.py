"""Opens the observers that the setting ``OBSERVERS`` names.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from flask_gosession.config import PREFIX
from flask_gosession.errors import ConfigError
from flask_gosession.observe.watch import Observer, Watch


class _Known(NamedTuple):
    module: str
    name: str
    extra: str


KNOWN: Mapping[str, _Known] = {
    "prometheus": _Known("flask_gosession.observe.prometheus", "PrometheusObserver", "prometheus"),
    "opentelemetry": _Known("flask_gosession.observe.opentelemetry", "OpenTelemetryObserver", "opentelemetry"),
}


def open_watch(wanted: Iterable[Any], realm: str) -> Watch:
    """Return the watch of a realm over the *wanted* observers, given by name or as objects. Raises ConfigError."""
    return Watch([each if isinstance(each, Observer) else _open(each) for each in wanted], realm)


def _open(name: object) -> Observer:
    known = KNOWN.get(name) if isinstance(name, str) else None
    if known is None:
        raise ConfigError(
            f"{PREFIX}OBSERVERS is a list of {', '.join(map(repr, KNOWN))} and of objects of flask_gosession."
            f"observe.Observer; one of it is {type(name).__name__ if not isinstance(name, str) else repr(name[:40])}."
        )
    try:
        observer: Observer = getattr(import_module(known.module), known.name)()
    except ImportError as error:
        raise ConfigError(
            f'{PREFIX}OBSERVERS: "{name}" needs the package {error.name}, which is not installed: '
            f'pip install "Flask-GoSession[{known.extra}]".'
        ) from error
    return observer
