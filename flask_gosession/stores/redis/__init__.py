"""The redis store.

Private: the reference lists what apps may import.
"""

from flask_gosession.stores.redis.store import RedisStore

__all__ = ["RedisStore"]
