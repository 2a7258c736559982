"""A reply that is lost on its way has no second effect, on every store that is asked for."""

from __future__ import annotations

import pytest

from flask_gosession.stores.base import Store
from flask_gosession.testing.proofs.lost_replies import LostReplies


class TestLostReplies(LostReplies):
    @pytest.fixture
    def store(self, race_store: Store) -> Store:
        return race_store
