"""What a request goes by at each level, what makes it ask for more, and that nothing makes it ask for less."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sites import Site, make_app, open_site, verify

from flask_gosession import ConfigError
from flask_gosession.stores.registry import open_store
from flask_gosession.testing.clock import FakeClock
from flask_gosession.testing.faulty import FaultyStore

LEVELS = ("strict", "cached", "signature")


def add_leveled_views(app: Any, gosession: Any) -> None:
    """Add a view at each level, and some that ask for more than the first look was worth."""

    def greet() -> dict[str, Any]:
        return {"sub": gosession.current_session.subject}

    for level in LEVELS:
        app.add_url_rule(f"/{level}", level, gosession.login_required(level=level)(greet))
    app.add_url_rule("/default", "default", gosession.login_required(greet))
    app.add_url_rule("/fresh", "fresh", gosession.login_required(fresh=True, level="signature")(greet))
    app.add_url_rule("/fresh-too", "fresh-too", gosession.fresh_login_required(greet))

    @app.get("/user/<level>")
    def user(level: str):
        return gosession.login_required(level=level)(lambda: {"user": gosession.current_user})()

    @app.get("/early")
    def early():
        """Look at the session before the decorator does, as a hook would."""
        assert gosession.current_session
        return gosession.login_required(level="strict")(greet)()

    @app.get("/late-fresh/<level>")
    def late_fresh(level: str):
        return gosession.login_required(level=level)(gosession.fresh_login_required(greet))()

    @app.get("/data/<level>")
    def data(level: str):
        return gosession.login_required(level=level)(lambda: dict(gosession.current_session.data))()

    @app.post("/data/<level>")
    def set_data(level: str):
        def write() -> str:
            gosession.current_session.data["seen"] = level
            return ""

        return gosession.login_required(level=level)(write)()

    @app.get("/peek")
    def peek():
        return {"known": bool(gosession.current_session)}

    add_acting_views(app, gosession)


def add_acting_views(app: Any, gosession: Any) -> None:
    """Add views that do something with the session."""

    @app.get("/maybe/<level>")
    def maybe(level: str):
        view = gosession.login_required(optional=True, level=level)(lambda: {"sub": bool(gosession.current_session)})
        return view()

    @app.post("/confirm/<level>")
    def confirm(level: str):
        return gosession.login_required(level=level)(lambda: gosession.confirm_login().to_dict())()

    @app.post("/impersonate/<level>")
    def impersonate(level: str):
        return gosession.login_required(level=level)(lambda: gosession.impersonate("eve").to_dict())()


@pytest.fixture
def make(store: FaultyStore, clock: FakeClock) -> Callable[..., Site]:
    def making(**config: Any) -> Site:
        return open_site(clock, store, views=add_leveled_views, blueprint={}, verifier=verify, **config)

    return making


@pytest.fixture
def site(make: Callable[..., Site]) -> Site:
    return make()


def trips(site: Site, token: str, path: str, status: int = 200) -> int:
    """Return how often a request asks the store."""
    before = site.store.count("load")
    answer = site.get(token, path)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return site.store.count("load") - before


def known(site: Site, **options: Any) -> str:
    """Return a token about which there is a verdict."""
    token = site.pair(**options).access_token
    site.get(token, "/cached")
    assert trips(site, token, "/cached") == 0
    return token


def test_what_each_level_asks(site: Site) -> None:
    """Strict asks each time, cached once, signature never."""
    token = site.pair().access_token
    assert [[trips(site, token, f"/{level}") for _ in range(3)] for level in LEVELS] == [
        [1, 1, 1],
        [1, 0, 0],
        [0, 0, 0],
    ]


@pytest.mark.parametrize("level", LEVELS)
def test_what_an_end_means(site: Site, level: str) -> None:
    """A session that was ended is refused by the next strict and cached check, and passes by its signature."""
    pair = site.pair()
    for _ in range(2):
        assert site.get(pair.access_token, f"/{level}").status_code == 200
    site.manager.revoke("ada", pair.sid, "kicked")
    answer = site.get(pair.access_token, f"/{level}")
    if level == "signature":
        assert answer.status_code == 200
        site.clock.advance(1000)
        assert site.get(pair.access_token, f"/{level}").json["error"] == "token_expired"
        return
    assert (answer.json["error"], answer.json["reason"]) == ("session_ended", "kicked")


@pytest.mark.parametrize("level", LEVELS)
def test_the_level_of_the_app(make: Callable[..., Site], level: str) -> None:
    """`LEVEL` holds for what names none: decorators, and the session on a public page."""
    site = make(LEVEL=level)
    token = site.pair().access_token
    site.get(token, "/default")
    expected = {"strict": 1, "cached": 0, "signature": 0}[level]
    assert trips(site, token, "/default") == trips(site, token, "/peek") == expected
    assert trips(site, token, "/strict") == 1


def test_fresh_is_strict(site: Site) -> None:
    """Whatever level a route for fresh logins names, and wherever it is found that it is one."""
    token = known(site)
    paths = ("/fresh", "/fresh-too", "/late-fresh/cached", "/late-fresh/signature")
    assert [trips(site, token, path) for path in paths] == [1, 1, 1, 1]


@pytest.mark.parametrize("level", ["cached", "signature"])
def test_a_fresh_route_sees_the_end(site: Site, level: str) -> None:
    """Of a session that the first look in the same request took for live."""
    site.manager.lease.on_change.clear()  # the announcement is lost
    pair = site.pair()
    site.get(pair.access_token, "/cached")
    site.manager.revoke("ada", pair.sid)
    assert site.get(pair.access_token, f"/{level}").status_code == 200
    assert site.get(pair.access_token, f"/late-fresh/{level}").json["error"] == "session_ended"


@pytest.mark.parametrize("level", ["cached", "signature"])
def test_an_early_look_weakens_nothing(make: Callable[..., Site], level: str) -> None:
    """What a hook has found out at the app's level is looked up again where a route asks for more."""
    site = make(LEVEL=level)
    token = known(site)
    assert trips(site, token, "/early") == 1


