"""The shipped contract, on every store that is asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flask_gosession.stores.base import Store
from flask_gosession.stores.redis import RedisStore
from flask_gosession.testing.proofs.contract import StoreContract


class TestContract(StoreContract):
    @pytest.fixture
    def store(self, contract_store: Store) -> Store:
        return contract_store

    @pytest.fixture
    def corrupt(self, contract_store: Store, key_prefix: str) -> Callable[[str], None]:
        if not isinstance(contract_store, RedisStore):
            pytest.skip("only the medium of a Redis store is damaged here")
        client = contract_store._client()
        return lambda subject: client.execute_command("SET", f"{key_prefix}:{subject}", b"short")
