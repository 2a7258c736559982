"""Flask-JWT-Extended over our sessions: its tokens stay, and each login can be seen, limited and ended."""

from __future__ import annotations

import gzip
from concurrent.futures import ThreadPoolExecutor

import flask_jwt_extended as fje
import pytest
from flask import Flask, jsonify, request
from msgspec.structs import replace
from sites import make_app, open_site

from flask_gosession import ConfigError, GoSession
from flask_gosession.adapters.flask_jwt_extended import RevocableJWTManager
from flask_gosession.session.change import Change

DAY = 86_400
KEY = "of-flask-jwt-extended-" + "0123456789abcdef" * 2
MAILS: list[str] = []


def add_plain_views(app):
    """Add the views of an app that knows Flask-JWT-Extended alone."""

    @app.post("/login/<name>")
    def login(name):
        tokens = {"access": fje.create_access_token(name, fresh=True), "refresh": fje.create_refresh_token(name)}
        if "cookies" in request.args:
            answer = jsonify(ok=True)
            fje.set_access_cookies(answer, tokens["access"])
            return answer
        return jsonify(tokens)

    @app.post("/refresh")
    @fje.jwt_required(refresh=True)
    def refresh():
        return jsonify(access=fje.create_access_token(fje.get_jwt_identity()))

    @app.get("/me")
    @fje.jwt_required()
    def me():
        return jsonify(me=fje.get_jwt_identity())

    @app.post("/mail/<name>")
    def mail(name):
        MAILS.append(fje.create_access_token(name, additional_claims={"purpose": "reset"}))
        return "", 202

    @app.post("/for/<name>")
    @fje.jwt_required()
    def for_another(name):
        return jsonify(token=fje.create_access_token(name))

    @app.post("/header/<name>")
    def header(name):
        return "", {"X-Access-Token": fje.create_access_token(name), "X-Odd": "\xe9"}

    @app.post("/gzip/<name>")
    def gzipped(name):
        return gzip.compress(fje.create_access_token(name).encode()), {"Content-Encoding": "gzip"}

    @app.post("/stream/<name>")
    def stream(name):
        token = fje.create_access_token(name)
        return app.response_class(iter([token[:9], token[9:]]))


def add_views(app, gosession):
    """Add the same views, over our sessions."""
    app.config["JWT_SECRET_KEY"] = KEY
    app.config["JWT_TOKEN_LOCATION"] = ["headers", "cookies"]
    app.config["JWT_COOKIE_SECURE"] = False
    app.extensions["jwt"] = RevocableJWTManager(app)
    add_plain_views(app)

    @app.delete("/logout")
    @fje.jwt_required(verify_type=False)
    def logout():
        return jsonify(ended=app.extensions["jwt"].end_session().count)


@pytest.fixture
def make_jwt(store, clock):
    def making(**config):
        settings = {"LEGACY_UNTIL": clock() + 30 * DAY, **config}
        return open_site(clock, store, app=make_app(**settings), views=add_views, **settings)

    return making


@pytest.fixture
def site(make_jwt):
    return make_jwt()


@pytest.fixture
def former():
    """Return an app on Flask-JWT-Extended alone, with the same key."""
    app = Flask("shop")
    app.config.update(JWT_SECRET_KEY=KEY)
    fje.JWTManager(app)
    add_plain_views(app)
    return app


def sids(site, subject="ada"):
    return [found.sid for found in site.manager.sessions(subject)]


def log_in(site, name="ada"):
    answer = site.send("POST", f"/login/{name}")
    assert answer.status_code == 200
    return answer.json


def status(site, token, path="/me", method="GET"):
    return site.send(method, path, token).status_code


def claims_of(site, token):
    with site.app.app_context():
        return fje.decode_token(token)


def old(former, name="ada"):
    """Return the tokens of a login from before."""
    return former.test_client().post(f"/login/{name}").json


def test_a_login_is_one_session(site):
    """Both tokens of one view belong to the same session, which has a device."""
    pair = log_in(site)
    (found,) = site.manager.sessions("ada")
    assert {claims_of(site, token)["sid"] for token in pair.values()} == {found.sid}
    assert found.ip == "127.0.0.1"
    assert site.send("GET", "/me", pair["access"]).json == {"me": "ada"}


