"""What templates may use: words and times for people, and the proof that a form was meant."""

from __future__ import annotations

from typing import Any

from flask import Flask, request

from example_app import chart, words
from example_app.moments import ago, hours_ago, iso, moment
from example_app.users import User
from flask_gosession import GoSession


def equip(app: Flask, gosession: GoSession[User]) -> None:
    """Give the templates of *app* their filters and names."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    filters = (moment, iso, words.client_of, words.reason_of, words.action_of, words.device_name, words.device_icon)
    for function in filters:
        app.template_filter(function.__name__)(function)
    app.template_filter("ago")(lambda at: ago(gosession.manager.clock() - at))
    app.template_filter("hours_ago")(lambda at: hours_ago(gosession.manager.clock() - at))
    app.template_filter("place")(lambda ip: words.place(ip, request.remote_addr or ""))
    app.jinja_env.globals |= {"chart_size": chart, "CLIENTS": words.CLIENTS, "REASONS": words.REASONS}

    @app.context_processor
    def names() -> dict[str, Any]:
        return {"gosession_csrf": gosession.csrf_token}
