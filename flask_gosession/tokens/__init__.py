"""Signed (JWT) and opaque tokens, and the keys that make them.

Private: the reference lists what apps may import.
"""

from typing import TYPE_CHECKING

from flask_gosession.lazy_imports import names_from

if TYPE_CHECKING:
    from flask_gosession.tokens.following import FollowingCodec, FollowingKeys, follow
    from flask_gosession.tokens.opaque import OpaqueCodec
else:
    __getattr__ = names_from(  # only apps with opaque tokens, or with keys that change, need them
        __name__,
        {"FollowingCodec": "following", "FollowingKeys": "following", "OpaqueCodec": "opaque", "follow": "following"},
    )

__all__ = ["FollowingCodec", "FollowingKeys", "OpaqueCodec", "follow"]
