"""Accepts the issuer's access tokens by asking it about each one: a revocation counts from the next request on."""

from __future__ import annotations

import os

import httpx
from flask import Flask, Response, jsonify, request

app = Flask(__name__)
issuer = httpx.Client(auth=("by-asking", os.environ["SERVICE_SECRET"]), timeout=5.0)


@app.get("/me")
def me() -> Response | tuple[Response, int]:
    """Say whose token it is; a refresh token, which is active too, opens nothing here."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return jsonify(error="token_missing"), 401
    try:
        answer = issuer.post(os.environ["INTROSPECT_URL"], data={"token": token}).raise_for_status().json()
    except httpx.HTTPError:
        return jsonify(error="issuer_unavailable"), 503  # nothing is known: neither yes nor no
    if (answer["active"], answer.get("token_type")) != (True, "Bearer"):
        return jsonify(error="token_invalid"), 401
    return jsonify(sub=answer["sub"], sid=answer["sid"])
