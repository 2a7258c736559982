"""Limits by client class: one web login and one phone, however they are called."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_gosession import events


def alive(site, pairs):
    """Return the names of the sessions that still open something."""
    return {name for name, pair in pairs.items() if site.get(pair["access_token"]).status_code == 200}


def test_single_login(make_any_site):
    """With a limit of one the second login ends the first, which is told why and by whom."""
    site = make_any_site(SESSION_LIMIT=1)
    first, second = site.login(client="ios"), site.login(client="web")
    assert site.get(second["access_token"]).status_code == 200
    body = site.get(first["access_token"]).json
    assert (body["error"], body["reason"], body["client"]) == ("session_ended", "evicted", "web")
    assert [event.client for event in site.told(events.Evicted)] == ["ios"]


def test_one_of_each_class(make_any_site):
    """A login ends the older one of its own class, and no other's."""
    site = make_any_site(CLIENT_LIMITS={"web": 1, "ios": 1, "*": 1})
    pairs = {"web 1": site.login(client="web"), "ios": site.login(client="ios"), "web 2": site.login(client="web")}
    assert alive(site, pairs) == {"web 2", "ios"}


def test_a_class_not_listed_counts_under_the_star(make_any_site):
    """All others share the limit of the star."""
    site = make_any_site(CLIENT_LIMITS={"web": 1, "*": 1})
    pairs = {name: site.login(client=name) for name in ("web", "tv", "car")}
    assert alive(site, pairs) == {"web", "car"}


def test_without_a_star_it_is_refused(make_any_site):
    """A class that is not listed may not sign in where there is no star."""
    site = make_any_site(CLIENT_LIMITS={"web": 1})
    answer = site.browser().login(client="tv")
    assert (answer.status_code, answer.json["error"]) == (409, "session_limit")
    assert "WWW-Authenticate" not in answer.headers
    assert site.browser().login(client="web").status_code == 200


@pytest.mark.parametrize(
    ("on_limit", "left"),
    [("evict_oldest", {"b", "c"}), ("evict_idle", {"a", "c"}), ("refuse", {"a", "b"})],
)
def test_what_happens_at_the_limit(make_any_site, on_limit, left):
    """The oldest goes, or the one unused for longest, or the newcomer is refused."""
    site = make_any_site(CLIENT_LIMITS={"web": 2}, ON_LIMIT=on_limit)
    pairs = {}
    for name in ("a", "b"):
        pairs[name] = site.login()
        site.clock.advance(120)
    site.get(pairs["a"]["access_token"])
    answer = site.browser().login()
    if on_limit == "refuse":
        assert (answer.status_code, answer.json["error"]) == (409, "session_limit")
        assert "Set-Cookie" not in answer.headers
    else:
        pairs["c"] = answer.json
    assert alive(site, pairs) == left


def test_a_login_can_bring_its_own_limit(make_any_site):
    """Limit and on_limit of one login replace the configured ones."""
    site = make_any_site(SESSION_LIMIT=5)
    pairs = {name: site.login() for name in "ab"}
    refused = site.browser().login(limit=2, on_limit="refuse")
    assert refused.status_code == 409
    pairs["c"] = site.login(limit=2)
    assert alive(site, pairs) == {"b", "c"}
    pairs["d"] = site.login(limit=1)
    assert alive(site, pairs) == {"d"}


def test_the_place_of_an_ended_session_is_free(make_any_site):
    """Who signed out, or idled out, does not count."""
    site = make_any_site(SESSION_LIMIT=1, ON_LIMIT="refuse", IDLE_TIMEOUT=600)
    pair = site.login()
    assert site.browser().login().status_code == 409
    site.send("POST", "/auth/logout", pair["access_token"])
    site.login()
    site.clock.advance(601)
    assert site.browser().login().status_code == 200


FINE = ["web", "ios", "Android TV", "a", "x" * 32, "v1.2_beta-3", "7"]
WRONG = ["", " web", "x" * 33, "naïve", "web\n", "web\0", "<b>", "a/b", "*", None, 7, True, [], {}, ["web"], 1.5]


def test_free_text_names_a_class(make_site):
    """Letters, digits, spaces, dots, dashes and underscores, at most 32."""
    site = make_site()
    for name in FINE:
        assert site.get(site.login(client=name)["access_token"]).json["client"] == name


def test_a_view_may_pass_on_what_a_client_calls_itself(make_any_site):
    """What cannot name a class is answered 400 bad_request, without a reflection and before the store (HTT-04)."""
    site = make_any_site()
    for name in WRONG:
        answer = site.browser().login(client=name)
        assert (answer.status_code, answer.json["error"]) == (400, "bad_request"), name
        assert answer.json["message"].startswith("A client class has")
        assert "WWW-Authenticate" not in answer.headers
    assert site.store.calls == []


@pytest.fixture
def site(make_site):
    return make_site(SESSION_LIMIT=5)


@given(name=st.text(max_size=40))
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_is_taken_or_refused_politely(site, name):
    """Whatever a client calls itself, the answer is 200 or 400."""
    assert site.browser().login(client=name).status_code in {200, 400}
