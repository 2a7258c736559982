"""Shows administrators how many sessions there were, and when."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from example_app.activity import lives_since
from example_app.chart import SPANS, live_sessions, sign_ins
from example_app.users import User
from example_app.words import client_of
from flask_gosession import GoSession


def make_blueprint(gosession: GoSession[User]) -> Blueprint:
    """Return the dashboard over the audit trail, and over what is in the store now."""
    dashboard = Blueprint("dashboard", __name__)

    @dashboard.get("/admin/dashboard")
    @gosession.roles_required("admin")
    def index() -> Any:
        now = gosession.manager.clock()
        span = SPANS.get(request.args.get("span", ""), SPANS["hour"])
        lives = [
            life._replace(client=client_of(life.client).name) for life in lives_since(gosession, span.steps(now)[0])
        ]
        charts = {"Sign-ins": sign_ins(lives, span, now), "Live sessions": live_sessions(lives, span, now)}
        stats = gosession.manager.stats(estimate=True)
        return render_template("admin/dashboard.html", span=span, spans=SPANS, charts=charts, stats=stats)

    return dashboard
