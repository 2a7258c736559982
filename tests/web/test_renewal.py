"""Cookie mode renews an access token that expires or has expired, and never signs a logged-out browser in again."""

from __future__ import annotations

import jwt
import msgspec
import pytest
from flask import Response, jsonify, stream_with_context
from sites import open_site

from flask_gosession.ids import new_etag
from flask_gosession.session.record import Session
from flask_gosession.stores.base import Record

COOKIES = {"TOKEN_LOCATIONS": ("cookie",), "ACCESS_LIFETIME": 1000, "IDLE_TIMEOUT": "1d"}
BOTH = {**COOKIES, "TOKEN_LOCATIONS": ("header", "cookie")}
CLICK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
SCRIPT = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
RENEWED = {"gosession_access", "gosession_state"}
DAY = 86_400
OVERLAP = 70
"""How long a superseded token is honoured once its successor was used: the grace period and the leeway."""


def jti(token):
    return jwt.decode(token, options={"verify_signature": False})["jti"]


def exp(token):
    return jwt.decode(token, options={"verify_signature": False})["exp"]


@pytest.fixture
def site(make_site):
    site = make_site(**COOKIES)

    @site.app.post("/act/<what>")
    @site.gosession.login_required
    def act(what):
        session = site.gosession.current_session
        manager = site.gosession.manager
        actions = {
            "logout": site.gosession.logout_user,
            "revoke": lambda: manager.revoke(session.subject, session.sid, "kicked"),
            "revoke_all": lambda: manager.revoke_all(session.subject),
            "ban": lambda: manager.ban(session.subject, until=site.clock() + 100),
            "login": lambda: site.gosession.login_user("ada"),
            "login_by_body": lambda: site.gosession.login_user("ada", cookies=False),
            "nothing": lambda: None,
        }
        actions[what]()
        return ""

    return site


@pytest.fixture
def browser(site):
    browser = site.browser()
    answer = browser.login()
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return browser


def set_cookies(answer):
    return {header.partition("=")[0] for header in answer.headers.getlist("Set-Cookie")}


def test_nothing_is_renewed_early(site, browser):
    """While the token lives long enough, no cookie is set."""
    site.clock.advance(500)
    assert set_cookies(browser.get()) == set()


