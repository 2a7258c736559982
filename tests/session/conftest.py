"""The Hypothesis profiles, also where only this folder is run."""

from __future__ import annotations

import hypothesis_profiles  # noqa: F401 - registers them
