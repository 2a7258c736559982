"""A request leaves nothing behind, and makes nothing that it does not need."""

from __future__ import annotations

import gc
import weakref

from flask_gosession.context import visit_of


def test_what_is_known_about_a_request_ends_with_it(make):
    """Session, record and claims are freed with the request, and do not wait for the garbage collector."""
    site, seen = make(), []

    @site.app.get("/seen")
    @site.gosession.login_required
    def view():
        seen.append(weakref.ref(visit_of("default")))
        return ""

    token = site.login()["access_token"]
    gc.disable()
    try:
        assert site.get(token, "/seen").status_code == 200
        assert seen[0]() is None
    finally:
        gc.enable()


def test_a_request_that_asks_for_no_data_makes_none(make):
    """The dict of session data is made when it is first asked for."""
    site, made = make(), []

    @site.app.get("/data")
    @site.gosession.login_required
    def view():
        session = site.gosession.current_session
        made.append("data" in vars(session))
        assert not session.changes
        session.data["key"] = 1
        made.append(session.changes)
        return ""

    assert site.get(site.login()["access_token"], "/data").status_code == 200
    assert made == [False, {"key": 1}]
