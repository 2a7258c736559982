"""What it costs to sign in, refresh, list and revoke: round trips, the ancestor's commands, and a storm."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask_gosession.engine.manager import SessionManager
from flask_gosession.errors import AuthError
from flask_gosession.session.policy import Policy
from flask_gosession.stores.registry import open_store
from flask_gosession.testing.clock import FakeClock
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring

from . import sites
from .bench import Bench, Lines, said
from .measure import Case, side_by_side
from .sites import HERE

WEEK = 7 * 86_400
TOUCHES = 100


def manager_on(bench: Bench, prefix: str, *, clock: Callable[[], float] = time.time, **policy: Any) -> SessionManager:
    """Return a manager of its own corner of the Redis."""
    keyring = Keyring.from_config([{"kid": "bench", "alg": "HS256", "status": "active", "secret": sites.SECRET}])
    store = open_store(bench.url, key_prefix=prefix)
    bench.closing.callback(store.close)
    rules = Policy(**policy)
    return SessionManager(store, JWTCodec(keyring), rules, user_loader=lambda subject: {"name": subject}, clock=clock)


def login(bench: Bench) -> Lines:
    """Compare a login in single mode that ends old sessions to the commands that the ancestor sends for it."""
    for old, goal in ((1, "<= 1.00"), (bench.scale.sessions, "<= 0.60")):
        yield from _login_over(bench, old, goal)


def _login_over(bench: Bench, old: int, goal: str) -> Lines:
    prefix = f"bench-login-{old}"
    manager, wide = manager_on(bench, prefix, session_limit=1), manager_on(bench, prefix)
    for _ in range(old):
        wide.login("ada", device=HERE)
    value, ancestor = bench.client.get(f"{prefix}:ada"), Ancestor(bench.client, old)

    def ours() -> None:
        manager.login("ada", device=HERE)

    cases = {
        "gosession": Case(ours, lambda: bench.client.set(f"{prefix}:ada", value)),
        "ancestor": Case(lambda: ancestor.login("ada"), lambda: ancestor.fill("ada")),
        "floor": Case(_floor(manager), lambda: bench.client.set(f"{prefix}:ada", value)),
    }
    times = side_by_side(cases, rounds=bench.scale.rounds, calls=max(1, bench.scale.calls // 5))
    yield said(f"login over {old} old / the ancestor's commands", times.ratio("gosession", "ancestor"), goal)
    yield said(f"  gosession, over {old} old", times.calm("gosession"), unit="us")
    yield said(f"  of that, two round trips and two signatures, over {old} old", times.calm("floor"), unit="us")
    yield said(f"  the ancestor's commands, over {old} old", times.calm("ancestor"), unit="us")
    sent = bench.commands(ours)
    yield said(f"  it sends {sent}", float(sum(sent.values())), "<= 2", "trips")


def _floor(manager: SessionManager) -> Callable[[], object]:
    """Return what a login cannot do without: to sign both tokens, and to read and write the record."""
    claims = manager.claims(manager.login("floor").access_token)

    def work() -> None:
        manager.codec.encode(claims)
        manager.codec.encode(claims)
        stored = manager.store.load("ada")
        assert stored is not None
        manager.store.swap("ada", stored.etag, stored, time.time() + WEEK, announce=True)

    return work


class Ancestor:
    """The commands of hunterhug/gosession's SetToken in single mode: read the tokens, delete them, set the new one."""

    def __init__(self, client: Any, old: int) -> None:
        self._client = client
        self._old = old

    def fill(self, user: str) -> None:
        """Leave so many old tokens."""
        self._client.delete(f"go-t_{user}")
        tokens = [f"{user}_{secrets.token_hex(16)}" for _ in range(self._old)]
        pipe = self._client.pipeline(transaction=False)
        for token in tokens:
            pipe.setex(f"go-t_{token}", WEEK, f"go-u_{user}")
            pipe.hset(f"go-t_{user}", token, int(time.time()) + WEEK)
        pipe.execute()

    def login(self, user: str) -> str:
        """Sign in; the doubled, empty deletions of the original are left out."""
        pipe = self._client.pipeline()
        for old in self._client.hgetall(f"go-t_{user}"):
            pipe.delete(f"go-t_{old.decode()}")
            pipe.hdel(f"go-t_{user}", old)
        pipe.execute()
        token = f"{user}_{secrets.token_hex(16)}"
        pipe = self._client.pipeline()
        pipe.setex(f"go-t_{token}", WEEK, f"go-u_{user}")
        pipe.hset(f"go-t_{user}", token, int(time.time()) + WEEK)
        pipe.expire(f"go-t_{user}", 30 * 86_400)
        pipe.execute()
        return token


def trips(bench: Bench) -> Lines:
    """Count what a refresh, a list and a revocation of everything send, and what routine writes announce."""
    manager, many = manager_on(bench, "bench-trips"), bench.scale.sessions
    pairs = [manager.login("ada", device=HERE) for _ in range(many)]
    manager.check_with_user(pairs[0].access_token)
    manager.refresh(str(pairs[1].refresh_token))
    refresh = pairs[0].refresh_token
    assert refresh is not None
    works = {
        "refresh": (lambda: manager.refresh(refresh), 2),
        f"list {many} sessions": (lambda: manager.sessions("ada"), 1),
        f"revoke all {many} sessions": (lambda: manager.revoke_all("ada"), 2),
    }
    for name, (work, goal) in works.items():
        sent = bench.commands(work)
        yield said(f"{name} sends {sent}", float(sum(sent.values())), f"<= {goal}", "trips")
    yield from _announced(bench)


def _announced(bench: Bench) -> Lines:
    """Count what touches and a fill announce, and that a revocation is announced, which shows that this counts."""
    clock = FakeClock()
    manager = manager_on(bench, "bench-announced", clock=clock, touch_interval=1)
    pair = manager.login("ada", device=HERE)

    def touch() -> None:
        for _ in range(TOUCHES):
            clock.advance(2)
            manager.check(pair.access_token)

    works: dict[str, tuple[Callable[[], object], int, int]] = {
        f"{TOUCHES} touches": (touch, TOUCHES, 0),
        "a fill of user info": (lambda: manager.check_with_user(pair.access_token), 1, 0),
        "a revocation": (lambda: manager.revoke("ada", pair.sid), 1, 1),
    }
    for name, (work, writes, goal) in works.items():
        done = bench.done(work)
        if done.get("evalsha", 0) != writes:
            raise RuntimeError(f"{name}: {done} are not {writes} writes")
        yield said(f"{name}: announced", float(done.get("publish", 0)), f"= {goal}", "times")


def storm(bench: Bench) -> Lines:
    """Sign one user in many times at once, in single mode."""
    manager, scale = manager_on(bench, "bench-storm", session_limit=1), bench.scale
    outcomes: Counter[str] = Counter()

    def one(_number: int) -> None:
        try:
            manager.login("ada", device=HERE)
            outcomes["signed in"] += 1
        except AuthError as error:
            outcomes[error.error] += 1

    began = time.perf_counter()
    with ThreadPoolExecutor(scale.threads) as pool:
        list(pool.map(one, range(scale.logins)))
    seconds = time.perf_counter() - began
    yield said(f"{scale.logins} logins by {scale.threads} threads: {dict(outcomes)}", seconds, "<= 2", "s")
    yield said("live sessions afterwards", float(len(manager.sessions("ada"))), "= 1", "")