def test_a_refresh_goes_on_with_it(site):
    """A token that is made within a signed-in request joins the session of that request."""
    pair = log_in(site)
    newer = site.send("POST", "/refresh", pair["refresh"]).json["access"]
    assert len(sids(site)) == 1
    assert claims_of(site, newer)["sid"] == sids(site)[0]


def test_ending_it_ends_all_its_tokens(site):
    """REV-01: a logout by either token refuses both, and what a refresh has brought."""
    pair = log_in(site)
    newer = site.send("POST", "/refresh", pair["refresh"]).json["access"]
    assert site.send("DELETE", "/logout", pair["access"]).json == {"ended": 1}
    assert [status(site, token) for token in (pair["access"], newer)] == [401, 401]
    assert status(site, pair["refresh"], "/refresh", "POST") == 401
    assert site.send("GET", "/me", newer).json == {"msg": "Token has been revoked"}


def test_it_can_be_ended_from_elsewhere(site):
    """REV-02: one of several, or all."""
    first, second = log_in(site), log_in(site)
    site.manager.revoke("ada", claims_of(site, first["access"])["sid"], "kicked")
    assert (status(site, first["access"]), status(site, second["access"])) == (401, 200)
    site.manager.revoke_all("ada")
    assert status(site, second["access"]) == 401


def test_a_limit_holds(make_jwt):
    """The oldest login goes, or the newest is refused and gets no tokens."""
    site = make_jwt(SESSION_LIMIT=1)
    first = log_in(site)
    second = log_in(site)
    assert (status(site, first["access"]), status(site, second["access"])) == (401, 200)
    refusing = make_jwt(SESSION_LIMIT=1, ON_LIMIT="refuse")
    answer = refusing.send("POST", "/login/ada")
    assert (answer.status_code, answer.json["error"]) == (409, "session_limit")
    assert "access" not in answer.json


def test_the_banned_get_no_tokens(site, clock):
    """A refusal takes the place of the view's answer."""
    site.manager.ban("ada", until=clock() + 60)
    answer = site.send("POST", "/login/ada")
    assert (answer.status_code, "refresh" in answer.json) == (401, False)


def test_by_cookies_as_well(site):
    """A token that leaves in a cookie signs in, too."""
    browser = site.browser()
    browser.post("/login/ada?cookies")
    assert len(sids(site)) == 1
    assert browser.get("/me").json == {"me": "ada"}


def _in_header(answer):
    return answer.headers["X-Access-Token"]


def _in_gzip(answer):
    return gzip.decompress(answer.data).decode()


@pytest.mark.parametrize(("path", "token_in"), [("/header/ada", _in_header), ("/gzip/ada", _in_gzip)])
def test_a_token_in_any_header_or_an_encoded_body_can_be_ended(site, path, token_in):
    """REV-01: by whatever way a token leaves, it is a login, and does not work after the logout."""
    token = token_in(site.send("POST", path))
    assert len(sids(site)) == 1
    assert status(site, token) == 200
    assert site.send("DELETE", "/logout", token).json == {"ended": 1}
    assert status(site, token) == 401


def test_a_streamed_answer_may_have_the_token(site):
    """What cannot be looked through is taken for a login: nobody is left with tokens that nobody knows."""
    token = site.send("POST", "/stream/ada").text
    assert len(sids(site)) == 1
    assert status(site, token) == 200


def test_a_mail_link_signs_nobody_in(make_jwt):
    """A token that does not leave with the answer makes no session and evicts none, and is good until it expires."""
    site = make_jwt(SESSION_LIMIT=1)
    pair = log_in(site)
    before = sids(site)
    site.send("POST", "/mail/ada")
    assert (sids(site), status(site, pair["access"])) == (before, 200)
    assert status(site, MAILS[-1]) == 200
    assert sids(site) == before
    site.clock.advance(2)
    site.manager.revoke_all("ada")
    assert status(site, MAILS[-1]) == 401


