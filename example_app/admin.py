"""What administrators do: see everybody's sessions, end one with a message, and ban."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for

from example_app.moments import moment
from example_app.people import STATES, Filters, find_people
from example_app.users import User, Users
from flask_gosession import GoSession
from flask_gosession.observe import AuditEntry

TRAIL, LONGEST_TRAIL = 20, 500
"""Entries of the audit trail that a person's page shows at first, and at most."""

BANS = {"hour": ("an hour", 3600), "day": ("a day", 86_400), "month": ("30 days", 30 * 86_400)}


def make_blueprint(gosession: GoSession[User], users: Users) -> Blueprint:
    """Return the pages under ``/admin/people``; nobody without the role sees any of them."""
    admin = Blueprint("admin", __name__, url_prefix="/admin/people")
    # For the whole area at once: a page that is added here cannot be left open.
    admin.before_request(gosession.roles_required("admin")(lambda: None))

    @admin.get("/")
    def index() -> Any:
        filters = Filters(*(request.args.get(field, "").strip() for field in Filters._fields))
        try:
            page = find_people(gosession, users, filters, request.args.get("after", ""))
        except ValueError:
            problem = "Enter an IP address, a network such as 192.0.2.0/24, or the id of a session or token."
            return render_template("admin/index.html", filters=filters, states=STATES, problem=problem), 400
        return render_template("admin/index.html", filters=filters, states=STATES, page=page)

    @admin.get("/<int:user_id>")
    def user(user_id: int) -> Any:
        found = known(user_id)
        view = gosession.manager.show(found.id)
        limit = min(max(TRAIL, request.args.get("entries", TRAIL, int)), LONGEST_TRAIL)
        trail = gosession.audit_trail(found.id, limit=limit)
        names = {each: user.username for each in subjects_of(trail) if (user := users.by_subject(each))}
        more = 5 * limit if limit == len(trail) < LONGEST_TRAIL else None
        shown = {"sessions": view.sessions, "ban": view.ban, "bans": BANS, "trail": trail, "names": names, "more": more}
        return render_template("admin/user.html", user=found, **shown)

    @admin.post("/<int:user_id>/sessions/<sid>/end")
    def kick(user_id: int, sid: str) -> Any:
        found, message = known(user_id), request.form.get("message", "").strip()
        ended = gosession.manager.revoke(found.id, sid, "kicked", message=message or None)
        return back(found, "The session was ended." if ended.count else "That session had already ended.")

    @admin.post("/<int:user_id>/ban")
    def ban(user_id: int) -> Any:
        found, reason = known(user_id), request.form.get("reason", "").strip()
        if found.id == gosession.current_user.id:
            abort(400, "You cannot ban yourself.")
        _, seconds = BANS.get(request.form.get("length", ""), BANS["day"])
        until = gosession.manager.clock() + seconds
        message = f"This account is blocked until {moment(until)}" + (f": {reason}" if reason else ".")
        gosession.manager.ban(found.id, until=until, reason=reason, message=message)
        return back(found, f"{found.username} is banned until {moment(until)}.")

    @admin.post("/<int:user_id>/lift-ban")
    def lift_ban(user_id: int) -> Any:
        found = known(user_id)
        gosession.manager.lift_ban(found.id)
        return back(found, f"{found.username} may sign in again.")

    def known(user_id: int) -> User:
        return users.by_subject(str(user_id)) or abort(404)

    def back(found: User, message: str) -> Any:
        flash(message)
        return redirect(url_for("admin.user", user_id=found.id), 303)

    return admin


def subjects_of(trail: Iterable[AuditEntry]) -> set[str]:
    """Return everybody who did something in *trail*, or had it done to them."""
    return {subject for entry in trail for subject in (entry.subject, entry.actor) if subject}
