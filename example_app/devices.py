"""Where a person is signed in, and was until lately: the list, and signing out one device or all others."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from example_app.users import User
from example_app.words import client_of
from flask_gosession import GoSession
from flask_gosession.errors import Reason

ENDED, TRAIL = 5, 200
"""Sessions that have ended on the page, and entries of the audit trail that are read to say what they were."""


def make_blueprint(gosession: GoSession[User]) -> Blueprint:
    """Return the page of devices over *gosession*."""
    devices = Blueprint("devices", __name__)
    gosession.protect(devices)

    @devices.get("/devices")
    def index() -> Any:
        current = gosession.current_session
        view = gosession.manager.show(current.subject)
        sessions = sorted(view.sessions, key=lambda session: session.sid != current.sid)  # this one, then the latest
        was = {entry.sid: client_of(entry.client) for entry in gosession.audit_trail(current.subject, limit=TRAIL)}
        return render_template("devices.html", sessions=sessions, ended=view.ended[:ENDED], was=was)

    @devices.post("/devices/<sid>/sign-out")
    def sign_out(sid: str) -> Any:
        current = gosession.current_session
        if sid == current.sid:
            gosession.logout_user()
            return redirect(url_for("pages.sign_in"), 303)
        gosession.manager.revoke(current.subject, sid, client=current.client, ip=request.remote_addr or "")
        flash("That device is signed out.")
        return redirect(url_for("devices.index"), 303)

    @devices.post("/devices/sign-out-others")
    def sign_out_others() -> Any:
        flash(f"Other devices signed out: {end_others(gosession, 'revoked_all')}.")
        return redirect(url_for("devices.index"), 303)

    return devices


def end_others(gosession: GoSession[User], reason: Reason) -> int:
    """End all sessions of the current user but this one; return how many there were."""
    current = gosession.current_session
    ended = gosession.manager.revoke_all(
        current.subject, reason, but=current.sid, client=current.client, ip=request.remote_addr or ""
    )
    return ended.count
