"""How long Hypothesis searches: `default` in every run, `ci` the same without chance, `long` when asked for.

``--hypothesis-profile=long`` is read before any folder's own conftest.py, so the outermost one imports this module.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile("default", max_examples=100, deadline=None, suppress_health_check=QUIET)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.register_profile("long", max_examples=10_000, deadline=None, suppress_health_check=QUIET)
settings.load_profile("ci" if os.environ.get("CI") else "default")
