"""How long Hypothesis searches: `default` in every run, `long` by ``--hypothesis-profile=long``."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile("default", max_examples=100, deadline=None, suppress_health_check=QUIET)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.register_profile("long", max_examples=10_000, deadline=None, suppress_health_check=QUIET)
# Named at import, so that a profile asked for on the command line, which pytest loads later, wins.
settings.load_profile("default")
