"""What a request costs that is checked: at once, with a token never seen before, and with many sessions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from typing import Any

import jwt

from . import sites
from .bench import Bench, Figure, Lines, said
from .measure import Times, side_by_side

FEW_SUBJECTS = 1000
FLOOR = "by hand, which no library can undercut,"
BARE = 59
"""Microseconds that a bare view took where the goals in microseconds were set; elsewhere, they go with its speed."""
BEST_PEER = "Flask-JWT-Extended, blocklist, user"


def strict(bench: Bench) -> Lines:
    """Compare a strict check with user info to a view that does one GET, and to the peers."""
    peers = sites.Peers(bench.client)
    ours, bare = (
        sites.call(sites.ours(bench)),
        {name: sites.call(each) for name, each in sites.bare(bench.client).items()},
    )
    cached = sites.call(sites.ours(bench, level="cached"))
    calls = peers.calls
    cases = {**bare, "gosession": ours, "gosession, cached": cached, "by hand": sites.call(sites.by_hand()), **calls}
    yield from peers.missing
    sent = bench.commands(ours)
    yield said(f"one strict request sends {sent}", float(sum(sent.values())), "= 1", "trips")
    for place, cores in {"as it comes": None, **bench.placements()}.items():
        with bench.placed(cores) if cores else nullcontext():
            times = side_by_side(cases, rounds=bench.scale.rounds, calls=bench.scale.calls)
        yield f"  {place}: bare {times.calm('bare'):.0f} us; what is added to it:"
        for line in _compared(times, list(calls), one_core=place == "one core"):
            yield replace(line, place=place) if isinstance(line, Figure) else line


def _compared(times: Times, peers: list[str], *, one_core: bool) -> Lines:
    yield said("gosession / bare_get", times.ratio("gosession", "bare_get", above="bare"), "<= 1.10")
    calm = times.calm("gosession", above="bare") / times.calm("bare_get", above="bare")
    yield said("gosession / bare_get, in the calmest tenth", calm)
    for peer in peers:
        goal = "" if peer != BEST_PEER else "<= 0.30" if one_core else "<= 0.33"
        yield said(f"gosession / {peer}", times.ratio("gosession", peer, above="bare"), goal)
    if BEST_PEER in peers:
        ratio = times.ratio("gosession, cached", BEST_PEER, above="bare")
        yield said(f"gosession, cached / {BEST_PEER}", ratio, "<= 0.035")
    yield said("gosession, cached, adds", times.added("gosession, cached", "bare"), unit="us")
    yield said(f"  {FLOOR} adds", times.added("by hand", "bare"), unit="us")
    if BEST_PEER in peers:
        yield said(f"  by hand / {BEST_PEER}", times.ratio("by hand", BEST_PEER, above="bare"))
    for name in ("bare_get", "gosession", "gosession, cached", *peers):
        yield said(f"  {name} adds, in the calmest tenth", times.calm(name, above="bare"), unit="us")


def web(bench: Bench) -> Lines:
    """Measure what Python alone adds to a bare view: a strict check over memory, a kept verdict, a public page."""
    in_memory = replace(bench, url="memory://")
    cases = {
        "bare": sites.call(sites.bare(bench.client)["bare"]),
        "strict": sites.call(sites.ours(in_memory)),
        "cached": sites.call(sites.ours(bench, level="cached")),
        "by cookie": sites.call(sites.by_cookie(in_memory)),
        "cached, by cookie": sites.call(sites.by_cookie(in_memory, level="cached")),
        "public": sites.call(sites.ours(in_memory, path="/public")),
        "hooked": sites.call(sites.hooked()),
        "by hand": sites.call(sites.by_hand()),
    }
    times = side_by_side(cases, rounds=bench.scale.rounds, calls=bench.scale.calls)
    yield from _added("a strict check with user info over memory", times, "strict", most=18)
    yield from _added("a check with user info at level cached, over Redis,", times, "cached", most=13)
    yield said("the strict one with the token in a cookie adds", times.added("by cookie", "bare"), unit="us")
    yield said("the same, in a cookie and at level cached adds", times.added("cached, by cookie", "bare"), unit="us")
    yield said(f"  {FLOOR} adds", times.added("by hand", "bare"), unit="us")
    yield from _added("a public page", times, "public", most=1.5)
    yield said("  an empty hook after requests adds", times.added("hooked", "bare"), unit="us")
    yield said("  a bare view takes", times.calm("bare"), unit="us")


def _added(what: str, times: Times, name: str, base: str = "bare", *, most: float) -> Lines:
    """Say what *name* takes above *base*, and what part of a bare view that is; *most* is the goal in microseconds."""
    yield said(f"{what} adds", times.added(name, base), unit="us")
    calm = times.calm(name) - times.calm(base)
    yield said("  in the calmest tenth", calm, unit="us")
    share = calm / times.calm("bare")
    yield said(f"{what} adds, in bare views ({most:g} us where one takes {BARE})", share, f"<= {most / BARE:.3f}")


def cold(bench: Bench) -> Lines:
    """Compare the check of a token that this process has not seen to a known one plus one PyJWT decode."""
    plain = sites.site("pyjwt")
    token = jwt.encode(
        {"sub": "ada", "aud": "x", "exp": 2**32, "iat": 1, "jti": "j" * 22, "sid": "s" * 22}, sites.SECRET
    )

    @plain.get("/decode")
    def decode() -> str:
        jwt.decode(token, sites.SECRET, algorithms=["HS256"], audience="x")
        return str(sites.USER["name"])

    cases = {
        "bare": sites.call(sites.bare(bench.client)["bare"]),
        "known": sites.call(sites.ours(bench)),
        "cold": sites.call(sites.ours(bench, token_cache=0)),
        "decode": sites.call(sites.stack(plain, "/decode")),
    }
    times = side_by_side(cases, rounds=bench.scale.rounds, calls=bench.scale.calls)
    parts = zip(times.wall["known"], times.wall["decode"], times.wall["bare"], strict=True)
    sums = [known + decode - bare for known, decode, bare in parts]
    both = Times({**times.wall, "both": sums}, times.cpu)
    yield said("cold / (known + PyJWT decode)", both.ratio("cold", "both", above="bare"), "<= 1.10")
    yield said("cold / known", times.ratio("cold", "known", above="bare"))


def growth(bench: Bench) -> Lines:
    """Compare the check of a subject with many sessions to one with a single session."""
    many = bench.scale.sessions
    requests = {
        "one": sites.ours(bench, prefix="bench-one"),
        "many": sites.ours(bench, sessions=many, prefix="bench-many"),
    }
    cases = {name: sites.call(each) for name, each in requests.items()}
    sizes = {name: bench.client.strlen(f"bench-{name}:ada") for name in requests}
    gets = {name: sites.bare(bench.client, size) for name, size in sizes.items()}
    cases |= {f"get {name}": sites.call(each["bare_get"]) for name, each in gets.items()}
    cases["bare"] = sites.call(gets["one"]["bare"])
    times = side_by_side(cases, rounds=bench.scale.rounds, calls=bench.scale.calls)
    yield said(f"{many} sessions / 1 session", times.ratio("many", "one", above="bare"))
    yield from _added(f"a check among {many} sessions instead of 1", times, "many", "one", most=25)
    floor = f"  of that, a bare GET of {sizes['many']} bytes instead of {sizes['one']} adds"
    yield said(floor, times.added("get many", "get one"), unit="us")
    yield said("  in the calmest tenth", times.calm("get many") - times.calm("get one"), unit="us")
    yield from _subjects(bench)


def _subjects(bench: Bench) -> Lines:
    """Compare a check among a thousand subjects to one among many more."""
    cases = {"bare": sites.call(sites.bare(bench.client)["bare"]), "asked": sites.call(sites.ours(bench))}
    few, many = FEW_SUBJECTS, bench.scale.subjects
    _crowd(bench.client, range(few))
    among_few = _calmest(cases, bench)
    _crowd(bench.client, range(few, many))
    yield said(f"a check among {many} subjects / among {few}", _calmest(cases, bench) / among_few, "<= 1.1")
    for keys in batched(bench.client.scan_iter("bench-crowd:*", count=10_000), 10_000):
        bench.client.unlink(*keys)


def _crowd(client: Any, numbers: Iterable[int]) -> None:
    """Store a record of each of so many other subjects."""
    for some in batched(numbers, 10_000):
        with client.pipeline(transaction=False) as pipe:
            for number in some:
                pipe.set(f"bench-crowd:{number}", b"x" * 400)
            pipe.execute()


def _calmest(cases: dict[str, sites.Call], bench: Bench) -> float:
    """Return what a check adds, in bare views of the same turn, in the calmest of three: the machine's speed varies."""
    scale = bench.scale
    turns = [side_by_side(cases, rounds=scale.rounds, calls=scale.calls) for _ in range(3)]
    return min(times.calm("asked", above="bare") / times.calm("bare") for times in turns)


def batched(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield *items* in lists of *size*."""
    walk = iter(items)
    while some := list(islice(walk, size)):
        yield some
