"""Greenlets: made before the monkey patch or not, nothing of ours stops the others, nor hands on an interruption."""

from __future__ import annotations

from gevents import needs_gevent, run_script

pytestmark = [needs_gevent]

MAKE = """
import time
from flask_gosession.client.verifier import Verifier
from flask_gosession.errors import GoSessionError
from flask_gosession.engine.manager import SessionManager
from flask_gosession.stores.memory import MemoryStore
from flask_gosession.deadline import Deadline, seconds_left
from flask_gosession.tokens.jwt import JWTCodec
from flask_gosession.tokens.keyring import Keyring
from flask_gosession.keyed_lock import KeyedLock

class SlowStore(MemoryStore):
    "Lets other greenlets run while it works, as a store on a network does."
    def load(self, subject):
        time.sleep(0.002)
        return super().load(subject)
    def swap(self, *args, **options):
        time.sleep(0.002)
        return super().swap(*args, **options)

def slow_keys(url):
    time.sleep(0.01)
    return b'{"keys": []}'

asked = []
def loader(subject):
    asked.append(subject)
    time.sleep(60 if len(asked) == 1 else 0.01)
    return {"name": subject}

manager = SessionManager(SlowStore(), JWTCodec(Keyring.from_secret("dev", allow_short=True)), user_loader=loader)
verifier = Verifier("https://id.example/jwks", issuer="https://id.example", audience="api", fetch=slow_keys)
turns = KeyedLock()
"""
PATCH = """
from gevent import monkey
monkey.patch_all()
import gevent
"""


def test_writers_queue_as_greenlets_though_made_as_threads():
    """Locks from before the monkey patch: 20 greenlets refresh one token, and all are answered at once."""
    refreshes = """
manager.users.use(None)
began, token = time.monotonic(), manager.login("ada").refresh_token
gevent.joinall([gevent.spawn(manager.refresh, token) for _ in range(20)], raise_error=True)
assert [session.gen for session in manager.sessions("ada")] == [1]
print(time.monotonic() - began)
"""
    assert float(run_script(MAKE + PATCH + refreshes)) < 2


def test_a_verifier_that_fetches_keys_stops_no_greenlet():
    """Twenty greenlets with a token of an unknown key: one asks the issuer, and all are refused at once."""
    checks = """
token = manager.login("ada").access_token
def check():
    try:
        verifier.verify(token)
    except GoSessionError:
        return True
checks = [gevent.spawn(check) for _ in range(20)]
gevent.joinall(checks, timeout=5)
print(sum(one.value is True for one in checks))
"""
    assert run_script(MAKE + PATCH + checks).strip() == "20"


def test_a_timeout_of_one_request_is_not_the_others():
    """gevent.Timeout ends the load of the request that it hits; the others that wait for the same user get the user."""
    loads = """
def hurried():
    try:
        with gevent.Timeout(0.1):
            return manager.users.load("ada")
    except gevent.Timeout:
        return "too late"
loads = [gevent.spawn(hurried), *(gevent.spawn(manager.users.load, "ada") for _ in range(5))]
gevent.joinall(loads, raise_error=True)
print([one.value for one in loads], len(asked))
"""
    assert run_script(PATCH + MAKE + loads).strip() == f"{['too late', *[{'name': 'ada'}] * 5]} 2"


def test_a_timeout_in_the_queue_leaves_the_queue():
    """A greenlet that is interrupted while it waits for its turn does not take the turn with it."""
    takes = """
order = []
def take(name, seconds):
    with turns.hold("a") as ours:
        gevent.sleep(seconds)
        order.append((name, ours))
def hurried():
    with gevent.Timeout(0.01, False):
        take("hurried", 0)
gevent.joinall([gevent.spawn(take, "first", 0.1), gevent.spawn(hurried), gevent.spawn(take, "last", 0)])
print(order, turns.waiting("a"))
"""
    assert run_script(PATCH + MAKE + takes).strip() == "[('first', True), ('last', True)] 0"


def test_each_greenlet_has_a_deadline_of_its_own():
    """The budget of a call to Redis is its greenlet's, also where the client was made before the monkey patch."""
    calls = """
def call():
    with Deadline(0.1):
        gevent.sleep(0.05)
        return seconds_left()
def other():
    with Deadline(0.1):
        pass
    return seconds_left()
calls = [gevent.spawn(call), gevent.spawn(other)]
gevent.joinall(calls, raise_error=True)
print([one.value < 0.06 for one in calls])
"""
    assert run_script(MAKE + PATCH + calls).strip() == "[True, False]"


def test_a_lease_is_closed_while_a_greenlet_subscribes():
    """Closing waits for a subscription that another greenlet is about to get, and closes that one, too."""
    make = """
import time
from flask_gosession.engine.lease import Lease
from flask_gosession.stores.memory import MemoryFeed

class SlowFeed(MemoryFeed):
    def subscribe(self, now):
        time.sleep(0.05)
        return super().subscribe(now)

lease = Lease(SlowFeed())
"""
    closes = """
gevent.spawn(lease.holds)
gevent.sleep(0.01)
lease.close()
print(lease.holds())
"""
    assert run_script(make + PATCH + closes).strip() == "False"
