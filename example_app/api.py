"""The JSON API: sign in, and see oneself; the extension's own blueprint refreshes, lists and signs out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from example_app.attempts import Attempts
from example_app.credentials import read_credentials
from example_app.users import User
from flask_gosession import CurrentSession, GoSession, public
from flask_gosession.errors import BadRequest, InvalidCredentials


def make_blueprint(gosession: GoSession[User], attempts: Attempts) -> Blueprint:
    """Return the API over *gosession* and the users that *attempts* finds."""
    api = Blueprint("api", __name__)

    @api.post("/auth/login")
    @public
    def login() -> Any:
        given = read_credentials(_body())
        user = attempts.by_password(given.username, given.password, request.remote_addr)
        if user is None:
            raise InvalidCredentials
        return jsonify(gosession.login_user(user.id, client=given.client, cookies=False).to_dict())

    @api.get("/api/me")
    @gosession.login_required
    def me() -> Any:
        return jsonify(user=asdict(gosession.current_user), session=describe(gosession.current_session))

    @api.errorhandler(RequestEntityTooLarge)
    def too_large(error: HTTPException) -> Any:
        return BadRequest(error.description).data, 413, BadRequest().headers

    return api


def _body() -> object:
    try:
        return request.get_json(silent=True)
    except RecursionError:
        return None


def describe(session: CurrentSession) -> dict[str, Any]:
    """Return what the person may know of their session; times are Unix seconds."""
    return {
        "sid": session.sid,
        "client": session.client,
        "created": int(session.created),
        "authenticated": int(session.authenticated),
        "expires": int(session.expires),
    }
