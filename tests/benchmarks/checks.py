"""What a request costs that is checked: at once, with a token never seen before, and with many sessions."""

from __future__ import annotations

from contextlib import nullcontext

import jwt

from . import sites
from .bench import Bench, Lines, said
from .measure import Times, side_by_side

BEST_PEER = "Flask-JWT-Extended, blocklist, user"


def strict(bench: Bench) -> Lines:
    """Compare a strict check with user info to a view that does one GET, and to the peers."""
    ours, peers = sites.ours(bench), sites.Peers(bench.client)
    cases = {**sites.bare(bench.client), "gosession": ours, **peers.calls}
    yield from peers.missing
    yield f"  one request sends {bench.commands(ours)}, goal {{'get': 1}}"
    for place, cores in {"as it comes": None, **bench.placements()}.items():
        with bench.placed(cores) if cores else nullcontext():
            times = side_by_side(cases, rounds=bench.scale.rounds, calls=bench.scale.calls)
        yield f"  {place}: bare {times.calm('bare'):.0f} us; what is added to it:"
        yield from _compared(times, list(peers.calls))


def _compared(times: Times, peers: list[str]) -> Lines:
    yield said("gosession / bare_get", times.ratio("gosession", "bare_get", above="bare"), "<= 1.10")
    yield said(
        "gosession / bare_get, CPU of this process", times.ratio("gosession", "bare_get", above="bare", cpu=True)
    )
    calm = times.calm("gosession", above="bare") / times.calm("bare_get", above="bare")
    yield said("gosession / bare_get, in the calmest tenth", calm)
    for peer in peers:
        goal = "<= 0.33" if peer == BEST_PEER else ""
        yield said(f"gosession / {peer}", times.ratio("gosession", peer, above="bare"), goal)
    for name in ("bare_get", "gosession", *peers):
        yield said(f"  {name} adds, in the calmest tenth", times.calm(name, above="bare"), unit="us")


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
        "bare": sites.bare(bench.client)["bare"],
        "known": sites.ours(bench),
        "cold": sites.ours(bench, token_cache=0),
        "decode": sites.call(plain, "/decode"),
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
    cases = {
        "bare": sites.bare(bench.client)["bare"],
        "one": sites.ours(bench),
        "many": sites.ours(bench, sessions=many),
    }
    times = side_by_side(cases, rounds=bench.scale.rounds, calls=bench.scale.calls)
    yield said(f"{many} sessions / 1 session", times.ratio("many", "one", above="bare"), "<= 1.30")