def test_a_mail_link_can_be_ended(site):
    """REV-01: no session belongs to its token, but a logout with it refuses it from then on."""
    site.send("POST", "/mail/ada")
    token = MAILS.pop()
    assert status(site, token) == 200
    assert site.send("DELETE", "/logout", token).json == {"ended": 0}
    assert status(site, token) == 401


def test_mail_links_are_bounded(site):
    """Nobody can let a record grow by asking for links: the latest sixteen are good."""
    MAILS.clear()
    for _ in range(18):
        site.send("POST", "/mail/ada")
    assert [status(site, token) for token in MAILS] == [401] * 2 + [200] * 16
    MAILS.clear()


def test_a_token_that_nobody_has_noted_is_refused(site):
    """TOK-16: a stolen key alone opens nothing with an id of its own making."""
    with site.app.app_context():
        forged = fje.create_access_token("ada", additional_claims={"sid": "A" * 21 + "A"})
        assert fje.decode_token(forged)["sid"] is None  # not the app's to choose
    pair = log_in(site)
    sid = claims_of(site, pair["access"])["sid"]
    site.manager.records.update("ada", lambda record, _now: _forgotten(record))
    assert status(site, pair["access"]) == 401
    assert sid not in sids(site)


def _forgotten(record):
    return Change(replace(record, sessions=(), ended=()), None)


def test_a_job_makes_no_session(site):
    """A token that is made beside any request signs nobody in; revoke_all refuses it all the same."""
    with site.app.app_context():
        token = fje.create_access_token("ada")
    assert (status(site, token), sids(site)) == (200, [])
    site.clock.advance(2)
    site.manager.revoke_all("ada")
    assert status(site, token) == 401


def test_a_token_for_another_makes_no_session(make_jwt):
    """Whoever is signed in may make tokens for others, who are not signed in by that, nor out."""
    site = make_jwt(SESSION_LIMIT=1)
    ada, bob = log_in(site), log_in(site, "bob")
    before = sids(site, "bob")
    token = site.send("POST", "/for/bob", ada["access"]).json["token"]
    assert (sids(site, "bob"), status(site, bob["access"]), status(site, token)) == (before, 200, 200)


def test_tokens_from_before_become_one_session(site, former):
    """Six requests with one old token make one session, whichever comes first."""
    token = old(former)["access"]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda _: status(site, token), range(6))) == [200] * 6
    assert len(sids(site)) == 1


def test_an_old_refresh_token_goes_on(site, former):
    """It brings tokens that belong to one session, and can be ended with it."""
    token = old(former)["refresh"]
    newer = [site.send("POST", "/refresh", token).json["access"] for _ in range(3)]
    assert {claims_of(site, one)["sid"] for one in newer} == set(sids(site))
    assert len(sids(site)) == 1
    site.send("DELETE", "/logout", newer[0])
    assert [status(site, one) for one in newer] == [401] * 3
    assert status(site, token, "/refresh", "POST") == 401


def test_an_old_pair_is_two_sessions(site, former, clock):
    """Nothing in old tokens says that they belong together: a logout by one leaves the other, revoke_all does not."""
    pair = old(former)
    assert site.send("DELETE", "/logout", pair["access"]).json == {"ended": 1}
    assert status(site, pair["refresh"], "/refresh", "POST") == 200
    clock.advance(2)
    site.manager.revoke_all("ada", "logged_out")
    assert [status(site, pair["access"]), status(site, pair["refresh"], "/refresh", "POST")] == [401, 401]


def test_old_tokens_evict_nobody(make_jwt, former):
    """A login is worth more than what was there before; the next login counts both."""
    site = make_jwt(SESSION_LIMIT=1)
    pair, before = log_in(site), old(former)
    for token in before.values():
        site.send(
            "POST" if token == before["refresh"] else "GET", "/refresh" if token == before["refresh"] else "/me", token
        )
    assert status(site, pair["access"]) == 200
    log_in(site)
    assert status(site, before["access"]) == 401


