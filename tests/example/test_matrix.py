"""Every page of the app for everybody: guests, people, administrators, those who act as somebody, and the banned."""

from __future__ import annotations

import pytest

from .browsing import BROWSER, Browser

IN, OUT, NO, FRESH = "in", "to the sign-in", "refused", "their own password first"

OWN = dict.fromkeys(("alice", "admin", "acting"), IN) | {"guest": OUT, "banned": OUT}
ADMIN = {"admin": IN, "alice": NO, "acting": NO, "guest": OUT, "banned": OUT}
THEIRS_ALONE = {**OWN, "acting": FRESH}
ALL = dict.fromkeys(OWN, IN)

MATRIX = {
    ("GET", "/"): OWN,
    ("GET", "/profile"): OWN,
    ("POST", "/profile"): OWN,
    ("GET", "/devices"): OWN,
    ("POST", "/devices/<sid>/sign-out"): OWN,
    ("POST", "/devices/sign-out-others"): OWN,
    ("GET", "/confirm"): OWN,
    ("GET", "/password"): THEIRS_ALONE,
    ("POST", "/password"): THEIRS_ALONE,
    ("GET", "/api/me"): OWN,
    ("GET", "/admin/people/"): ADMIN,
    ("GET", "/admin/people/<int:user_id>"): ADMIN,
    ("POST", "/admin/people/<int:user_id>/ban"): ADMIN,
    ("POST", "/admin/people/<int:user_id>/lift-ban"): ADMIN,
    ("POST", "/admin/people/<int:user_id>/sessions/<sid>/end"): ADMIN,
    ("GET", "/admin/dashboard"): ADMIN,
    ("POST", "/acting/start/<int:user_id>"): ADMIN,
    ("POST", "/acting/stop"): {**OWN, "alice": NO, "admin": NO},
    ("GET", "/sign-in"): ALL,
    ("POST", "/sign-out"): dict.fromkeys(OWN, OUT),
}
ELSEWHERE = {("POST", "/sign-in"), ("POST", "/confirm")}
"""What checks a password; see test_attempts."""


def visitor(app, who):
    """Return the browser of: a guest, a person, an administrator, one who acts as alice, somebody banned."""
    browser = Browser(app, {"acting": "admin", "banned": "bob", "guest": "nobody"}.get(who, who))
    manager = app.extensions["gosession"]["default"].manager
    if who == "acting":
        browser.send("/acting/start/1")
    if who == "banned":
        manager.ban("2", until=manager.clock() + 3600)
    return browser


def ask(browser, method, path):
    csrf = browser.client.get_cookie("gosession_csrf")
    data = {"gosession_csrf": csrf.value} if method == "POST" and csrf else None
    return browser.client.open(path, method=method, data=data, headers=BROWSER)


def outcome(answer):
    """Return in a word what an answer comes to."""
    if (answer.status_code == 303 and "/sign-in" in answer.location) or answer.status_code == 401:
        return OUT
    if answer.status_code == 403:
        return FRESH if "Only the person themselves" in answer.text else NO
    assert answer.status_code < 400 or "8 characters" in answer.text, (answer.status_code, answer.text)
    return IN


def pages_of(app):
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith(("/auth/", "/static/")):
            yield from ((method, rule.rule) for method in rule.methods - {"HEAD", "OPTIONS"})


def test_no_page_is_left_out(app):
    """A page that is added has to say here who may see it."""
    assert set(pages_of(app)) == MATRIX.keys() | ELSEWHERE


@pytest.mark.parametrize("who", ["guest", "alice", "admin", "acting", "banned"])
def test_who_may_what(app, who):
    """Each page answers as the matrix says, in a browser of its own."""
    found, wanted = {}, {}
    Browser(app, "bob")
    for (method, rule), allowed in MATRIX.items():
        path = rule.replace("<int:user_id>", "2").replace("<sid>", "A" * 22)
        found[method, rule] = outcome(ask(visitor(app, who), method, path))
        wanted[method, rule] = allowed[who]
    assert found == wanted


def test_a_borrowed_session_does_not_open_the_administration(app):
    """Nor does any page of it do something, whatever the administrator behind it may do."""
    acting = visitor(app, "acting")
    bob = Browser(app, "bob")
    for path in ("/admin/people/2/ban", "/acting/start/2"):
        assert outcome(ask(acting, "POST", path)) == NO
    assert bob.get("/").status_code == 200
