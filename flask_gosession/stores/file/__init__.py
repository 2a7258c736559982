"""The file store.

Private: the reference lists what apps may import.
"""

from flask_gosession.stores.file.store import FileStore

__all__ = ["FileStore"]
