"""Signing in and out, and what that comes to."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for

from example_app.attempts import Attempts, TooManyAttempts
from example_app.users import User
from flask_gosession import AuthError, GoSession, public
from flask_gosession.errors import InvalidCredentials


def make_blueprint(gosession: GoSession[User], attempts: Attempts) -> Blueprint:
    """Return the pages over *gosession* and the users that *attempts* finds."""
    pages = Blueprint("pages", __name__)

    @pages.get("/")
    @gosession.login_required
    def home() -> Any:
        return render_template("home.html")

    @pages.get("/sign-in")
    def sign_in() -> Any:
        ending = session.pop("ending", None)
        if gosession.current_user:
            return redirect(gosession.safe_next(url_for("pages.home")), 303)
        return render_template("sign_in.html", ending=ending, next=request.args.get("next", ""))

    @pages.post("/sign-in")
    @public
    def take_sign_in() -> Any:
        refuse_other_sites()
        username, password = request.form.get("username", ""), request.form.get("password", "")
        alone = "alone" in request.form
        try:
            user = attempts.by_password(username, password, request.remote_addr)
            if user is None:
                return _again(InvalidCredentials.text, 401)
            gosession.login_user(
                user.id,
                remember="remember" in request.form,
                cookies=True,
                limit=1 if alone else None,  # for this login: it takes the place of all others
                on_limit="evict_oldest" if alone else None,
            )
        except (AuthError, TooManyAttempts) as error:
            return _again(error.message, error.code)
        return redirect(gosession.safe_next(url_for("pages.home")), 303)

    @pages.post("/sign-out")
    @public
    def sign_out() -> Any:
        gosession.logout_user()
        flash("You have signed out.")
        return redirect(url_for("pages.sign_in"), 303)

    return pages


def refuse_other_sites() -> None:
    """Stop another site from signing its visitor in here as somebody else."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403)


def _again(problem: str, status: int) -> Any:
    return render_template("sign_in.html", problem=problem, next=request.values.get("next", "")), status
