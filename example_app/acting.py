"""Lets an administrator act as somebody else, says so on every page, and takes them back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, url_for

from example_app.users import User, Users
from flask_gosession import GoSession, public

LONGEST = 15 * 60.0
"""Seconds that an administrator may act as somebody before starting anew."""


def make_blueprint(gosession: GoSession[User], users: Users) -> Blueprint:
    """Return the way into an impersonated session over *gosession*, and out of it."""
    acting = Blueprint("acting", __name__, url_prefix="/acting")

    @gosession.impersonation_check
    def may_act(actor: User, _subject: str) -> bool:
        return actor.role == "admin"

    @acting.post("/start/<int:user_id>")
    @gosession.roles_required("admin")
    @gosession.fresh_login_required
    def start(user_id: int) -> Any:
        user = users.by_subject(str(user_id)) or abort(404)
        if user.id == gosession.current_user.id:
            abort(400, "You already are this person.")
        gosession.impersonate(user.id, lifetime=LONGEST)
        return redirect(url_for("pages.home"), 303)

    @acting.post("/stop")
    @public  # the borrowed session may be over by now; the administrator's own token says who comes back
    def stop() -> Any:
        gosession.stop_impersonating()
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
