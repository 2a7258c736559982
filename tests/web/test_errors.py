"""The error contract: for each error its status, body and headers, from an app and out of a handler's hands."""

from __future__ import annotations

import re

import pytest
from flask import Blueprint
from werkzeug.exceptions import Unauthorized

from flask_gosession import errors
from flask_gosession.errors import AnsweredError, AuthError, GoSessionError, StoreError

STATUS = {
    "bad_request": 400,
    "invalid_request": 400,
    "body_too_large": 413,
    "token_missing": 401,
    "token_malformed": 401,
    "token_invalid": 401,
    "token_type": 401,
    "token_expired": 401,
    "token_rotated": 401,
    "token_reused": 401,
    "session_ended": 401,
    "session_expired": 401,
    "session_idle": 401,
    "user_not_found": 401,
    "banned": 401,
    "binding_mismatch": 401,
    "fresh_login_required": 401,
    "invalid_credentials": 401,
    "invalid_client": 401,
    "csrf_failed": 403,
    "insufficient_scope": 403,
    "session_limit": 409,
    "store_unavailable": 503,
    "store_conflict": 503,
}
BARE = {"token_missing", "invalid_credentials", "invalid_client"}


def leaves(kind):
    """Return the classes below *kind* that errors.py defines and that say what they are."""
    own = [kind] if "error" in vars(kind) or "text" in vars(kind) else []
    below = [leaf for each in kind.__subclasses__() for leaf in leaves(each)]
    return own + [leaf for leaf in below if leaf.__module__ == errors.__name__]


LEAVES = leaves(AnsweredError)


@pytest.fixture
def raising(shop):
    """Return a function that adds a view raising an error, and its path."""

    def add(error, target=None):
        path = f"/raise{len(shop.app.url_map._rules)}"

        def view():
            raise error

        (target or shop.app).add_url_rule(path, path.strip("/"), view)
        return path

    return add


def test_the_list_is_the_contract():
    """HTT-04: the texts of `error` are these, each with its one status; never 422, never 500."""
    assert {leaf.error: leaf.code for leaf in LEAVES} == STATUS


def test_the_tree_is_drawn_as_it_is():
    """The drawing at the top of errors.py names every class with its status and text."""
    for leaf in LEAVES:
        assert re.search(rf"─ {leaf.__name__} +{leaf.code} {leaf.error}\b", errors.__doc__), leaf
    assert issubclass(AuthError, GoSessionError)
    assert issubclass(StoreError, GoSessionError)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_each_error_as_an_answer(shop, raising, leaf):
    """HTT-03, HTT-04: status, JSON body, challenge, no-store and Retry-After, but for those who ask for a page."""
    path = raising(leaf())
    for accept in ("", "*/*", "application/json", "text/html, application/json"):
        expect_contract(leaf, shop.get(None, path, headers={"Accept": accept}))


def expect_contract(leaf, answer):
    assert answer.status_code == STATUS[leaf.error]
    assert answer.content_type == "application/json"
    assert answer.json == {"error": leaf.error, "message": leaf.text, "reason": None}
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers.get("Retry-After") == ("1" if leaf.code == 503 else None)
    challenge = answer.headers.get("WWW-Authenticate")
    if leaf.code == 401 or leaf.error == "insufficient_scope":
        assert challenge == "Bearer" if leaf.error in BARE else challenge.startswith('Bearer error="')
    else:
        assert challenge is None


@pytest.mark.parametrize(
    "leaf", [leaf for leaf in LEAVES if issubclass(leaf, AuthError)], ids=lambda leaf: leaf.__name__
)
def test_challenges_are_well_formed(leaf):
    """RFC 6750 section 3: error is of the registered ones, the description of the characters allowed, each once."""
    challenge = leaf().challenge
    if challenge in (None, "Bearer"):
        return
    found = re.fullmatch(r'Bearer error="([a-z_]+)", error_description="([\x20-\x21\x23-\x5b\x5d-\x7e]+)"', challenge)
    assert found, challenge
    assert found[1] in {"invalid_token", "insufficient_scope", "insufficient_user_authentication"}


