"""What templates may use: times for people, and the proof that a form was meant."""

from __future__ import annotations

from typing import Any

from flask import Flask

from example_app import chart
from example_app.moments import ago, iso, moment
from example_app.users import User
from flask_gosession import GoSession


def equip(app: Flask, gosession: GoSession[User]) -> None:
    """Give the templates of *app* their filters and names."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.template_filter("moment")(moment)
    app.template_filter("iso")(iso)
    app.template_filter("ago")(lambda at: ago(gosession.manager.clock() - at))
    app.jinja_env.globals["chart_size"] = chart

    @app.context_processor
    def names() -> dict[str, Any]:
        return {"csrf_token": gosession.csrf_token}
