"""Signs people in, publishes its public keys, and lets services that it knows ask about tokens."""

from __future__ import annotations

import hmac
import os

from flask import Flask, request

from flask_gosession import GoSession

app = Flask(__name__)
app.config.from_prefixed_env()  # FLASK_SECRET_KEY, FLASK_GOSESSION_KEYS, FLASK_GOSESSION_STORE, …
gosession = GoSession(app)


@gosession.credential_verifier
def verify(username: str, password: str) -> str | None:
    """Stand in for a table of users: everybody's password is their name, backwards."""
    return username if password == username[::-1] else None


def is_service() -> bool:
    """Whether the request comes from a service that may ask about tokens."""
    given = request.authorization
    return given is not None and hmac.compare_digest(
        (given.password or "").encode(), os.environ["SERVICE_SECRET"].encode()
    )


app.register_blueprint(gosession.blueprint(introspection_auth=is_service))
