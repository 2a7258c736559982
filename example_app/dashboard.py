"""Shows administrators how many sessions there were, and when."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from example_app.activity import Activity
from example_app.chart import SPANS, live_sessions, sign_ins
from example_app.users import User, Users
from flask_gosession import GoSession


def make_blueprint(gosession: GoSession[User], users: Users, activity: Activity) -> Blueprint:
    """Return the dashboard over what *activity* remembers."""
    dashboard = Blueprint("dashboard", __name__)

    @dashboard.get("/admin/dashboard")
    @gosession.roles_required("admin")
    def index() -> Any:
        now = gosession.manager.clock()
        for user in users.everyone():
            live = {session.sid for session in gosession.manager.sessions(user.id)}
            activity.settle(str(user.id), live, now)
        span = SPANS.get(request.args.get("span", ""), SPANS["hour"])
        lives = activity.since(span.steps(now)[0])
        charts = {"Sign-ins": sign_ins(lives, span, now), "Live sessions": live_sessions(lives, span, now)}
        return render_template("admin/dashboard.html", span=span, spans=SPANS, charts=charts)

    return dashboard
