"""An issuer and the services that take its tokens, each a process of its own, for all tests here."""

from __future__ import annotations

import pytest
from tokens.pairs import pair

from .fleet import NODE, WITHOUT_NODE, running_fleet

pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed; it is in the extra sql")


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("services")


@pytest.fixture(scope="package")
def fleet(folder):
    """Yield an issuer that signs by RS256, and its services; nobody stops them."""
    with running_fleet(folder, pair("RS256", "first")) as fleet:
        yield fleet


@pytest.fixture
def issuer(fleet):
    return fleet.issuer


@pytest.fixture(params=["by_keys.py", "by_keys.mjs"])
def by_keys(request, fleet):
    """Return the service that verifies by keys, in Python and in Node."""
    if request.param.endswith("mjs") and NODE is None:
        pytest.skip(WITHOUT_NODE)
    return fleet.by_keys[request.param]
