"""What one request does last about its session is what holds: in the store, in the cookies, and in the answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count, product

import pytest
from flask import abort, jsonify, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_gosession import AuthError

BOTH = {"TOKEN_LOCATIONS": ("header", "cookie")}
VERBS = ("login", "login as bob", "logout", "refresh", "confirm", "impersonate", "revoke", "revoke_all", "look")
IN_COOKIES = (*VERBS, "login by body")
PEOPLE = ("ada", "bob", "eve")


@pytest.fixture
def site(make_any_site):
    """Return a site with a view that does what it is told, one verb after the other."""
    site = make_any_site(**BOTH)
    gosession = site.gosession

    @site.app.post("/auth/do")  # where the refresh cookie goes
    def do():
        play = Play(gosession, **request.get_json())
        return jsonify(play.run())

    return site


@dataclass
class Play:
    """The verbs of one request, and what of them has come about."""

    gosession: object
    verbs: list
    cookies: bool
    number: int
    done: list = field(default_factory=list)
    pairs: list = field(default_factory=list)

    def run(self):
        for verb in self.verbs:
            try:
                sid = getattr(self, verb.partition(" ")[0])(verb)
            except AuthError:
                continue
            if sid is not None:
                self.done.append((verb, sid))
        return {"done": self.done, "pairs": [pair.to_dict() for pair in self.pairs]}

    def login(self, verb):
        name = "bob" if verb.endswith("bob") else "ada"
        cookies = self.cookies and not verb.endswith("body")
        return self._keep(self.gosession.login_user(f"{name}{self.number}", cookies=cookies))

    def _keep(self, pair):
        self.pairs.append(pair)
        return pair.sid

    def logout(self, _):
        self.gosession.logout_user()
        return ""

    def refresh(self, _):
        return self._keep(self.gosession.refresh())

    def confirm(self, _):
        self.pairs.append(self.gosession.confirm_login())

    def impersonate(self, _):
        return self._keep(self.gosession.impersonate(f"eve{self.number}"))

    def revoke(self, _):
        session = self.gosession.current_session
        if not session:
            return None
        self.gosession.manager.revoke(session.subject, session.sid)
        return session.sid

    def revoke_all(self, _):
        session = self.gosession.current_session
        if not session:
            return None
        self.gosession.manager.revoke_all(session.subject)
        return session.sid

    def look(self, _):
        bool(self.gosession.current_user)


@dataclass
class Client:
    """A browser with cookies, or an app on a phone that sends a header; it knows all tokens that it ever got."""

    site: object
    number: int
    cookies: bool
    sends: str = "access_token"
    pairs: list = field(default_factory=list)

    def __post_init__(self):
        self.visitor = self.site.browser()

    def sign_in(self):
        answer = self.visitor.login(f"ada{self.number}", cookies=self.cookies).get_json()
        self.pairs = [] if self.cookies else [answer]
        (session,) = self.site.manager.sessions(f"ada{self.number}")
        return session.sid

    def do(self, verbs):
        headers = (
            {"Authorization": "Bearer " + (self.pairs[0].get(self.sends) or self.pairs[0]["access_token"])}
            if self.pairs
            else {}
        )
        body = {"verbs": verbs, "cookies": self.cookies, "number": self.number}
        answer = self.visitor.post("/auth/do", json=body, headers=headers)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        self.pairs += [pair for pair in answer.json["pairs"] if "access_token" in pair]
        return answer.json["done"]

    def sessions(self):
        """Return the ids of the sessions that the client can open, with its cookies or with any token in its hands."""
        bearers = [{"Authorization": f"Bearer {pair['access_token']}"} for pair in self.pairs]
        answers = [self.visitor.get("/me", headers=headers) for headers in ({}, *bearers)]
        return {answer.json["sid"] for answer in answers if answer.status_code == 200}


def expected_after(done, start, *, cookies):
    """Return the sessions that live after the verbs that were *done*, each with its actor's, and the client's own."""
    actors, subjects = ({start: None} if start else {}), {start: "ada"}
    current = start
    for verb, sid in done:
        if verb.startswith(("login", "logout")):
            actors = {sid: None} if sid else {}
        if verb == "refresh":
            # A browser has the cookies of one session only: it is its own again, and nobody else's.
            actors = {one: actor for one, actor in actors.items() if not (actor and cookies)}
        if verb == "impersonate":
            actors[sid] = current
        if verb == "revoke":
            actors.pop(sid, None)
        if verb == "revoke_all":
            actors = {one: actor for one, actor in actors.items() if subjects[one] != subjects[sid]}
        if verb.startswith(("login", "logout", "refresh", "impersonate")):
            current = sid
            subjects.setdefault(sid, {"impersonate": "eve", "login as bob": "bob"}.get(verb, "ada"))
        actors = {one: actor for one, actor in actors.items() if actor is None or actor in actors}
    return actors, current if current in actors else None


def check(site, number, verbs, *, cookies, signed_in, sends="access_token"):
    """Do *verbs* in one request, and compare what then holds with what was said last."""
    client = Client(site, number, cookies, sends)
    start = client.sign_in() if signed_in else None
    done = client.do(verbs)
    live, current = expected_after(done, start, cookies=cookies)
    assert {one.sid for name in PEOPLE for one in site.manager.sessions(f"{name}{number}")} == set(live), done
    # A browser has no cookies of an actor's session that is behind its own.
    has = client.sessions()
    assert has <= set(live) <= has | set(live.values()), done
    assert current is None or current in has, done
    last = next((verb for verb, _ in reversed(done) if verb.startswith("log")), None)
    if last == "logout" and cookies:
        assert [client.visitor.cookie(f"gosession_{name}") for name in ("access", "csrf", "state")] == [None] * 3


WAYS = [
    pytest.param({"cookies": cookies, "signed_in": signed_in, "sends": sends}, id=name)
    for name, cookies, signed_in, sends in (
        ("guest by cookie", True, False, "access_token"),
        ("guest by header", False, False, "access_token"),
        ("signed in by cookie", True, True, "access_token"),
        ("signed in by header", False, True, "access_token"),
        ("by refresh token", False, True, "refresh_token"),
    )
]


@pytest.mark.parametrize("way", WAYS)
def test_the_last_of_two_verbs_holds(site, way):
    """LIF-06: each verb after each other; the last holds, and nobody is left with a session they have no token for."""
    verbs = IN_COOKIES if way["cookies"] else VERBS
    for number, pair in enumerate(product(verbs, repeat=2)):
        check(site, number, pair, **way)


@pytest.mark.parametrize("way", WAYS)
def test_the_last_of_many_verbs_holds(site, way):
    """LIF-06: whatever a request does, in whatever order, its last word holds in the store and in the cookies."""
    numbers = count()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(IN_COOKIES if way["cookies"] else VERBS), min_size=3, max_size=7))
    def any_sequence(verbs):
        check(site, next(numbers), verbs, **way)

    any_sequence()


@pytest.fixture
def second_factor(make_site):
    """Return a site of cookies whose sign-in asks for a code after the password."""
    site = make_site(TOKEN_LOCATIONS=("cookie",))

    @site.app.post("/password")
    def password():
        site.gosession.login_user("ada")
        if request.form.get("code") != "123456":
            site.gosession.logout_user()
        return ""

    return site


@pytest.mark.parametrize("before", [False, True], ids=["as a guest", "signed in"])
def test_a_wrong_second_factor_signs_nobody_in(second_factor, before):
    """Who gave the wrong code is signed out, in the store and in the browser, also with cookies from before."""
    browser = second_factor.browser()
    if before:
        browser.login()
    assert browser.post("/password", csrf=False).status_code == 200
    assert second_factor.manager.sessions("ada") == []
    assert browser.cookie("gosession_access") is None
    assert browser.get().json["error"] == "token_missing"


def test_a_right_second_factor_signs_in(second_factor):
    """Who gave the right one has the session that was made."""
    browser = second_factor.browser()
    browser.post("/password", data={"code": "123456"})
    (session,) = second_factor.manager.sessions("ada")
    assert browser.get().json["sid"] == session.sid


def test_a_sign_out_that_fails_hands_nothing_out(second_factor):
    """Where the store fails between the login and the logout, the answer is 503 and brings no cookies."""
    browser = second_factor.browser()

    @second_factor.app.post("/failing")
    def failing():
        second_factor.gosession.login_user("ada")
        second_factor.store.fail("load", 5)
        second_factor.gosession.logout_user()
        return ""

    answer = browser.post("/failing")
    assert (answer.status_code, answer.headers.getlist("Set-Cookie")) == (503, [])


def test_tokens_in_the_body_after_a_sign_out(make_site):
    """A logout and then a login by body: the cookies go, and only the body has tokens."""
    site = make_site(**BOTH)

    @site.app.post("/anew")
    def anew():
        site.gosession.logout_user()
        return site.gosession.login_user("ada", cookies=False).to_dict()

    browser = site.browser()
    browser.login()
    body = browser.post("/anew").json
    assert browser.cookie("gosession_access") is None
    assert site.get(body["access_token"]).json["sub"] == "ada"
    assert len(site.manager.sessions("ada")) == 1


def test_wrong_options_after_an_impersonation_end_nobody(make_any_site):
    """A login with an option that does not fit writes nothing (the person behind the impersonation was signed out)."""
    site = make_any_site(**BOTH)
    gosession = site.gosession

    @site.app.post("/mistaken")
    def mistaken():
        pairs = gosession.login_user("ada", cookies=False), gosession.impersonate("bob", cookies=False)
        with pytest.raises(ValueError, match="remember"):
            gosession.login_user("eve", remember="perhaps")
        return jsonify([pair.to_dict() for pair in pairs])

    for pair in site.send("POST", "/mistaken", None).get_json():
        assert site.get(pair["access_token"]).status_code == 200


def boom(_what):
    raise ZeroDivisionError


@pytest.fixture
def failing(make):
    """Return a site whose views fail after they have signed somebody in or refreshed."""
    site = make(**BOTH, blueprint={})
    site.app.config["PROPAGATE_EXCEPTIONS"] = False
    site.app.errorhandler(LookupError)(lambda _error: ("gone", 410))
    endings = {
        "abort": lambda _: abort(409),
        "crash": boom,
        "handled": lambda _: {}["nothing"],
        "refused": lambda _: site.gosession.require_login(locations="query"),
        "own answer": lambda pair: abort(jsonify(pair.to_dict())),
        "fine": lambda pair: pair.to_dict(),
    }

    @site.app.post("/auth/<verb>/<ending>")
    def act(verb, ending):
        if verb == "refresh":
            return endings[ending](site.gosession.refresh())
        return endings[ending](site.gosession.login_user("eve", cookies=verb == "cookies"))

    return site


@pytest.mark.parametrize("ending", ["abort", "crash", "handled", "refused"])
def test_tokens_that_an_error_keeps_from_the_client(failing, ending):
    """Where an error takes the place of the body that the new tokens were to stand in, their session ends with it."""
    assert failing.send("POST", f"/auth/body/{ending}").status_code >= 400
    assert failing.manager.sessions("eve") == []


def test_a_handler_that_signs_in(failing):
    """What the handler of an error signs in by itself stays; what the view had made before ends."""

    @failing.app.errorhandler(OverflowError)
    def begin_anew(_error):
        return failing.gosession.login_user("bob", cookies=False).to_dict()

    @failing.app.post("/anew")
    def anew():
        failing.gosession.login_user("eve", cookies=False)
        raise OverflowError

    answer = failing.send("POST", "/anew")
    assert failing.get(answer.json["access_token"]).status_code == 200
    assert failing.manager.sessions("eve") == []


def test_a_handler_that_fails(failing):
    """What the handler of an error has signed in before it failed itself ends, too."""

    @failing.app.errorhandler(OverflowError)
    def fail(_error):
        failing.gosession.login_user("bob", cookies=False)
        raise ZeroDivisionError

    failing.app.add_url_rule("/worse", view_func=lambda: int(float("inf")))
    assert failing.send("GET", "/worse").status_code == 500
    assert failing.manager.sessions("bob") == []


def test_a_hook_that_fails(failing):
    """Tokens in an answer that a failing ``after_request`` function has replaced are lost as well."""
    failing.app.after_request(boom)
    assert failing.send("POST", "/auth/body/fine").status_code == 500
    assert failing.manager.sessions("eve") == []


@pytest.mark.parametrize("ending", ["own answer", "fine"])
def test_tokens_that_the_client_gets(failing, ending):
    """An answer that the view has made itself has the tokens, however it leaves the view."""
    answer = failing.send("POST", f"/auth/body/{ending}")
    assert failing.get(answer.json["access_token"]).status_code == 200


@pytest.mark.parametrize("ending", ["abort", "crash", "handled", "refused", "fine"])
def test_cookies_stand_on_any_answer(failing, ending):
    """New cookies reach the browser with whatever answer: it is signed in."""
    browser = failing.browser()
    browser.post(f"/auth/cookies/{ending}")
    assert browser.get().json["sub"] == "eve"


def test_an_error_after_a_refresh_costs_no_session(failing):
    """A refresh whose answer was an error is like one whose answer was lost: it can be tried again."""
    pair = failing.pair("ada")
    assert failing.send("POST", "/auth/refresh/crash", pair.refresh_token).status_code == 500
    assert failing.send("POST", "/auth/refresh/fine", pair.refresh_token).status_code == 200


def test_a_store_that_fails_after_the_error(failing, caplog):
    """The error is answered as it was; the log says that the session ends by itself."""
    failing.app.add_url_rule("/late", view_func=lambda: late(failing), methods=["POST"])
    assert failing.send("POST", "/late").status_code == 409
    assert "expires unused" in caplog.text


def late(site):
    site.gosession.login_user("eve", cookies=False)
    site.store.fail("load", 5)
    abort(409)
