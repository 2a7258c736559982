"""Run the benchmarks that are named, or all: `cd tests && python -m benchmarks [names] [--json FILE] [--svg FILE]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import servers

from . import checks, imports, logins, memory, page, pages, picture, purges, revocations, served, strict_processes
from .bench import FULL, TINY, Bench, Figure, Lines, Scale

ALL: dict[str, Callable[[Bench], Lines]] = {
    "web": checks.web,
    "strict": checks.strict,
    "cold": checks.cold,
    "growth": checks.growth,
    "login": logins.login,
    "trips": logins.trips,
    "storm": logins.storm,
    "revocation": revocations.revocation,
    "purge": purges.purge,
    "records": memory.records,
    "tokens": memory.tokens,
    "verdicts": memory.verdicts,
    "import": imports.import_time,
    "processes": strict_processes.processes,
    "pages": pages.pages,
    "served": served.served,
}


def main() -> None:
    """Print what each benchmark has to say; ratios are medians of paired rounds, with their quartiles."""
    options = _options()
    machine = _machine()
    _print(", ".join(f"{name} {value}" for name, value in machine.items()))
    figures: dict[str, list[Figure]] = {}
    with ExitStack() as stack:
        warnings.simplefilter("ignore", DeprecationWarning)  # the peers' own
        url = options.redis or stack.enter_context(servers.running_redis()).url
        bench = stack.enter_context(Bench.at(url, _scale(options)))
        for name in options.names or ALL:
            _print(f"{name}: {_about(name)}")
            for line in ALL[name](bench):
                _print(str(line))
                if isinstance(line, Figure):
                    figures.setdefault(name, []).append(line)
    _print_missed(figures)
    if options.json:
        found = {name: [each.as_dict() for each in some] for name, some in figures.items()}
        options.json.write_text(json.dumps({"machine": machine, "figures": found}, indent=2) + "\n")
    if options.page:
        page.write(machine, figures, {name: _about(name) for name in figures})
    if options.svg:
        picture.draw(figures.get("strict", []), options.svg)


def _about(name: str) -> str:
    """Return the sentence that says what a benchmark does."""
    return (ALL[name].__doc__ or "").splitlines()[0]


def _scale(options: argparse.Namespace) -> Scale:
    scale = TINY if options.tiny else FULL
    return replace(scale, subjects=1_000_000) if options.million else scale


def _print_missed(figures: dict[str, list[Figure]]) -> None:
    """Say at the end how many goals are met, and which are not."""
    judged = [(name, one) for name, some in figures.items() for one in some if one.met is not None]
    met = sum(bool(one.met) for _, one in judged)
    _print(f"{met} of {len(judged)} goals met" + ("; missed:" if met < len(judged) else ""))
    for name, one in judged:
        if not one.met:
            _print(f"  {name}: {one.what.strip()} {one.shown_middle} {one.unit}, goal {one.goal}")


def _machine() -> dict[str, Any]:
    packages = {name: version(name) for name in ("flask", "werkzeug", "redis", "hiredis", "msgspec", "pyjwt")}
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    return {"Python": platform.python_version(), **packages, "cores": os.cpu_count(), "load": load}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("names", nargs="*", choices=[*ALL, []], help="default: all")
    parser.add_argument("--redis", metavar="URL", help="default: a redis-server of its own")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all figures there, too")
    parser.add_argument("--svg", metavar="FILE", type=Path, help="draw the comparison of `strict` there")
    parser.add_argument(
        "--page", action="store_true", help="write them into docs/explanation/performance.md and README"
    )
    parser.add_argument("--million", action="store_true", help="let `growth` compare with 1,000,000 subjects")
    parser.add_argument("--tiny", action="store_true", help="only see that everything runs")
    options = parser.parse_args()
    if options.page and (options.names or options.tiny):
        parser.error("--page writes the figures of a whole run: leave out the names, and --tiny")
    return options


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
