"""Accepts the issuer's access tokens by its published keys alone: no store, no secret, no call for each request."""

from __future__ import annotations

import os

from flask import Flask, request

from flask_gosession.client.verifier import Verifier

app = Flask(__name__)
verifier = Verifier(os.environ["JWKS_URL"], issuer=os.environ["ISSUER"], audience=os.environ["AUDIENCE"])


@app.get("/me")
def me() -> dict[str, str]:
    """Say whose token it is; what is wrong with one answers by itself, with 401 or 503."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    claims = verifier.verify(token if scheme.lower() == "bearer" else "")
    return {"sub": claims.subject, "sid": claims.sid_text}
