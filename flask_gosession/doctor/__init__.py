"""Is this set-up safe: checks of settings, keys, cookies, store and surroundings, each with what to do about it.

Private: the reference lists what apps may import.
"""

from typing import TYPE_CHECKING

from flask_gosession.lazy_imports import names_from

if TYPE_CHECKING:
    from flask_gosession.doctor.examination import examine
else:
    __getattr__ = names_from(__name__, {"examine": "examination"})  # only operators need it

__all__ = ["examine"]
