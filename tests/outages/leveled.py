"""An app that checks at level `cached`, and has checked before gunicorn forks: `gunicorn outages.leveled:app`."""

from __future__ import annotations

import os

from drawn import drawn
from flask import Flask, jsonify, request

from flask_gosession import GoSession

app = Flask("leveled")
app.config.update(
    SECRET_KEY=drawn("leveled"),
    GOSESSION_STORE=os.environ["STORE_UNDER_TEST"],
    GOSESSION_KEY_PREFIX="leveled",
    GOSESSION_LEVEL="cached",
)
gosession = GoSession(app)


@app.post("/login")
def login():
    return jsonify(gosession.login_user(request.get_json()["user"]).to_dict())


@app.post("/logout")
def logout():
    gosession.logout_user()
    return ""


@app.get("/me")
@gosession.login_required
def me():
    session = gosession.current_session
    return jsonify(pid=os.getpid(), sub=session.subject, kept=session.checked.kept)


@app.get("/pid")
def pid():
    return str(os.getpid())


with app.test_client() as parent:
    token = parent.post("/login", json={"user": "parent"}).get_json()["access_token"]
    for _ in range(3):
        assert parent.get("/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200
