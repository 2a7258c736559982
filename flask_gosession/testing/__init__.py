"""Tools from the tests of this package, shipped for your tests and for third-party stores.

`plugin` has fixtures for pytest, which need no import. The proofs of a store, `contract` and the race suites next to
it, need pytest and are imported by their own names.
"""

from typing import TYPE_CHECKING

from flask_gosession.lazy_imports import names_from

if TYPE_CHECKING:
    from flask_gosession.testing.client import SessionClient
    from flask_gosession.testing.clock import FakeClock
    from flask_gosession.testing.faulty import FaultyStore
else:
    __getattr__ = names_from(__name__, {"FakeClock": "clock", "FaultyStore": "faulty", "SessionClient": "client"})

__all__ = ["FakeClock", "FaultyStore", "SessionClient"]
