"""Commands about the keys that sign tokens: they print the new value of ``GOSESSION_KEYS``, or write its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timezone
from typing import Any

import click
import msgspec

from flask_gosession.cli import output
from flask_gosession.cli.group import DASHES, NO, Target, command, fail, gosession, note
from flask_gosession.config import PREFIX
from flask_gosession.tokens import key_entries
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.key_schedule import FIELD, hastened, resolved
from flask_gosession.tokens.key_sources import KeyFile, path_of
from flask_gosession.tokens.keyring import Key, Keyring
from flask_gosession.tokens.keys import ALGORITHMS
from flask_gosession.web.realm_keys import schedule_of

DERIVED = (
    "The keys are derived from SECRET_KEY. To change it, put the present one first into SECRET_KEY_FALLBACKS, set a "
    "new one, and take the old one out when the longest session is over."
)


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """One key, without its secret parts."""

    kid: str
    alg: str
    status: str
    signs: str
    """``access``, ``refresh`` or ``both``; ``nothing`` for a public key."""
    published: bool
    """Whether the JWK Set has it."""
    created: date | None
    origin: str
    """The setting it comes from."""


@gosession.group()
def keys() -> None:
    """List, generate, rotate and retire the keys that sign tokens.

    rotate and retire print the new value of GOSESSION_KEYS, including private keys. If it names a file, --write puts
    that into the file, which every process reads again within a second; without --write, nothing is written.
    """


@command(keys, "list")
def list_keys(target: Target) -> None:
    """List the keys, in the order in which they live: next, active, retired."""
    keyring, origin = _keyring(target), "SECRET_KEY" if target.state.config.keys is None else f"{PREFIX}KEYS"
    views = [_view(key, origin) for key in keyring.keys]
    head = ("KID", "ALG", "STATUS", "SIGNS", "PUBLISHED", "CREATED", "FROM")
    rows = [(each.kid, each.alg, each.status, each.signs, each.published, each.created, each.origin) for each in views]
    output.answer(target, views, lambda: output.table(head, rows, "There are no keys."))


@command(keys, "generate")
@click.option("--alg", type=click.Choice(ALGORITHMS), default="ES256", show_default=True, help="Its one algorithm.")
@click.option("--kid", help="The name of the key; by default its thumbprint (RFC 7638).")
@click.option(
    "--status",
    type=click.Choice(["next", "active"]),
    default="next",
    show_default=True,
    help="Whether it is published for later, or signs at once.",
)
def generate(target: Target, alg: str, kid: str | None, status: Any) -> None:
    """Print an entry for GOSESSION_KEYS with a newly drawn key. It is a secret: keep it out of logs and histories."""
    _print(key_entries.new_entry(alg, _today(target), kid=kid, status=status))


_write = click.option("--write", is_flag=True, help="Put it into the file that GOSESSION_KEYS names.")


@command(keys, "rotate")
@_write
def rotate(target: Target, *, write: bool) -> None:
    """Print GOSESSION_KEYS one step on.

    The first time a next key is added: deploy that everywhere, and wait until every verifier has read it. The second
    time the next key becomes active and the active one retires: deploy that, and take the retired key out (retire)
    when the last token that it signed has expired. A file that rotates by itself (GOSESSION_KEY_ROTATION) does all this
    alone: there the first time publishes the next key early, and the second time lets it sign now.
    """
    entries = _entries(target)
    moved = _one_step_on(target, entries)
    _put(target, moved, write=write)
    if len(moved) > len(entries):
        note(f"the key {moved[0]['kid']!r} is new. Deploy this list, then rotate again to let it sign.")
    else:
        days = _longest(target) / 86_400
        note(f"deploy this list, and keep the retired key for {days:.0f} days: so long may tokens live.")


@command(keys, "retire", context_settings=DASHES)
@click.argument("kid")
@_write
def retire(target: Target, kid: str, *, write: bool) -> None:
    """Print GOSESSION_KEYS without the retired key KID; tokens that it signed are refused from then on."""
    entries, now = _entries(target), target.manager.clock()
    key_entries.without_retired(resolved(entries, now), kid)
    _put(target, [dict(entry) for entry in entries if entry.get("kid") != kid], write=write)
    note(
        f"tokens live up to {_longest(target) / 86_400:.0f} days: what {kid!r} has signed since then would be refused."
    )


@command(keys, "jwks")
def jwks(target: Target) -> None:
    """Print the public keys as a JWK Set (RFC 7517); empty where keys are secrets. Always JSON."""
    _print(_keyring(target).jwks())


def _print(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _put(target: Target, entries: Sequence[Mapping[str, Any]], *, write: bool) -> None:
    """Print *entries*, or write them to the file of the keys and print which those are."""
    if not write:
        _print(entries)
        return
    path = path_of(target.state.config.keys)
    if path is None:
        raise click.UsageError(f"--write needs {PREFIX}KEYS to be a file; it is not.")
    KeyFile(path).write(entries)
    _print([{name: entry[name] for name in ("kid", "alg", "status", FIELD) if name in entry} for entry in entries])


def _one_step_on(target: Target, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if any(FIELD in entry for entry in entries):
        return hastened(entries, target.manager.clock(), schedule_of(target.state.config))
    return key_entries.rotated(entries, _today(target))


def _today(target: Target) -> date:
    return datetime.fromtimestamp(target.manager.clock(), timezone.utc).date()


def _longest(target: Target) -> float:
    """Return how many seconds a token may be valid after it was signed."""
    return target.manager.policy.longest_lifetime + target.manager.policy.leeway


def _keyring(target: Target) -> Keyring:
    codec = target.manager.codec
    if not isinstance(codec, JWTCodec):
        fail("Opaque tokens are not signed: they carry a MAC by a key that is derived from SECRET_KEY.", NO)
    return codec.current_keyring()


def _entries(target: Target) -> Sequence[Mapping[str, Any]]:
    given = target.state.config.keys
    if given is None:
        fail(DERIVED, NO)
    path = path_of(given)
    entries: Any = KeyFile(path).read() if path else given() if callable(given) else given
    return [dict(_texts(entry)) for entry in entries]


def _texts(entry: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in entry.items():
        yield name, value.decode("utf-8") if isinstance(value, bytes) else value


def _view(key: Key, origin: str) -> KeyView:
    return KeyView(
        kid=key.kid,
        alg=key.alg,
        status=key.status,
        signs="nothing" if key.signing is None else key.use or "both",
        published=key.jwk is not None,
        created=key.created,
        origin=origin,
    )