def test_the_evidence_is_in_the_body(shop, raising):
    """reason, at, client and until are in the body where they are known; times are whole Unix seconds."""
    ended = errors.SessionEnded("Bye.", reason="evicted", at=1_800_000_000.9, client="ios")
    assert shop.app.test_client().get("/me").status_code == 401
    with shop.app.test_request_context():
        assert ended.get_response().json == {
            "error": "session_ended",
            "message": "Bye.",
            "reason": "evicted",
            "at": 1_800_000_000,
            "client": "ios",
        }
    banned = errors.Banned(reason="spam", at=5.0, until=9.5)
    assert (banned.data["until"], banned.data["reason"]) == (9, "spam")
    assert "max_age=60" in errors.FreshLoginRequired(max_age=60).challenge


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_without_our_handler_the_answer_is_the_same(shop, leaf):
    """An error that werkzeug answers by itself has the same status, body and headers."""
    with shop.app.test_request_context():
        plain, ours = leaf().get_response(), shop.app.handle_user_exception(leaf())
    assert plain.status_code == ours.status_code
    assert plain.get_json() == ours.get_json()
    for name in ("Content-Type", "WWW-Authenticate", "Cache-Control", "Retry-After"):
        assert plain.headers.get(name) == ours.headers.get(name)


def test_nothing_of_the_request_is_reflected(shop):
    """HTT-04: what a client sends does not come back in body or headers."""
    marker = "<script>marker"
    for token in (marker, f"{marker}.a.b", f"eyJ{marker}"):
        answer = shop.get(token, f"/me?q={marker}", headers={"X-Marker": marker})
        assert answer.status_code == 401
        assert "marker" not in answer.text + str(answer.headers)


def test_a_handler_for_all(shop):
    """The app's own handler answers every error of the package; what it returns is the answer."""

    @shop.gosession.error_handler()
    def handler(error):
        return {"oops": error.error}, error.code

    assert (shop.get().status_code, shop.get().json) == (401, {"oops": "token_missing"})


def test_a_handler_for_one(shop):
    """A handler for one text of `error` answers that one, before the one for all; it may be async."""

    @shop.gosession.error_handler("token_missing")
    async def missing(_error):
        return "sign in, please", 401

    @shop.gosession.error_handler()
    def rest(error):
        return error.error, 401

    assert shop.get().text == "sign in, please"
    assert shop.get("junk").text == "token_malformed"


def test_a_handler_is_registered_by_a_call(shop):
    """error_handler without parentheses would lose the handler: an error at once."""
    with pytest.raises(errors.ConfigError, match="Call error_handler"):
        shop.gosession.error_handler(lambda error: "")


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_a_blueprint_s_own_handler(shop, leaf):
    """Handlers on a blueprint, for AuthError or the root, get all errors below it there, and none elsewhere."""
    shelf = Blueprint("shelf", __name__)
    root = AuthError if issubclass(leaf, AuthError) else AnsweredError
    shelf.register_error_handler(root, lambda error: (f"shelf: {error.error}", 418))

    @shelf.get("/shelf")
    def view():
        raise leaf

    shop.app.register_blueprint(shelf)
    assert (shop.get(None, "/shelf").status_code, shop.get(None, "/shelf").text) == (418, f"shelf: {leaf.error}")
    assert shop.get().status_code == 401


def test_other_exceptions_are_not_ours(shop, raising):
    """Only the package's own errors are answered by it: a 404 and an app's own 401 look as they did."""
    path = raising(Unauthorized())
    assert shop.get(None, "/nowhere").content_type.startswith("text/html")
    answer = shop.get(None, path)
    assert (answer.status_code, answer.content_type.partition(";")[0]) == (401, "text/html")


def test_problem_json(make, store):
    """With ERROR_FORMAT = "problem" the answer is RFC 9457, with all that JSON has, too."""
    shop = make(ERROR_FORMAT="problem")
    answer = shop.get()
    assert (answer.status_code, answer.content_type) == (401, "application/problem+json")
    assert answer.json == {
        "type": "about:blank",
        "title": "Please sign in.",
        "status": 401,
        "detail": "Please sign in.",
        "error": "token_missing",
        "message": "Please sign in.",
        "reason": None,
    }
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    token = shop.pair().access_token
    store.fail("load")
    down = shop.get(token)
    assert (down.status_code, down.json["error"], down.headers["Retry-After"]) == (503, "store_unavailable", "1")
