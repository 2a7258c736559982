"""What the tests of this package are made of, shipped so that yours and a third-party store can use it.

The proofs of a store, `contract` and the race suites beside it, need pytest and are imported by their own names.
"""

from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore

__all__ = ["FakeClock", "FaultyStore"]
