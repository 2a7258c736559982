"""Lets an administrator act as somebody else, says so on every page, and takes them back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, url_for

from example_app.users import User, Users
from flask_gosession import GoSession

LONGEST = 15 * 60.0
"""Seconds that an administrator may act as somebody before starting anew."""


def make_blueprint(gosession: GoSession[User], users: Users) -> Blueprint:
    """Return the way into an impersonated session over *gosession*, and out of it."""
    acting = Blueprint("acting", __name__, url_prefix="/acting")

    @acting.post("/start/<int:user_id>")
    @gosession.roles_required("admin")
    @gosession.fresh_login_required
    def start(user_id: int) -> Any:
        user = users.by_subject(str(user_id)) or abort(404)
        if user.id == gosession.current_user.id:
            abort(400, "You are this person already.")
        gosession.impersonate(user.id, lifetime=LONGEST)
        return redirect(url_for("pages.home"), 303)

    @acting.post("/stop")
    @gosession.login_required
    def stop() -> Any:
        """Sign the person behind the session in again, for no longer than their own session would have lasted."""
        manager, act = gosession.manager, gosession.current_session.record.act
        own = [one for one in manager.sessions(act.subject) if one.id == act.id] if act else []
        if not act or not own:
            abort(400, "Nobody else is behind this session.")
        manager.revoke(act.subject, act.sid)
        left, shown = own[0].expires - manager.clock(), own[0].authenticated
        gosession.login_user(act.subject, lifetime=left, remember=own[0].remember, authenticated=shown, cookies=True)
        flash("You are yourself again.")
        return redirect(url_for("admin.index"), 303)

    @acting.app_context_processor
    def names() -> dict[str, Any]:
        return {"person_behind": person_behind}

    def person_behind() -> User | None:
        """Return who is behind the current session, if that is somebody else than its user."""
        session = gosession.current_session
        return users.by_subject(session.actor) if session and session.actor else None

    return acting
