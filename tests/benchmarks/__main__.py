"""Run the benchmarks that are named, or all: `cd tests && python -m benchmarks [names] [--redis URL] [--tiny]`."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version

import servers

from . import checks, imports, logins, memory
from .bench import FULL, TINY, Bench, Lines

ALL: dict[str, Callable[[Bench], Lines]] = {
    "strict": checks.strict,
    "cold": checks.cold,
    "growth": checks.growth,
    "login": logins.login,
    "trips": logins.trips,
    "storm": logins.storm,
    "records": memory.records,
    "tokens": memory.tokens,
    "import": imports.import_time,
}


def main() -> None:
    """Print what each benchmark has to say; ratios are medians of paired rounds, with their quartiles."""
    options = _options()
    _print(
        f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in ("flask", "redis"))
    )
    with ExitStack() as stack:
        url = options.redis or stack.enter_context(servers.running_redis()).url
        bench = stack.enter_context(Bench.at(url, TINY if options.tiny else FULL))
        for name in options.names or ALL:
            _print(f"{name}: {(ALL[name].__doc__ or '').splitlines()[0]}")
            for line in ALL[name](bench):
                _print(line)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("names", nargs="*", choices=[*ALL, []], help="default: all")
    parser.add_argument("--redis", metavar="URL", help="default: a redis-server of its own")
    parser.add_argument("--tiny", action="store_true", help="only see that everything runs")
    return parser.parse_args()


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
