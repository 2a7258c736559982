"""Wrong arguments are refused with a sentence, and nothing is written, whichever method gets them (LIF-07)."""

from __future__ import annotations

import inspect

import pytest
from wrong import REASON_OF_A_BAN, WRONG

from flask_gosession import derived_sid
from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.results import Checked
from flask_gosession.engine.user_cache import UserCache
from flask_gosession.errors import AuthError
from flask_gosession.session.arguments import instance_of

CALLS = {
    "login": lambda it, **wrong: it.manager.login(**{"subject": "ada", **wrong}),
    "impersonate": lambda it, **wrong: it.manager.impersonate(**{"actor": it.checked, "subject": "bob", **wrong}),
    "refresh": lambda it, **wrong: it.manager.refresh(**{"token": it.pair.refresh_token, **wrong}),
    "extend": lambda it, **wrong: it.manager.extend(**{"token": it.pair.access_token, **wrong}),
    "confirm": lambda it, **wrong: it.manager.confirm(**{"checked": it.checked, **wrong}),
    "logout": lambda it, **wrong: it.manager.logout(**{"token": it.pair.access_token, **wrong}),
    "revoke": lambda it, **wrong: it.manager.revoke(**{"subject": "ada", "sid": it.pair.sid, **wrong}),
    "revoke_all": lambda it, **wrong: it.manager.revoke_all(**{"subject": "ada", **wrong}),
    "ban": lambda it, **wrong: it.manager.ban(**{"subject": "ada", "until": it.manager.clock() + 60, **wrong}),
    "lift_ban": lambda it, **wrong: it.manager.lift_ban(**{"subject": "bob", **wrong}),
    "adopt": lambda it, **wrong: it.manager.adopt(**it.adopted(**wrong)),
    "honour": lambda it, **wrong: it.manager.honour(
        **{"subject": "ada", "sid": derived_sid("x"), "until": it.manager.clock() + 60, **wrong}
    ),
    "mark_stale": lambda it, **wrong: it.manager.mark_stale(**{"subject": "ada", "sid": it.pair.sid, **wrong}),
    "remember": lambda it, **wrong: it.manager.remember(**{"subject": "ada", "sid": it.pair.sid, **wrong}),
    "resume": lambda it, **wrong: it.manager.resume(**{"token": it.remembered, **wrong}),
    "save_data": lambda it, **wrong: it.manager.save_data(**{"checked": it.checked, "changes": {"x": 1}, **wrong}),
    "check_with_user": lambda it, **wrong: it.manager.check_with_user(**{"token": it.pair.access_token, **wrong}),
    "load": lambda it, **wrong: it.manager.users.load(**{"subject": "ada", **wrong}),
    "forget": lambda it, **wrong: it.manager.users.forget(**{"subject": "ada", **wrong}),
    "reload": lambda it, **wrong: it.manager.users.refresh(**{"subjects": ["ada"], **wrong}),
}
"""Every public method that writes, with arguments that are right but for the wrong one."""

READING = {
    "authenticate",
    "check",
    "claims",
    "close",
    "holder",
    "listen",
    "renew",
    "renewal_due",
    "report_moved",
}
READING |= {"is_honoured", "tokens", "session", "sessions", "ban_of", "not_before_of", "require_current"}
READING |= {"store", "show", "stats", "find"}

FOR_ITS_NAME = {
    ("ban", "reason"): REASON_OF_A_BAN,
    ("login", "actor"): WRONG["presented"],
    ("impersonate", "actor"): WRONG["checked"],
    ("login", "client"): (None, *WRONG["client"]),
    ("revoke_all", "client_class"): WRONG["client"],
    ("check_with_user", "user_ttl"): WRONG["ttl"],
    ("honour", "until"): (None, *WRONG["authenticated"]),
    ("adopt", "client"): (None, *WRONG["client"]),
    **{(name, "sid"): (None, *WRONG["but"]) for name in ("adopt", "honour", "mark_stale", "remember")},
    ("adopt", "expires"): (None, *WRONG["authenticated"], 0, 1.0),
    ("adopt", "again_until"): WRONG["authenticated"],
}
NOT_JUDGED = {"token", "inspect", "options", "self"}
"""A token may be anything: it is a client that sends it. What inspects may do as it likes."""


def method(name):
    """Return the method that is called so here."""
    if name in ("load", "forget", "reload"):
        return getattr(UserCache, {"reload": "refresh"}.get(name, name))
    return getattr(SessionManager, name)


CASES = [
    pytest.param(name, argument, value, id=f"{name}({argument}={value!r:.20})".encode("ascii", "replace").decode())
    for name in CALLS
    for argument in inspect.signature(method(name)).parameters
    if argument not in NOT_JUDGED
    for value in FOR_ITS_NAME.get((name, argument)) or WRONG[argument]
]