def test_nothing_in_a_request_weakens_a_level(site: Site) -> None:
    """No parameter and no header of a request does."""
    token = known(site)
    before = site.store.count("load")
    answer = site.get(token, "/strict?level=signature", headers={"GoSession-Level": "signature", "Level": "cached"})
    assert answer.status_code == 200
    assert site.store.count("load") == before + 1


@pytest.mark.parametrize("level", ["cached", "signature"])
def test_what_changes_sessions_is_strict(site: Site, level: str) -> None:
    """Re-authentication and impersonation look at the store before they act."""
    for path in ("confirm", "impersonate"):
        site.manager.lease.on_change.clear()
        pair = site.pair()
        site.get(pair.access_token, "/cached")
        site.manager.revoke("ada", pair.sid)
        answer = site.get(pair.access_token, f"/{path}/{level}", method="POST")
        assert answer.json["error"] == "session_ended"


@pytest.mark.parametrize("level", ["cached", "signature"])
def test_the_endpoints_are_strict(make: Callable[..., Site], level: str) -> None:
    """Whatever the app's level is."""
    site = make(LEVEL=level)
    token = known(site)
    assert trips(site, token, "/auth/session") == 1
    assert trips(site, token, "/auth/sessions") >= 1


@pytest.mark.parametrize("level", ["cached", "signature"])
def test_impersonation_is_strict(site: Site, level: str) -> None:
    """The end of the actor's session is seen at once."""
    root = site.pair("root")
    actor = site.manager.authenticate(root.access_token)
    token = site.manager.impersonate(actor, "ada").access_token
    for _ in range(2):
        assert trips(site, token, f"/{level}") == 2
    site.manager.revoke("root", root.sid)
    assert site.get(token, f"/{level}").json["error"] == "session_ended"


