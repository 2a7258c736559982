"""How the app says no: a page for people, JSON for programs, and the way to a fresh login."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Flask, redirect, render_template, request, session, url_for
from werkzeug.exceptions import HTTPException

from example_app.users import User
from example_app.words import ending_of
from flask_gosession import AuthError, GoSession

NO_ENDING = frozenset({"token_missing", "token_malformed", "token_invalid", "token_type"})
"""Errors of a guest, whose session nobody has ended."""

API = ("/api/", "/auth/")
"""Paths that are for programs alone."""


def answer_problems(app: Flask, gosession: GoSession[User]) -> None:
    """Let *app* answer in its own pages what people run into; who has to sign in goes to the form anyway."""
    app.register_error_handler(HTTPException, _answer)
    for code in ("csrf_failed", "insufficient_scope", "store_unavailable", "store_conflict"):
        gosession.error_handler(code)(_answer)

    @gosession.error_handler("fresh_login_required")
    def confirm_first(error: HTTPException) -> Any:
        if not _is_page():
            return error.get_response()
        if gosession.current_session.actor:
            return _page("Only the person themselves can do this, because it asks for their password.", 403)
        return redirect(f"{url_for('account.confirm')}?{urlencode({'next': _way_back()})}", 303)


def explain_sign_in(error: AuthError) -> str:
    """Let the sign-in page say in a banner what ended the session; a guest gets the usual sentence."""
    if error.error in NO_ENDING:
        return error.message
    session["ending"] = ending_of(error)
    return ""


def _answer(error: HTTPException) -> Any:
    return _page(error.description or "", error.code or 500) if _is_page() else error.get_response()


def _page(message: str, status: int) -> Any:
    return render_template("problem.html", message=message), status


def _is_page() -> bool:
    accepted = request.accept_mimetypes
    return accepted.accept_html and accepted.best != "application/json" and not request.path.startswith(API)


def _way_back() -> str:
    """Return the page to come back to: this one, or where the form is that was sent to it."""
    here = urlsplit(request.url if request.method == "GET" else request.referrer or "")
    return f"{here.path}?{here.query}" if here.query else here.path or "/"
