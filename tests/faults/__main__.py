"""Break things under load: `cd tests && python -m faults [names] [--times N] [--worker CLASS] [--json FILE]`."""

from __future__ import annotations

import argparse
import itertools
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from .catalogue import BY_NAME
from .report import as_json, line_of, not_run, rows, write_page
from .runs import Fault, Outcome, Places
from .site import WORKERS
from .stages import STAGES, is_installed


def main() -> int:
    """Run the faults that are named, or all, and print a table; fail when anything was violated."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended; so is what was started"))
    outcomes: list[Outcome] = []
    absent = sorted({fault.stage for fault in _asked(options)} - set(filter(is_installed, STAGES)))
    with closing(Places()) as places:
        for fault, worker in _turns(options):
            outcomes.append(places.run(fault, worker))
            _say(line_of(outcomes[-1]))
            if options.logs and outcomes[-1].log:
                (options.logs / f"{len(outcomes)}.log").write_text(outcomes[-1].log)
            if options.json:
                options.json.write_text(json.dumps(as_json(outcomes), indent=1))
    _say("\n".join(["", *rows(outcomes), "", not_run(absent)]))
    if options.page:
        write_page(outcomes, absent)
    return int(any(outcome.violations for outcome in outcomes))


def _turns(options: argparse.Namespace) -> Iterator[tuple[Fault, str]]:
    """Yield what is to be run, with a class of workers: those of one stage after another, for they share servers."""
    faults = _asked(options)
    for stage in sorted({fault.stage for fault in faults if is_installed(fault.stage)}):
        workers = itertools.cycle(options.worker or WORKERS)
        for _, worker in zip(range(options.times), workers, strict=False):
            yield from ((fault, worker) for fault in faults if fault.stage == stage)


def _asked(options: argparse.Namespace) -> list[Fault]:
    return [fault for fault in BY_NAME.values() if _is_asked(fault, options.names)]


def _is_asked(fault: Fault, names: list[str]) -> bool:
    return not names or any(fault.name == name or fault.name.startswith(f"{name}:") for name in names)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=main.__doc__)
    parser.add_argument("names", nargs="*", help="names of faults, or what stands before their colon; default: all")
    parser.add_argument("--times", type=int, default=1, help="how often each is run; default: once")
    parser.add_argument("--worker", action="append", choices=list(WORKERS), help="default: each run another")
    parser.add_argument("--page", action="store_true", help="put the table on the page about faults")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcomes there, too")
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="keep there what the app logged at a violation")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
