"""The SQL store.

Private: the reference lists what apps may import.
"""

from flask_gosession.stores.sql.store import SQLStore

__all__ = ["SQLStore"]
