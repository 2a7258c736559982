"""Marks that tests of several folders share."""

from __future__ import annotations

import pytest

proof = pytest.mark.flaky(reruns=1, only_rerun=["StoreUnavailable", "StoreConflict", "[Tt]ime.?[Oo]ut|timed out"])
"""For what must never happen: once is too often. Only a machine too busy to answer gets another try."""
