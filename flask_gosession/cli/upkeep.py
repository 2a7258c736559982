"""Commands about the store as a whole: count what is in it, and purge it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from flask_gosession.adapters.session import RecordSessionInterface
from flask_gosession.cli import output
from flask_gosession.cli.group import Target, command, gosession, note, warn_of_memory
from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.purging import BATCH
from flask_gosession.engine.scanning import Stats, count_records, size_of
from flask_gosession.stores.breaker import behind_breaker
from flask_gosession.stores.capabilities import Purgeable


@command(gosession, "stats")
@click.option("--estimate", is_flag=True, help="Read a sample only, and project: for millions of subjects.")
@click.option(
    "--state",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the count in this file, to resume after an interruption; it is deleted at the end.",
)
@click.option("--guests", is_flag=True, help='Count the records of flask.session for guests (guests="record").')
def stats(target: Target, path: Path | None, *, estimate: bool, guests: bool) -> None:
    """Count subjects, live sessions by client class, ended ones by reason, and bytes.

    Reads every record, a batch at a time, and never blocks the server.
    """
    warn_of_memory(target)
    manager = _of_guests(target) if guests else target.manager
    counted = manager.stats(estimate=True) if estimate else _counted(manager, path)
    output.answer(target, counted, lambda: _described(counted))


@command(gosession, "purge")
@click.option("--dry-run", is_flag=True, help="Say how many records would be deleted, and delete none.")
def purge(target: Target, *, dry_run: bool) -> None:
    """Delete what ended long ago, if the store does not do so by itself; for cron.

    A running app does the same periodically (GOSESSION_PURGE_INTERVAL). Records of guests are included. An audit trail
    in an SQL table is cut to its maximum age and length, too; a dry run does not count that.
    """
    audit = target.state.audit
    if audit is not None and not dry_run:
        audit.purge()
    warn_of_memory(target)
    guests, now = _guest_records(target), target.manager.clock()
    stores = [manager.store for manager in (target.manager, guests) if manager is not None]
    purgeable = [(store, home) for store in stores if isinstance(home := behind_breaker(store), Purgeable)]
    if not purgeable:
        output.answer(
            target,
            {"purged": 0, "dry_run": dry_run},
            lambda: ["Nothing to do: this store deletes ended records itself."],
        )
        return
    ended = sum(home.count_ended(now) for _, home in purgeable)
    if dry_run:
        output.answer(target, {"purged": ended, "dry_run": True}, lambda: [f"{ended:,} records would be deleted."])
        return
    purged = 0
    with output.progress("Purging", ended) as advance:
        for store, _ in purgeable:
            count = BATCH
            while count >= BATCH:  # a batch that is not full was the last: each takes a pass through a store of files
                count = store.purge(now, BATCH)
                purged += count
                advance(count)
    output.answer(target, {"purged": purged, "dry_run": False}, lambda: [f"{purged:,} records were deleted."])


def _guest_records(target: Target) -> SessionManager | None:
    interface = target.app.session_interface
    return interface.guest_records(target.app) if isinstance(interface, RecordSessionInterface) else None


def _of_guests(target: Target) -> SessionManager:
    found = _guest_records(target)
    if found is None:
        raise click.BadParameter("this app keeps no guests in records.", param_hint="--guests")
    return found


def _counted(manager: SessionManager, path: Path | None) -> Stats:
    store, so_far = manager.store, _kept(path)
    with output.progress("Reading records", size_of(store)) as advance:
        advance(so_far.read)
        for counted in count_records(store, manager.clock(), so_far):
            advance(counted.read - so_far.read)
            so_far = counted
            if path is not None:
                with _using(path):
                    path.write_bytes(msgspec.json.encode(so_far))
    if path is not None:
        with _using(path):
            path.unlink(missing_ok=True)
    return so_far


@contextmanager
def _using(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}.", param_hint="--state") from None


def _kept(path: Path | None) -> Stats:
    if path is None:
        return Stats()
    with _using(path):
        if not path.exists():
            return Stats()
        text = path.read_bytes()
    try:
        kept = msgspec.json.decode(text, type=Stats)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise click.BadParameter(f"{path} does not hold a count; delete it to start again.") from None
    note(f"resuming after {kept.read:,} records, as {path} says.")
    return kept


def _described(counted: Stats) -> Iterator[str]:
    if counted.estimated:
        yield f"Projected from {counted.read:,} records:"
    yield from output.fields(
        [
            ("subjects", f"{counted.subjects:,}"),
            ("signed in", f"{counted.signed_in:,}"),
            ("live sessions", f"{counted.live:,}"),
            *((f"  {name}", f"{number:,}") for name, number in sorted(counted.live_by_client.items())),
            ("ended sessions", f"{counted.ended:,}"),
            *((f"  {name}", f"{number:,}") for name, number in sorted(counted.ended_by_reason.items())),
            ("banned", f"{counted.banned:,}"),
            ("unreadable", f"{counted.unreadable:,}"),
            ("bytes", output.size(counted.bytes)),
            ("largest", f"{output.size(counted.largest)} ({counted.largest_subject})" if counted.largest else ""),
            ("oldest", output.moment(counted.oldest)),
            ("newest", output.moment(counted.newest)),
        ]
    )
