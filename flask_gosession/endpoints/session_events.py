"""Tells a page that its session has ended: by an event stream if one can be held open, otherwise when the page asks.

Neither is use of the session, and neither renews anything. What the page hears depends only on whether the session is
live, and on nothing else in the record: a thief with a stolen token must not learn when its owner refreshes.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
import weakref
from collections.abc import Iterator

from flask import Request, Response

from flask_gosession.engine.endings import Endings
from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.results import Checked
from flask_gosession.errors import AuthError, StoreError, TokenMissing
from flask_gosession.session.check import live_session
from flask_gosession.tokens.types import TokenType
from flask_gosession.web.visit import Visit

STREAM = "text/event-stream"
HEARTBEAT = 15.0
"""Seconds between two comments in a stream: a silent one could be taken for dead by a proxy."""
LOOK_AGAIN = 60.0
"""Seconds after which the record is read even if nothing was announced."""
LONGEST = 300.0
"""Seconds, and up to a fifth more, after which a stream ends by itself: a stopping worker waits no longer than that."""
MOST_BY_GEVENT = 10_000


def answer(visit: Visit, request: Request) -> Response:
    """Return a stream that ends with the session, or an answer at once. Raises the error that says why it has ended."""
    checked = _look(visit, request)
    endings = visit.state.manager.endings
    # Only the app can say whether an impersonation may go on, and it needs a request for that.
    is_own = checked.session.actor is None
    most = _most_streams(request, visit.state.config.event_streams)
    changed = endings.try_watch(checked.claims.subject, most) if is_own and endings is not None else None
    if endings is not None and changed is not None:
        stream = _stream(visit.state.manager, endings, checked, changed)
        response = Response(stream, mimetype=STREAM)
        # It may never begin: after a HEAD, after an error in the app's after_request, or if the client has gone.
        response.call_on_close(weakref.finalize(stream, endings.unwatch, changed))
        response.headers["X-Accel-Buffering"] = "no"
        response.cache_control.no_store = True
        return response
    response = Response('{"live":true}\n', mimetype="application/json")
    response.cache_control.private = response.cache_control.no_cache = True
    response.set_etag(checked.claims.sid_text)
    response.make_conditional(request)
    return response


def _look(visit: Visit, request: Request) -> Checked:
    presented = visit.read(TokenType.ACCESS)
    if presented is None:
        raise TokenMissing
    by_cookie = presented.location == "cookie"
    if by_cookie:
        claims = visit.state.manager.claims(presented.token, allow_expired=True)
        visit.state.csrf.require_proof(request, claims)
    return visit.state.levels.check(presented.token, "cached", by_cookie=by_cookie, used=False, may_be_stale=False)


def _most_streams(request: Request, most: int | None) -> int:
    """Return how many streams at once take nothing from other requests; 0 if the client does not accept one."""
    if STREAM not in request.headers.get("Accept", "") or not request.environ.get("wsgi.multithread"):
        return 0
    if most is None:
        return MOST_BY_GEVENT if _waits_without_a_thread() else 0
    return most


def _waits_without_a_thread() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def _stream(manager: SessionManager, endings: Endings, checked: Checked, changed: threading.Event) -> Iterator[str]:
    """Yield comments while the session lives, and one event when it has ended."""
    ends = time.monotonic() + LONGEST * random.uniform(1, 1.2)  # noqa: S311 - not all at once
    try:
        yield ":\n\n"
        while time.monotonic() < ends:
            changed.clear()
            error = _ending(manager, checked)
            if error is not None:
                yield f"event: ended\ndata: {json.dumps(error.data)}\n\n"
                return
            yield from _wait(changed, ends)
    finally:
        endings.unwatch(changed)


def _wait(changed: threading.Event, ends: float) -> Iterator[str]:
    """Wait until something may have changed, or it is time to check again; yield a comment now and then."""
    again = min(time.monotonic() + LOOK_AGAIN, ends)
    while not changed.is_set() and time.monotonic() < again:
        if not changed.wait(HEARTBEAT):
            yield ":\n\n"


def _ending(manager: SessionManager, checked: Checked) -> AuthError | None:
    """Return why the session is no longer live; None while it is, or while the store is down."""
    try:
        with manager.records.one_operation():
            record = manager.records.read(checked.claims.subject).record
            live_session(record, checked.claims.sid, manager.clock())
    except AuthError as error:
        return error
    except StoreError:
        return None
    return None
