"""What is kept, in bytes: by Redis for a session, and by a process for a token that it has verified."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

from flask_gosession import ids
from flask_gosession.engine.levels import LevelChecks
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.tokens.types import Claims, TokenType

from . import sites
from .bench import Bench, Lines, said
from .logins import manager_on
from .sites import HERE

USER_INFO = {"id": "user-1234", "name": "Ada Lovelace", "email": "ada.lovelace@example.org", "roles": ["editor"]}


def records(bench: Bench) -> Lines:
    """Weigh a subject's sessions in Redis, with ip, user agent, label and 80 bytes of user info."""
    manager, many = manager_on(bench, "bench-memory"), max(2, min(bench.scale.sessions, 21))
    manager.users.use(lambda _subject: USER_INFO)
    sizes = []
    for _ in range(many):
        token = manager.login("user-1234", device=HERE).access_token
        manager.check_with_user(token)
        sizes.append(int(bench.client.memory_usage("bench-memory:user-1234")))
    info = manager.records.read("user-1234").record.user
    yield f"  ip, a user agent of {len(HERE.agent)} bytes, a label, {len(info.value) if info else 0} bytes of user info"
    yield said("first session", float(sizes[0]), "<= 456", "bytes")
    yield said(f"each of {many - 1} further", (sizes[-1] - sizes[0]) / (many - 1), "<= 270", "bytes")


def tokens(bench: Bench) -> Lines:
    """Weigh one entry in the cache of verified tokens, its token's text included."""
    codec, now, count = _codec(bench.scale.tokens), int(time.time()), bench.scale.tokens
    texts = [codec.encode(_claims(now)).encode() for _ in range(count)]
    codec.decode(texts[0].decode(), TokenType.ACCESS, now)
    with _weighed() as held:
        for text in texts[1:]:
            codec.decode(text.decode(), TokenType.ACCESS, now)
    yield said("an entry of the token cache", held[0] / (count - 1), "<= 1536", "bytes")


def verdicts(bench: Bench) -> Lines:
    """Weigh one verdict of level cached, its record and user info included; its token is in the other cache."""
    count = min(bench.scale.tokens, 500)
    manager = manager_on(bench, "bench-verdicts")
    manager.users.use(lambda _subject: USER_INFO)
    texts = [sites.signed_in(manager, f"user-{number}").access_token for number in range(count)]
    levels = LevelChecks(manager, size=count, max_stale=60)
    for text in texts:
        manager.claims(text)
    levels.check(texts[0], level="cached")  # the lease begins
    with _weighed() as held:
        for text in texts[1:]:
            levels.check(text, level="cached")
    yield said("a verdict, with its record and user info", held[0] / (count - 1), "<= 1536", "bytes")


@contextmanager
def _weighed() -> Iterator[list[int]]:
    """Yield a list that has, after the block, the bytes that are held since its beginning."""
    held: list[int] = []
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    yield held
    gc.collect()
    held.append(tracemalloc.get_traced_memory()[0] - before)
    tracemalloc.stop()


def _codec(size: int) -> JWTCodec:
    return JWTCodec(
        Keyring.from_config([{"kid": "bench", "alg": "HS256", "status": "active", "secret": sites.SECRET}]),
        cache_size=size,
    )


def _claims(now: int) -> Claims:
    return Claims(
        subject="user-1234",
        sid=ids.new_id(),
        jti=ids.new_id(),
        type=TokenType.ACCESS,
        gen=1,
        issued_at=now,
        expires_at=now + 900,
        auth_time=now,
        client="web",
    )
