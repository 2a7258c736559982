"""Signing in and out, and what that comes to."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for

from example_app.users import User, Users
from flask_gosession import AuthError, GoSession
from flask_gosession.errors import InvalidCredentials


def make_blueprint(gosession: GoSession[User], users: Users) -> Blueprint:
    """Return the pages over *gosession* and *users*."""
    pages = Blueprint("pages", __name__)

    @pages.get("/")
    @gosession.login_required
    def home() -> Any:
        return render_template("home.html")

    @pages.get("/sign-in")
    def sign_in() -> Any:
        if gosession.current_user:
            return redirect(gosession.safe_next(url_for("pages.home")), 303)
        return _form()

    @pages.post("/sign-in")
    def take_sign_in() -> Any:
        refuse_other_sites()
        user = users.by_password(request.form.get("username", ""), request.form.get("password", ""))
        if user is None:
            return _form(InvalidCredentials.text, 401)
        try:
            gosession.login_user(user.id, remember="remember" in request.form, cookies=True)
        except AuthError as error:
            return _form(error.message, error.code)
        return redirect(gosession.safe_next(url_for("pages.home")), 303)

    @pages.post("/sign-out")
    def sign_out() -> Any:
        gosession.logout_user()
        flash("You have signed out.")
        return redirect(url_for("pages.sign_in"), 303)

    return pages


def refuse_other_sites() -> None:
    """Stop another site from signing its visitor in here as somebody else."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403)


def _form(problem: str | None = None, status: int = 200) -> Any:
    return render_template("sign_in.html", problem=problem, next=request.values.get("next", "")), status
