"""Threads racing on one store, on every store that is asked for."""

from __future__ import annotations

import pytest
from marks import proof

from flask_gosession.stores.base import Store
from flask_gosession.testing.proofs.races import ThreadRaces

pytestmark = proof


class TestThreadRaces(ThreadRaces):
    @pytest.fixture
    def store(self, race_store: Store) -> Store:
        return race_store