@pytest.mark.parametrize("level", ["cached", "signature"])
def test_data_is_read_from_the_store(site: Site, level: str) -> None:
    """What another process has written is there, though no verdict has changed by it; and what is written is saved."""
    token = known(site)
    checked = site.manager.authenticate(token)
    site.manager.save_data(checked, {"cart": 3})
    assert trips(site, token, "/cached") == 0
    assert site.get(token, f"/data/{level}").json == {"cart": 3}
    assert site.get(token, f"/data/{level}", method="POST").status_code == 200
    assert site.get(token, "/data/strict").json == {"cart": 3, "seen": level}


@pytest.mark.parametrize("level", ["cached", "signature"])
def test_data_of_a_session_that_has_ended(site: Site, level: str) -> None:
    """There are none: the view's first look at them is refused."""
    pair = site.pair()
    site.get(pair.access_token, "/cached")
    site.manager.lease.on_change.clear()
    site.manager.revoke("ada", pair.sid)
    assert site.get(pair.access_token, f"/data/{level}").json["error"] == "session_ended"


def test_the_user_at_each_level(store: FaultyStore, clock: FakeClock) -> None:
    """Comes with the verdict; by a signature it is looked for when the view asks."""
    site = open_site(clock, store, views=add_leveled_views, loader=lambda subject: {"name": subject})
    token = site.pair().access_token
    for level in LEVELS:
        for _ in range(3):
            assert site.get(token, f"/user/{level}").json == {"user": {"name": "ada"}}
    assert [trips(site, token, f"/user/{level}") for level in LEVELS] == [1, 0, 1]


def test_a_strict_check_has_a_user_of_its_own(store: FaultyStore, clock: FakeClock) -> None:
    """Roles are those of the user that a strict check finds, even if a verdict has brought an earlier one."""
    roles = ["admin"]
    site = open_site(clock, store, loader=lambda _subject: {"roles": [*roles]}, LEVEL="cached")
    gosession = site.gosession

    @site.app.get("/admin")
    def admin() -> str:
        assert gosession.current_user
        if not roles:
            site.manager.users.forget("ada")
        return gosession.login_required(level="strict")(gosession.roles_required("admin")(lambda: "in"))()

    token = site.pair().access_token
    assert [site.get(token, "/admin").status_code for _ in range(3)] == [200] * 3
    roles.clear()
    assert site.get(token, "/admin").status_code == 403


def test_a_refusal_is_looked_up_once(store: FaultyStore, clock: FakeClock) -> None:
    """Where the token alone is enough, a view that asks for the user learns of the end once, and for the session."""
    site = open_site(clock, store, loader=lambda subject: {"name": subject}, LEVEL="signature")
    gosession = site.gosession

    @site.app.get("/page")
    @gosession.login_required
    def page() -> dict[str, Any]:
        return {"users": [bool(gosession.current_user) for _ in range(3)], "session": bool(gosession.current_session)}

    pair = site.pair()
    site.manager.revoke_all("ada")
    before = store.count("load")
    assert site.get(pair.access_token, "/page").json == {"users": [False] * 3, "session": False}
    assert store.count("load") - before == 1


@pytest.mark.parametrize("level", ["cached", "signature"])
def test_optional_views(site: Site, level: str) -> None:
    """Let guests in, and refuse a wrong token, at every level."""
    assert site.get(None, f"/maybe/{level}").json == {"sub": False}
    assert site.get(site.pair().access_token, f"/maybe/{level}").json == {"sub": True}
    assert site.get("x.y.z", f"/maybe/{level}").status_code == 401


@pytest.mark.parametrize("level", ["cached", "signature"])
def test_an_expired_cookie_is_renewed(make: Callable[..., Site], level: str) -> None:
    """It costs one look at the store; the new one goes by the level again."""
    site = make(LEVEL=level, TOKEN_LOCATIONS=["cookie"])
    browser = site.browser()
    browser.sign_in()
    browser.get("/default")
    site.clock.advance(2000)
    before = site.store.count("load")
    answer = browser.get("/default")
    assert answer.status_code == 200
    assert "gosession_access=" in answer.headers["Set-Cookie"]
    assert site.store.count("load") - before == 1


