"""An app that has used its store before gunicorn forks: `gunicorn --preload outages.preloaded:app`."""

from __future__ import annotations

import os

from flask import Flask

from outages.load import make_app

app: Flask = make_app(os.environ["STORE_UNDER_TEST"])
app.add_url_rule("/pid", view_func=lambda: str(os.getpid()))
assert app.test_client().post("/login", json={"user": "parent"}).status_code == 200