def test_a_mark_is_kept_until_no_former_token_is_honoured(make_jwt, clock):
    """LIF-05: however much longer that is than any session of ours lives."""
    until = clock() + 1000 * DAY
    site = make_jwt(LEGACY_UNTIL=until)
    site.manager.revoke_all("ada")
    assert site.manager.not_before_of("ada").until == until


@pytest.mark.parametrize("how", ["logout", "revoke", "revoke_all", "unseen"])
def test_old_tokens_stay_ended(site, former, clock, how):
    """REV-12, LIF-05: after a logout or revoke_all they bring nothing back, also those that were never presented."""
    token = old(former)["refresh"]
    if how != "unseen":
        assert status(site, token, "/refresh", "POST") == 200
    clock.advance(2)
    if how == "logout":
        assert site.send("DELETE", "/logout", token).json == {"ended": 1}
    elif how == "revoke":
        site.manager.revoke("ada", sids(site)[0])
    else:
        site.manager.revoke_all("ada")
    clock.advance(29 * DAY)
    for _ in range(20):
        site.manager.revoke("ada", site.pair().sid)
    assert status(site, token, "/refresh", "POST") == 401
    assert sids(site) == []


def test_past_the_date_old_tokens_are_refused(site, former, clock):
    """Then only tokens with a session are left."""
    token = old(former)["refresh"]
    clock.advance(30 * DAY)
    assert status(site, token, "/refresh", "POST") == 401


def test_the_date_is_required(store, clock):
    """There is no default for how long old tokens are honoured, and the sentence says what to set."""
    app = make_app(STORE=store)
    GoSession(app, clock=clock)
    with pytest.raises(ConfigError, match="GOSESSION_LEGACY_UNTIL is not set"):
        RevocableJWTManager(app)


def test_an_app_with_a_sid_of_its_own(site, former):
    """A claim of that name from before, which is no session id of ours, makes no difference."""
    with former.app_context():
        token = fje.create_access_token("ada", additional_claims={"sid": "mine"})
    assert status(site, token) == 200
    assert len(sids(site)) == 1


@pytest.mark.parametrize("name", ["", "u" * 256])
def test_an_old_token_of_nobody_is_refused(site, former, name):
    """A signed token whose subject no record could hold is answered with 401, and no error."""
    with former.app_context():
        token = fje.create_access_token(name)
    assert status(site, token) == 401


def test_the_apps_own_blocklist_is_asked_too(site):
    """What an app refuses already it goes on refusing."""
    pair = log_in(site)
    blocked = {claims_of(site, pair["access"])["jti"]}
    site.app.extensions["jwt"].token_in_blocklist_loader(lambda _header, claims: claims["jti"] in blocked)
    assert status(site, pair["access"]) == 401
    assert status(site, pair["refresh"], "/refresh", "POST") == 200


@pytest.mark.parametrize("verb", ["load", "swap"])
def test_a_store_that_is_down_is_a_503(site, verb):
    """REV-07: nobody is let in, and no tokens are handed out whose session was not written."""
    pair = log_in(site)
    site.store.fail(verb, 5)
    if verb == "load":
        assert status(site, pair["access"]) == 503
    answer = site.send("POST", "/login/bob")
    assert (answer.status_code, "refresh" in answer.json) == (503, False)


def test_its_use_is_noted(site, clock):
    """The list says when a session was last used, with one write a minute at most."""
    pair = log_in(site)
    clock.advance(61)
    site.store.calls.clear()
    for _ in range(3):
        status(site, pair["access"])
    assert site.store.count("swap") == 1
    assert site.manager.sessions("ada")[0].seen == clock()


def test_the_way_back(site, former):
    """To Flask-JWT-Extended alone the sid is one more claim: it takes the tokens, also those of ended sessions."""
    pair = log_in(site)
    site.manager.revoke_all("ada")
    plain = former.test_client()
    headers = {"Authorization": f"Bearer {pair['access']}"}
    assert plain.get("/me", headers=headers).json == {"me": "ada"}
    assert plain.post("/refresh", headers={"Authorization": f"Bearer {pair['refresh']}"}).status_code == 200