def test_the_same_jti_is_signed_again_near_expiry(site, browser):
    """The renewed token has the same jti and a later end; nothing is rotated, nothing but the use is written."""
    old = browser.cookie("gosession_access")
    site.clock.advance(920)
    answer = browser.get()
    new = browser.cookie("gosession_access")
    assert set_cookies(answer) == {"gosession_access", "gosession_state"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert (jti(new), exp(new) > exp(old)) == (jti(old), True)
    state = browser.cookie("gosession_state").split(".")
    assert (int(state[0]), int(state[2])) == (exp(new), int(site.clock()))
    assert browser.post("/auth/refresh").status_code == 200


def test_a_browser_in_use_never_has_to_refresh(site, browser):
    """Renewal by renewal the session lives until its absolute end, and no further."""
    for _ in range(20):
        site.clock.advance(920)
        assert browser.get().status_code == 200


def test_nothing_is_renewed_past_the_absolute_end(make_site, clock):
    """At the end of the session there is nothing later to renew to (REV-04)."""
    site = make_site(**{**COOKIES, "ABSOLUTE_TIMEOUT": 1000})
    browser = site.browser()
    browser.login(access_lifetime=1000)
    clock.advance(960)
    browser.get()
    clock.advance(39)
    assert set_cookies(browser.get()) == set()
    clock.advance(12)
    assert browser.get().status_code == 401


def test_a_bearer_token_is_not_renewed(make_site):
    """Who sends a header refreshes by itself."""
    site = make_site(**{**COOKIES, "TOKEN_LOCATIONS": ("header", "cookie")})
    token = site.login(client="ios")["access_token"]
    site.clock.advance(940)
    assert set_cookies(site.get(token)) == set()


@pytest.mark.parametrize("age", [920, 5000], ids=["expiring", "expired"])
@pytest.mark.parametrize("what", ["revoke", "revoke_all", "ban", "login_by_body"])
def test_a_session_that_ends_in_the_request_is_not_renewed(site, browser, what, age):
    """No renewed token follows a revocation in the same request, whoever revoked."""
    site.clock.advance(age)
    headers = browser.post(f"/act/{what}").headers.getlist("Set-Cookie")
    assert [one for one in headers if "Max-Age=0" not in one] == []


def test_a_logout_beats_the_renewal(site, browser):
    """Logout in a request that would renew unsets the cookies, and sets none."""
    site.clock.advance(920)
    answer = browser.post("/act/logout")
    assert all("Max-Age=0" in header for header in answer.headers.getlist("Set-Cookie"))
    assert browser.cookie("gosession_access") is None


def test_a_login_beats_the_renewal(site, browser):
    """A login in a request that would renew leaves with its own cookies alone."""
    old = browser.cookie("gosession_access")
    site.clock.advance(920)
    answer = browser.post("/act/login")
    names = [header.partition("=")[0] for header in answer.headers.getlist("Set-Cookie")]
    assert len(names) == len(set(names)) == 4
    assert jti(browser.cookie("gosession_access")) != jti(old)


def test_a_late_renewed_cookie_signs_nobody_in(site, browser):
    """A renewed cookie that arrives after the logout of another tab belongs to no session any more."""
    site.clock.advance(920)
    slow_tab = site.browser()
    for name in ("gosession_access", "gosession_csrf"):
        slow_tab.keep(name, browser.cookie(name))
    assert "gosession_access" in set_cookies(slow_tab.get())
    late = slow_tab.cookie("gosession_access")
    assert browser.post("/auth/logout").status_code == 204
    browser.keep("gosession_access", late)
    answer = browser.get()
    assert (answer.status_code, answer.json["reason"]) == (401, "logged_out")


def test_a_lost_race_clears_nothing(site, browser):
    """A tab whose token was replaced is told so, and the winner's cookies stay (COO-04)."""
    other = site.browser()
    for name, path in (("gosession_access", "/"), ("gosession_csrf", "/"), ("gosession_refresh", "/auth")):
        other.keep(name, browser.cookie(name, path), path)
    browser.post("/auth/refresh")
    assert browser.get().status_code == 200
    site.clock.advance(OVERLAP)
    answer = other.get()
    assert answer.json["error"] == "token_rotated"
    assert set_cookies(answer) == set()


@pytest.mark.parametrize("which", ["gosession_access", "gosession_refresh"])
@pytest.mark.parametrize("expired", [False, True], ids=["live", "expired"])
def test_either_token_signs_out_also_expired(site, browser, which, expired):
    """Logout takes the cookie that is left, and ends the session (REV-01)."""
    path = "/auth" if which.endswith("refresh") else "/"
    lonely = site.browser()
    lonely.keep(which, browser.cookie(which, path), path)
    csrf = browser.cookie("gosession_csrf")
    if expired:
        site.clock.advance(1100)
    assert lonely.post("/auth/logout", headers={"X-GoSession-CSRF": csrf}).status_code == 204
    assert lonely.cookie(which, path) is None
    assert site.manager.sessions("ada") == []


def test_logout_is_idempotent(site, browser):
    """Signing out twice, or as nobody, is no error (REV-07)."""
    for _ in range(2):
        assert browser.post("/auth/logout").status_code == 204
    assert site.browser().post("/auth/logout").status_code == 204


def test_logout_while_the_store_is_down_keeps_the_cookies(site, browser):
    """Nobody is told that they are signed out who is not: 503, and the cookies stay (REV-07)."""
    before = browser.cookie("gosession_access")
    site.store.fail("load", 5)
    answer = browser.post("/auth/logout")
    assert answer.status_code == 503
    assert set_cookies(answer) == set()
    assert browser.cookie("gosession_access") == before


@pytest.mark.parametrize(
    "pause",
    [pytest.param(30, marks=pytest.mark.long), 150, 200, 300, 600, 3 * 3600],
)
def test_who_clicks_stays_signed_in_all_day(make_site, pause):
    """Without scripts, a click now and then keeps a person signed in, however long they read in between."""
    site = make_site(TOKEN_LOCATIONS=("cookie",))
    browser = site.browser()
    browser.login()
    for _ in range(DAY // pause):
        site.clock.advance(pause)
        assert browser.get(headers=CLICK).status_code == 200
    assert browser.get("/auth/session", headers=CLICK).status_code == 200


def test_the_next_morning(make_site):
    """With remember-me the cookie is there after the night, and its renewal stays for the rest of the session."""
    site = make_site(TOKEN_LOCATIONS=("cookie",))
    browser = site.browser()
    end = browser.login(remember=True).json["session_expires_at"]
    site.clock.advance(14 * 3600)
    answer = browser.get(headers=CLICK)
    assert (answer.status_code, set_cookies(answer)) == (200, RENEWED)
    assert all(f"Max-Age={end - int(site.clock())};" in header for header in answer.headers.getlist("Set-Cookie"))


def test_without_remember_me_a_renewed_cookie_ends_with_the_browser(site, browser):
    """A renewal makes no cookie persistent that the login did not."""
    site.clock.advance(5000)
    headers = browser.get(headers=CLICK).headers.getlist("Set-Cookie")
    assert len(headers) == 2
    assert not any("Max-Age" in header or "Expires" in header for header in headers)


def test_a_form_with_an_expired_cookie(site, browser):
    """Who wrote for hours can send their form: the CSRF value holds, and the answer renews the cookie."""
    site.clock.advance(5000)
    form = {"gosession_csrf": browser.cookie("gosession_csrf")}
    answer = browser.post(csrf=False, data=form, headers=CLICK)
    assert (answer.status_code, set_cookies(answer)) == (200, RENEWED)
    site.clock.advance(5000)
    refused = browser.post(csrf=False, data={"gosession_csrf": "another"}, headers=CLICK)
    assert (refused.json["error"], set_cookies(refused)) == ("csrf_failed", set())


def test_two_tabs(site, browser):
    """Both tabs send the expired cookie; each gets one, and either of them is good."""
    site.clock.advance(5000)
    other = twin(site, browser)
    kept = []
    for tab in (browser, other):
        assert set_cookies(tab.get(headers=CLICK)) == RENEWED
        kept.append(tab.cookie("gosession_access"))
    for token in kept:
        browser.keep("gosession_access", token)
        assert browser.get(headers=CLICK).status_code == 200


def twin(site, browser):
    """Return another tab, which has the cookies of now and sees no change of them."""
    other = site.browser()
    for name, path in (("gosession_access", "/"), ("gosession_csrf", "/"), ("gosession_refresh", "/auth")):
        other.keep(name, browser.cookie(name, path), path)
    return other


def test_a_logout_in_the_other_tab(site, browser):
    """An expired cookie of a session that has ended opens nothing, says why, and is not renewed."""
    other = twin(site, browser)
    site.clock.advance(5000)
    assert browser.post("/auth/logout").status_code == 204
    answer = other.get(headers=CLICK)
    assert (answer.json["reason"], set_cookies(answer)) == ("logged_out", set())


@pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
def test_a_rotation_by_a_script_meanwhile(site, browser, used):
    """The cookie from before a rotation is renewed as long as it counts, and then it is rotated, not stolen."""
    late = twin(site, browser)
    site.clock.advance(5000)
    assert browser.post("/auth/refresh", headers=SCRIPT).status_code == 200
    if used:
        assert browser.get(headers=CLICK).status_code == 200
    old = jti(late.cookie("gosession_access"))
    site.clock.advance(OVERLAP - 1)
    assert set_cookies(late.get(headers=CLICK)) == RENEWED
    assert jti(late.cookie("gosession_access")) == old
    site.clock.advance(1100)
    answer = late.get(headers=CLICK)
    assert (answer.status_code == 200) is not used
    if used:
        assert (answer.json["error"], set_cookies(answer)) == ("token_rotated", set())
    assert browser.post("/auth/refresh", headers=SCRIPT).status_code == 200
    assert browser.get(headers=CLICK).status_code == 200


@pytest.mark.parametrize("age", [500, 930, 1100, 5000])
def test_a_copied_header_token_is_never_renewed(make_site, age):
    """A token of a header client gains nothing in a cookie: it is not renewed, and ends when it ends."""
    site = make_site(**BOTH)
    pair = site.login(client="ios")
    thief = site.browser()
    thief.keep("gosession_access", pair["access_token"])
    site.clock.advance(age)
    answer = thief.get(headers=CLICK)
    assert set_cookies(answer) == set()
    assert answer.status_code == (200 if age < 1000 else 401)
    assert age < 1000 or answer.json["error"] == "token_expired"


def test_an_expired_token_counts_in_the_cookie_alone(make_site):
    """Sent in a header, an expired token of a browser's session is refused."""
    site = make_site(**BOTH)
    browser = site.browser()
    browser.login()
    site.clock.advance(5000)
    assert site.get(browser.cookie("gosession_access")).json["error"] == "token_expired"


@pytest.mark.parametrize("age", [930, 5000], ids=["expiring", "expired"])
def test_a_script_s_request_sets_nothing(site, browser, age):
    """A script's answer may be late: what it asks with an old cookie is answered, and no cookie is set."""
    site.clock.advance(age)
    for answer in (browser.get(headers=SCRIPT), browser.post(headers=SCRIPT)):
        assert (answer.status_code, set_cookies(answer)) == (200, set())
    assert set_cookies(browser.get(headers=CLICK)) == RENEWED


def test_the_end_of_the_session_is_the_end(site, browser):
    """An expired cookie is worth what its session is: past the idle timeout, nothing (REV-04)."""
    site.clock.advance(DAY + 1)
    answer = browser.get(headers=CLICK)
    assert (answer.json["error"], set_cookies(answer)) == ("session_idle", set())


def test_another_kind_of_token_is_not_renewed(site, browser):
    """Only the end is waived: a refresh token, or a broken signature, in the access cookie is refused as ever."""
    site.clock.advance(5000)
    access, refresh = browser.cookie("gosession_access"), browser.cookie("gosession_refresh", "/auth")
    for token, error in ((refresh, "token_type"), (access[:-6] + "AAAAAA", "token_invalid")):
        browser.keep("gosession_access", token)
        answer = browser.get(headers=CLICK)
        assert (answer.json["error"], set_cookies(answer)) == (error, set())


class People:
    """Users that change, and what was asked about them."""

    def __init__(self):
        self.role = "admin"

    def load(self, subject):
        return {"name": subject} if self.role else None

    def claims(self, _subject):
        return {"role": self.role}


@pytest.fixture
def people():
    return People()


@pytest.fixture
def staffed(make_site, people):
    """Return a site whose tokens say what a person may do."""
    site = make_site(loader=people.load, **COOKIES, USER_TTL=0)
    site.gosession.claims_loader(people.claims)
    site.app.add_url_rule(
        "/role", view_func=site.gosession.login_required(lambda: site.gosession.current_session.claims.extra["role"])
    )
    return site


@pytest.mark.parametrize("mode", [CLICK, SCRIPT], ids=["click", "script"])
def test_an_expired_cookie_says_what_holds_now(staffed, people, mode):
    """LIF-01: the claims of an expired token are drawn anew, in the view and in the cookie."""
    browser = staffed.browser()
    browser.login()
    staffed.clock.advance(5000)
    people.role = "reader"
    assert browser.get("/role", headers=mode).text == "reader"
    renewed = jwt.decode(browser.cookie("gosession_access"), options={"verify_signature": False})
    assert renewed["role"] == ("reader" if mode is CLICK else "admin")


@pytest.mark.parametrize("mode", [CLICK, SCRIPT], ids=["click", "script"])
def test_nobody_who_is_gone_is_renewed(staffed, people, mode):
    """LIF-01: a user who no longer exists is refused, and their cookie is not renewed."""
    browser = staffed.browser()
    browser.login()
    staffed.clock.advance(5000)
    people.role = None
    answer = browser.get("/form", headers=mode)  # a view that asks for a session, and not for the user
    assert (answer.text, set_cookies(answer)) == ("", set())
    assert browser.get(headers=mode).json["error"] == "user_not_found"


def test_an_answer_that_renews_is_not_stored(make_site):
    """COO-05: whatever the view says about caching, an answer that sets a cookie is no-store."""
    site = make_site(**COOKIES)

    @site.app.get("/public")
    def for_all():
        answer = jsonify(guest=not site.gosession.current_user)
        answer.cache_control.public = True
        answer.cache_control.max_age = 3600
        return answer

    browser = site.browser()
    browser.login()
    site.clock.advance(5000)
    answer = browser.get("/public", headers=CLICK)
    assert (set_cookies(answer), answer.headers["Cache-Control"]) == (RENEWED, "no-store")
    assert browser.get("/public", headers=CLICK).headers["Cache-Control"] == "public, max-age=3600"


@pytest.mark.parametrize(("age", "status"), [(930, 200), (5000, 401)])
def test_a_session_of_an_older_version(site, browser, age, status):
    """Where the record does not say how its tokens went out, a cookie is renewed until it has expired, as it was."""
    field = Session.__struct_fields__.index("in_cookies")
    stored = site.store.load("ada")
    plain = msgspec.msgpack.decode(stored.value)
    plain[3] = [session[:field] for session in plain[3]]
    site.store.swap("ada", stored.etag, Record(msgspec.msgpack.encode(plain), new_etag()), 1e11)
    site.clock.advance(age)
    answer = browser.get(headers=CLICK)
    assert (answer.status_code, set_cookies(answer)) == (status, RENEWED if status == 200 else set())


def test_a_borrowed_session_ends_with_its_actor(make_site):
    """An impersonated session is renewed while its actor's lives, and not after (LIF-04)."""
    site = make_site(**COOKIES)

    @site.app.post("/become")
    def become():
        return site.gosession.impersonate("ada", lifetime="1d").to_dict()

    browser = site.browser()
    browser.login("root")
    browser.post("/become")
    site.clock.advance(5000)
    assert set_cookies(browser.get(headers=CLICK)) == RENEWED
    site.clock.advance(5000)
    site.manager.revoke_all("root")
    answer = browser.get(headers=CLICK)
    assert (answer.json["error"], set_cookies(answer)) == ("session_ended", set())


def told(answer, token):
    """Return all that an answer tells whoever sent *token*, without what differs between any two sessions."""
    mine = jwt.decode(token, options={"verify_signature": False})
    cookies = []
    for header in answer.headers.getlist("Set-Cookie"):
        value, _, attributes = header.partition("=")[2].partition("; ")
        if value.count(".") == 2 and value.startswith("ey"):
            claims = jwt.decode(value, options={"verify_signature": False})
            assert (claims.pop("jti"), claims.pop("sid")) == (mine["jti"], mine["sid"])
            value = (jwt.get_unverified_header(value), claims)
        cookies.append((value, attributes))
    headers = [(name, value) for name, value in answer.headers if name != "Set-Cookie"]
    return answer.status_code, headers, cookies, answer.get_data(as_text=True).replace(mine["sid"], "sid")


def refreshed(victim):
    """Refresh as the victim's page does; the answer is not used yet."""
    assert victim.post("/auth/refresh", headers=SCRIPT).status_code == 200


def refreshed_and_used(victim):
    refreshed(victim)
    assert victim.get(headers=CLICK).status_code == 200


class Theft:
    """A site, its victim, and a thief with a copy of the access cookie."""

    def __init__(self, clock):
        self.site = open_site(clock, blueprint={}, **COOKIES)
        self.site.manager.issuer.rng = lambda: 0.5
        gosession = self.site.gosession

        @self.site.app.get("/tagged")
        def tagged():
            answer = Response(gosession.current_user["sub"])
            answer.add_etag()
            return answer

        @self.site.app.get("/stream")
        @gosession.login_required
        def stream():
            return Response(stream_with_context(str(gosession.current_session.sid) for _ in range(3)))

        self.victim, self.thief = self.site.browser(), self.site.browser()
        self.victim.login()
        self.thief.keep("gosession_access", self.victim.cookie("gosession_access"))

    def ask(self):
        """Return what the thief can learn by every kind of request."""
        learned = []
        for mode in (SCRIPT, CLICK):
            for path in ("/me", "/auth/session", "/tagged", "/stream", "/maybe"):
                token = self.thief.cookie("gosession_access")
                learned.append(told(self.thief.get(path, headers=mode), token))
            learned.append(told(self.thief.post(csrf=False, headers=mode), self.thief.cookie("gosession_access")))
        return learned


@pytest.mark.parametrize("age", [100, 930, 1100, 5000])
@pytest.mark.parametrize("act", [refreshed, refreshed_and_used])
def test_a_thief_s_renewal_tells_nothing(clock, act, age):
    """Whether the victim has just refreshed cannot be told from any answer while the copied token counts."""
    calm, stirred = Theft(clock), Theft(clock)
    clock.advance(age)
    act(stirred.victim)
    for _ in range(2):
        assert calm.ask() == stirred.ask()
        clock.advance(OVERLAP - 1)
    if act is refreshed_and_used:
        assert stirred.thief.get(headers=CLICK).json["error"] == "token_rotated"
