"""How large a body the endpoints accept: clients that are not signed in must not be able to fill the memory."""

from __future__ import annotations

from io import BytesIO

from flask import request

from flask_gosession.errors import BodyTooLarge

LARGEST = 65_536
"""Bytes; credentials and tokens are far smaller."""


def require_small_body() -> None:
    """Raise BodyTooLarge for a body over 64 KiB, whether its length is announced or it comes in chunks."""
    if request.content_length is not None:
        if request.content_length > LARGEST:
            raise BodyTooLarge
        return
    # A server that takes chunks says where they end; werkzeug reads no body of any other without a length.
    if request.environ.get("wsgi.input_terminated"):
        body = request.environ["wsgi.input"].read(LARGEST + 1)
        if len(body) > LARGEST:
            raise BodyTooLarge
        request.environ["wsgi.input"] = BytesIO(body)
