"""Setting an app up: once, with everything that is wrong said at once."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from flask import Flask
from sites import LONG, make_app

from flask_gosession import ConfigError, GoSession, current_session, current_user, login_user, logout_user
from flask_gosession.stores.memory import MemoryStore

SECRET = "Zb5w0V3d-kQ8xN1r_T7uYc2mPfLs9hGe4AjX6oWi"


def refused(app, name="default", **options):
    with pytest.raises(ConfigError) as error:
        GoSession(app, name=name, **options)
    return error.value.problems


def test_twice_is_refused_with_advice(clock):
    """An app that is set up already says so, whoever tries it again."""
    app = make_app()
    gosession = GoSession(app, clock=clock)
    for again in (gosession.init_app, GoSession, lambda app: GoSession().init_app(app)):
        with pytest.raises(ConfigError, match=r"set up for this app already.*init_app"):
            again(app)


def test_all_that_is_wrong_at_once():
    """Every wrong value and unknown key comes in one error."""
    found = refused(make_app(LEEWAY="soon", SESION_LIMIT=1, LEVEL="memory"))
    assert len(found) == 3
    assert "did you mean GOSESSION_SESSION_LIMIT" in "".join(found)


def test_keys_cookies_and_store_at_once():
    """What is wrong with the secret, the cookies and the store comes in one error, too."""
    app = make_app(
        testing=True, secret_key=None, TOKEN_LOCATIONS="cookie", COOKIE_SAMESITE="None", STORE="carrier-pigeon://loft"
    )
    text = "\n".join(refused(app))
    assert "SECRET_KEY is not set" in text
    assert "GOSESSION_COOKIE_SAMESITE" in text
    assert "carrier-pigeon" in text


def test_after_an_error_it_can_be_tried_again(clock):
    """An app whose configuration was refused is not set up, and takes the right one."""
    app = make_app(LEEWAY="soon")
    gosession = GoSession(clock=clock)
    with pytest.raises(ConfigError):
        gosession.init_app(app)
    app.config["GOSESSION_LEEWAY"] = 0
    gosession.init_app(app)
    with app.app_context():
        assert gosession.manager.policy.leeway == 0.0


def test_later_changes_have_no_effect(shop):
    """The configuration is read once."""
    shop.app.config["GOSESSION_SESSION_LIMIT"] = 1
    shop.pair()
    shop.pair()
    assert len(shop.manager.sessions("ada")) == 2


def test_durations_reach_the_policy(make):
    """A text such as "5m" is the policy's seconds, and the tokens'."""
    shop = make(ACCESS_LIFETIME="5m", IDLE_TIMEOUT="1h")
    assert shop.manager.policy.idle_timeout == 3600.0
    assert 0.75 * 300 - 1 <= shop.pair().expires_in <= 300


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (None, "SECRET_KEY is not set"),
        ("", "SECRET_KEY is not set"),
        (b"", "SECRET_KEY"),
        (20260101, "SECRET_KEY is int, not text"),
        (LONG[:31], "has 31 bytes, at least 32 are needed"),
        ("change-me-change-me-change-me-change-me", "placeholder"),
        ("ab" * 20, "repeats itself"),
        ("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0\n-----END PUBLIC KEY-----", "key material"),
    ],
    ids=["missing", "empty", "no bytes", "number", "short", "placeholder", "repeating", "public key"],
)
def test_a_bad_secret_is_refused(secret, words):
    """KEY-01: a secret that is missing, a number, short, well known or public is an error before any request."""
    (problem,) = refused(make_app(testing=False, secret_key=secret))
    assert words in problem
    if isinstance(secret, str) and len(secret) > 5:
        assert secret not in problem


def test_a_short_secret_will_do_in_tests(clock):
    """KEY-01: a test suite may go on with its short secret; nobody else may."""
    GoSession(make_app(testing=True, secret_key="dev"), clock=clock)
    assert refused(make_app(testing=False, secret_key="dev"))


@pytest.mark.parametrize(
    ("fallbacks", "words"),
    [(["short"], "SECRET_KEY_FALLBACKS[0]"), ([7], "is int, not text"), (SECRET, "is a list of secrets")],
    ids=["short", "number", "text"],
)
def test_bad_fallbacks_are_refused(fallbacks, words):
    """KEY-01: an older secret that still verifies must be as good as the one in use."""
    app = make_app(testing=False, secret_key=SECRET)
    app.config["SECRET_KEY_FALLBACKS"] = fallbacks
    assert words in refused(app)[0]


def test_an_older_secret_goes_on_verifying(clock):
    """KEY-03: after a change of SECRET_KEY the tokens of the older one are good while it is a fallback."""
    store = MemoryStore(clock=clock)
    old, new, later = (make_app(secret_key=key, STORE=store) for key in (SECRET, SECRET[::-1], SECRET[::-1]))
    new.config["SECRET_KEY_FALLBACKS"] = [SECRET]
    gosession = GoSession(clock=clock)
    for app in (old, new, later):
        gosession.init_app(app)
    with old.app_context():
        token = gosession.manager.login("ada").access_token
    with new.app_context():
        assert gosession.manager.check(token)
    with later.app_context(), pytest.raises(Exception, match="token_invalid"):
        gosession.manager.check(token)


def test_own_keys_need_no_secret(clock):
    """Where keys are given and tokens travel by header, no SECRET_KEY is needed; by cookie it is."""
    keys = [{"kid": "k1", "alg": "HS256", "secret": SECRET, "status": "active"}]
    try:
        GoSession(make_app(secret_key=None, KEYS=keys), clock=clock)
    except ConfigError as error:
        pytest.fail(str(error))
    assert "cookie" in refused(make_app(secret_key=None, KEYS=keys, TOKEN_LOCATIONS="cookie"))[0]
    assert "opaque" in refused(make_app(secret_key=None, KEYS=keys, TOKEN_MODE="opaque"))[0]
    assert "GOSESSION_ALGORITHM allows only RS256" in refused(make_app(KEYS=keys, ALGORITHM="RS256"))[0]


@pytest.mark.parametrize("keys", [7, "secret", {"kid": "k1"}, b"secret"], ids=str)
def test_keys_are_a_list(keys):
    """KEY-03: KEYS that are no list are an error with what they should be, without showing them."""
    (problem,) = refused(make_app(KEYS=keys))
    assert "GOSESSION_KEYS is a list of keys" in problem


def test_tokens_come_from_somewhere(clock):
    """An app that takes tokens from nowhere is a mistake, unless it has an extractor of its own."""
    assert "no token could ever come" in refused(make_app(TOKEN_LOCATIONS=[]))[0]
    app = make_app(TOKEN_LOCATIONS=[])
    gosession = GoSession(app, clock=clock, extractor=lambda request, kind: request.headers.get("X-Token"))
    app.add_url_rule("/me", view_func=gosession.login_required(lambda: gosession.current_session.subject))
    app.add_url_rule("/logout", "logout", lambda: str(gosession.logout_user().count))
    with app.app_context():
        headers = {"X-Token": gosession.manager.login("ada").access_token}
    client = app.test_client()
    assert client.get("/me", headers=headers).text == "ada"
    assert client.get("/logout", headers=headers).text == "1"
    assert client.get("/me", headers=headers).status_code == 401


def test_two_apps_one_extension(clock):
    """One object serves two apps, each with its own settings, sessions and keys."""
    gosession = GoSession(clock=clock)
    one, two = make_app(SESSION_LIMIT=1), make_app(secret_key=LONG[::-1])
    for app in (one, two):
        gosession.init_app(app)
        app.add_url_rule("/me", view_func=gosession.login_required(lambda: gosession.current_session.subject))
    with one.app_context():
        token = gosession.manager.login("ada").access_token
        assert gosession.manager.policy.session_limit == 1
    with two.app_context():
        assert gosession.manager.sessions("ada") == []
        assert gosession.manager.policy.session_limit == 50
    headers = {"Authorization": f"Bearer {token}"}
    assert one.test_client().get("/me", headers=headers).text == "ada"
    assert two.test_client().get("/me", headers=headers).json["error"] == "token_invalid"


def test_an_app_that_was_not_set_up(clock):
    """A view of an app without the extension is told what to call."""
    app = make_app()
    gosession = GoSession(clock=clock)
    with app.test_request_context(), pytest.raises(RuntimeError, match="call GoSession"):
        gosession.login_required(lambda: "")()
    with app.app_context(), pytest.raises(RuntimeError, match="call GoSession"):
        _ = gosession.manager


def test_outside_of_a_request_nobody_is_signed_in(shop):
    """The proxies are falsy where there is no request, and do not raise."""
    with shop.app.app_context():
        assert not current_user
        assert not current_session


@pytest.mark.parametrize("context", ["none", "app"])
def test_whoever_signs_in_outside_of_a_request_is_told_what_to_do(shop, context):
    """One message, with an app context or without: where it belongs, and what jobs use in its place."""
    with shop.app.app_context() if context == "app" else nullcontext():
        for call in (lambda: login_user("ada"), logout_user, lambda: shop.gosession.login_user("ada")):
            with pytest.raises(RuntimeError, match=r"There is no request here.* gosession\.manager"):
                call()


def test_a_wrong_store_is_told_by_the_name_of_its_setting(clock):
    """An app with several URLs says which one is wrong, and what it may have meant."""
    app = Flask("shop")
    app.config.update(SECRET_KEY=SECRET, GOSESSION_STORE="postgres://localhost/shop")
    with pytest.raises(ConfigError, match=r"GOSESSION_STORE: postgres:// .* did you mean postgresql://\?"):
        GoSession(app, clock=clock)


def test_memory_is_warned_about(caplog, clock):
    """Sessions in memory are for one process: outside debug and testing the log says so."""
    GoSession(make_app(testing=False, secret_key=SECRET), clock=clock)
    assert "a second worker does not know them" in caplog.text
    caplog.clear()
    GoSession(make_app(testing=True), clock=clock)
    assert caplog.text == ""