class Scene:
    """A session, and what the store holds of it."""

    def __init__(self, manager, store):
        self.manager, self.store = manager, store
        self.pair = manager.login("ada", client="ios", data={"cart": [1]})
        self.remembered = manager.remember("ada", self.pair.sid)
        self.checked = manager.authenticate(self.pair.access_token)
        manager.users.load("ada")

    def adopted(self, **wrong):
        soon = self.manager.clock() + 60
        return {"subject": "ada", "sid": derived_sid("x"), "expires": soon, "again_until": soon, **wrong}

    def stored(self):
        return {subject: self.store.load(subject) for subject in self.store.subjects()}


@pytest.fixture
def scene(make, store, clock):
    made = Scene(make(user_loader=lambda subject: {"sub": subject}), store)
    clock.advance(600)  # each of the calls would write now
    return made


@pytest.mark.parametrize(("name", "argument", "value"), CASES)
def test_nothing_is_written(scene, name, argument, value):
    """A wrong argument is a ValueError or TypeError of the caller, and the stored bytes stay what they were."""
    before = scene.stored()
    with pytest.raises((ValueError, TypeError), match=r"\w"):
        CALLS[name](scene, **{argument: value})
    assert scene.stored() == before


@pytest.mark.parametrize("name", CALLS)
def test_the_calls_are_right_but_for_it(scene, name):
    """Without the wrong argument each of these calls passes."""
    CALLS[name](scene)


@pytest.mark.parametrize("token", [None, 5, True, b"x", "", "x.y.z", [], {}, object()])
@pytest.mark.parametrize("name", ["refresh", "extend", "logout", "check_with_user"])
def test_a_token_may_be_anything(scene, name, token):
    """What is no token is refused as one that a client has sent, and nothing is written."""
    before = scene.stored()
    with pytest.raises(AuthError):
        CALLS[name](scene, token=token)
    assert scene.stored() == before


@pytest.mark.parametrize(("argument", "value"), [(name, value) for name in ("limit", "idle") for value in WRONG[name]])
def test_options_of_an_impersonation(scene, argument, value):
    """An impersonation judges its options as the login does that it is."""
    before = scene.stored()
    with pytest.raises((ValueError, TypeError)):
        CALLS["impersonate"](scene, **{argument: value})
    assert scene.stored() == before


def test_no_method_is_left_out():
    """A public method that comes later belongs in this table, or among those that only read."""
    public = {name for name in dir(SessionManager) if not name.startswith("_")}
    assert public <= READING | CALLS.keys()


def test_a_session_ended_for_a_login_stays(scene):
    """A login that is refused for an argument ends nothing of what its client was presented with."""
    before = scene.stored()
    with pytest.raises(ValueError, match="on_limit is one of"):
        scene.manager.login("bob", presented=scene.checked.claims, on_limit="evict")
    assert scene.stored() == before


@pytest.mark.parametrize("name", ["login", "impersonate"])
def test_an_option_that_does_not_exist(scene, name):
    """A misspelt option of a login is a TypeError that names it and those that there are, and nothing is written."""
    before = scene.stored()
    with pytest.raises(TypeError, match="no option lifetme; its options are client, remember, lifetime"):
        CALLS[name](scene, lifetme=60)
    assert scene.stored() == before


@pytest.mark.parametrize("name", ["login", "impersonate"])
def test_help_shows_the_options(name):
    """What a login may be asked for stands in its signature, with its defaults, one declaration for all."""
    shown = inspect.signature(getattr(SessionManager, name)).parameters
    assert {one: shown[one].default for one in ("client", "remember", "limit")} == {
        "client": "web",
        "remember": False,
        "limit": None,
    }


@pytest.mark.parametrize("remember", ["on", 1, "1", "true"])
def test_a_form_is_remembered(manager, remember):
    """What a form sends makes a record that can be read, and nobody's other sessions end."""
    first, second = manager.login("ada"), manager.login("ada", remember=remember)
    assert [manager.check(pair.access_token).remember for pair in (first, second)] == [False, True]
    assert second.remember is True


def test_what_a_kind_is_called():
    """The sentence names the kind that is asked for."""
    with pytest.raises(TypeError, match="checked is a Checked, not NoneType"):
        instance_of(Checked, "checked", None)


def test_claims_are_kept_as_they_read_back(manager):
    """A tuple among claims is a list in the store, as it is in the token."""
    pair = manager.login("ada", claims={"roles": ("a", "b")})
    assert manager.check(pair.access_token).extra_claims == {"roles": ["a", "b"]}
