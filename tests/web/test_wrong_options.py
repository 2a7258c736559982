"""What an app passes wrongly to the verbs of the extension is refused, and nothing is written (LIF-07)."""

from __future__ import annotations

import inspect

import pytest
from wrong import WRONG

from flask_gosession import GoSession

CALLS = {
    "login_user": lambda it, **wrong: it.login_user(**{"subject": "ada", **wrong}),
    "impersonate": lambda it, **wrong: it.impersonate(**{"subject": "bob", **wrong}),
}
OWN = {"self", "options"}

CASES = [
    pytest.param(name, argument, value, id=f"{name}({argument}={value!r:.20})".encode("ascii", "replace").decode())
    for name in CALLS
    for argument in inspect.signature(getattr(GoSession, name)).parameters
    if argument not in OWN
    for value in WRONG[argument]
]


@pytest.fixture
def asking(shop):
    """Yield the extension in a request of somebody who is signed in."""
    token = shop.pair("root").access_token
    with shop.app.test_request_context("/", headers={"Authorization": f"Bearer {token}"}):
        yield shop.gosession


def stored(store):
    return {subject: store.load(subject) for subject in store.subjects()}


@pytest.mark.parametrize(("name", "argument", "value"), CASES)
def test_nothing_is_written(asking, store, name, argument, value):
    """A wrong argument is a ValueError or TypeError of the view, and who is signed in stays so."""
    before = stored(store)
    with pytest.raises((ValueError, TypeError), match=r"\w"):
        CALLS[name](asking, **{argument: value})
    assert stored(store) == before


@pytest.mark.parametrize("name", CALLS)
def test_the_calls_are_right_but_for_it(asking, name):
    """Without the wrong argument each of these calls passes."""
    assert CALLS[name](asking).access_token


@pytest.mark.parametrize("remember", ["on", "", None, 1])
def test_what_a_form_sends_signs_in(shop, remember):
    """The value of a checkbox is understood, and the next request finds the session (it was 401 once)."""
    shop.app.add_url_rule(
        "/in", view_func=lambda: shop.gosession.login_user("ada", remember=remember).to_dict(), methods=["POST"]
    )
    first = shop.pair("ada").access_token
    token = shop.app.test_client().post("/in").get_json()["access_token"]
    assert [shop.get(one).status_code for one in (first, token)] == [200, 200]
    assert shop.manager.check(token).remember is bool(remember)
