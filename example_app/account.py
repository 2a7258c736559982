"""What people do with their own account: write a profile, show their password again, change it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for

from example_app.attempts import Attempts, TooManyAttempts
from example_app.devices import end_others
from example_app.profiles import LONGEST, Profiles
from example_app.users import User, Users
from flask_gosession import GoSession

SHORTEST = 8
"""Characters of a new password."""


def make_blueprint(gosession: GoSession[User], users: Users, attempts: Attempts, profiles: Profiles) -> Blueprint:
    """Return the pages of the account over *gosession*; each of them asks for a login."""
    account = Blueprint("account", __name__)
    gosession.protect(account)

    @account.get("/profile")
    def profile() -> Any:
        return render_template("profile.html", about=profiles.about(gosession.current_user), longest=LONGEST)

    @account.post("/profile")
    def save_profile() -> Any:
        profiles.write(gosession.current_user, request.form.get("about", ""))
        if request.accept_mimetypes.best == "application/json":
            return jsonify(message="Saved.")
        flash("Saved.")
        return redirect(url_for("account.profile"), 303)

    @account.route("/confirm", methods=["GET", "POST"])
    def confirm() -> Any:
        target = gosession.safe_next(url_for("pages.home"))
        if request.method == "GET":
            return render_template("confirm.html", next=target)
        problem, status = _problem_with(gosession.current_user.username, attempts)
        if problem:
            return render_template("confirm.html", next=target, problem=problem), status
        gosession.confirm_login()
        return redirect(target, 303)

    @account.get("/password")
    @gosession.fresh_login_required
    def password() -> Any:
        return render_template("password.html", shortest=SHORTEST)

    @account.post("/password")
    @gosession.fresh_login_required
    def change_password() -> Any:
        given = request.form.get("password", "")
        if len(given) < SHORTEST:
            problem = f"The new password needs at least {SHORTEST} characters."
            return render_template("password.html", shortest=SHORTEST, problem=problem), 400
        users.change_password(gosession.current_user, given)
        flash(f"Your password is changed. Other devices signed out: {end_others(gosession, 'password_changed')}.")
        return redirect(url_for("pages.home"), 303)

    return account


def _problem_with(username: str, attempts: Attempts) -> tuple[str | None, int]:
    """Return what is wrong with the password that was typed again, and the status that says so."""
    try:
        found = attempts.by_password(username, request.form.get("password", ""), request.remote_addr)
    except TooManyAttempts as error:
        return error.message, error.code
    return (None, 200) if found else ("That password is wrong.", 401)