@pytest.mark.parametrize("level", ["cached", "signature"])
def test_a_renewal_never_follows_an_end(make: Callable[..., Site], level: str) -> None:
    """A token that is about to expire is looked up before it is renewed, whatever is known of it."""
    site = make(LEVEL=level, TOKEN_LOCATIONS=["cookie"], rng=lambda: 0.0)
    browser = site.browser()
    browser.sign_in()
    site.clock.advance(800)
    for _ in range(3):
        assert browser.get("/default").status_code == 200
    site.manager.lease.on_change.clear()
    site.manager.revoke_all("ada")
    if level == "cached":
        assert browser.get("/default").status_code == 200
    site.clock.advance(20)
    answer = browser.get("/default")
    assert answer.json["error"] == "session_ended"
    assert "Set-Cookie" not in answer.headers


def test_a_bound_session_is_compared_at_each_level(make: Callable[..., Site]) -> None:
    """With each verdict; and a signature, which says nothing of the address, is not enough then."""
    site = make(BINDING=["ip"], BINDING_ACTION="refuse")
    token = site.browser().sign_in().json["access_token"]
    assert trips(site, token, "/signature") == 1
    site.get(token, "/cached")
    assert trips(site, token, "/cached") == 0
    elsewhere = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.9"}}
    for level in LEVELS:
        assert site.get(token, f"/{level}", **elsewhere).json["error"] == "binding_mismatch"


@pytest.mark.parametrize("level", ["cached", "signature"])
def test_opaque_tokens(make: Callable[..., Site], level: str) -> None:
    """Have verdicts as others have; a route that would go by their signature cannot be served."""
    if level == "signature":
        site = make(TOKEN_MODE="opaque")
        with pytest.raises(ConfigError, match="opaque tokens say nothing"):
            site.get(None, "/peek")
        return
    site = open_site(FakeClock(), None, TOKEN_MODE="opaque", LEVEL="cached")
    token = site.pair().access_token
    assert [trips(site, token, "/me") for _ in range(3)] == [1, 0, 0]


def test_a_store_without_a_feed_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    """At the set-up where the app's level is cached, with the first request where a route's is; in one sentence."""
    store = FaultyStore(open_store(f"file://{tmp_path}/records"))
    with pytest.raises(ConfigError, match="needs a store that announces changes"):
        open_site(clock, store, app=make_app(), LEVEL="cached")
    site = open_site(clock, store, app=make_app(), views=add_leveled_views)
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"A route of this app .* announces changes"):
            site.get(None, "/peek")


def test_settings_that_no_level_can_keep() -> None:
    """A session that is used by verdicts alone must be written down in time; opaque tokens have no signature."""
    with pytest.raises(ConfigError, match="TOUCH_INTERVAL"):
        open_site(FakeClock(), None, LEVEL="cached", MAX_STALE=61)
    with pytest.raises(ConfigError, match="opaque"):
        open_site(FakeClock(), None, LEVEL="signature", TOKEN_MODE="opaque")
    open_site(FakeClock(), None, LEVEL="cached", MAX_STALE=60)
    open_site(FakeClock(), None, TOUCH_INTERVAL=0)


def test_a_route_by_signature_blames_nobody_for_unseen_use(site: Site) -> None:
    """The first use of a token may never be seen there: a parent that comes back late is refused, and no theft."""
    assert not site.manager.policy.unseen_use
    pair = site.pair()
    site.get(pair.access_token, "/signature")
    assert site.manager.policy.unseen_use
    site.clock.advance(100)
    assert site.refresh(pair.to_dict()).status_code == 200
    site.clock.advance(3600)
    answer = site.refresh(pair.to_dict())
    assert (answer.status_code, answer.json["error"]) == (401, "token_rotated")
