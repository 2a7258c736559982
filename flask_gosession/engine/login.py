"""Makes the session that a login asks for."""

from __future__ import annotations

import math

from flask_gosession import ids
from flask_gosession.session.device import Device
from flask_gosession.session.login_options import LoginOptions
from flask_gosession.session.record import Actor, Session
from flask_gosession.tokens.types import Codec

LONG = 60.0
"""Seconds."""


def new_session(
    options: LoginOptions, codec: Codec, now: float, *, device: Device, actor: Actor | None, in_cookies: bool
) -> Session:
    """Return a session with ids of its own that begins *now*; nothing is stored yet."""
    sid = ids.new_id()
    tokens = codec.pair_ids(sid, None, codec.seed())
    return Session(
        id=sid,
        access=tokens.access,
        refresh=tokens.refresh,
        gen=0,
        created=float(math.floor(now)),
        authenticated=now if options.authenticated is None else min(options.authenticated, now),
        seen=_whole(now, options.idle),
        expires=_whole(now + options.lifetime, options.lifetime),
        idle=options.idle,
        access_lifetime=options.access_lifetime,
        client=options.client,
        label=device.label,
        ip=device.ip,
        agent=device.agent,
        remember=options.remember,
        extra_claims=options.claims,
        actor=actor,
        data=options.data,
        claims_own=True,
        in_cookies=in_cookies,
        salt=tokens.salt,
    )


def _whole(moment: float, life: float) -> float:
    """Return *moment* in whole seconds, which take half the room, unless the lifetime is too short for that."""
    return float(math.floor(moment)) if life >= LONG else moment
