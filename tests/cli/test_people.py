"""Who is signed in, from where, and why not any more; sign out, ban."""

from __future__ import annotations

import json

import pytest

from cli.shop import LONDON, Shop
from flask_gosession.stores.base import Record


def test_sessions_names_what_stands_in_the_token(shop: Shop):
    """The sid and jti that are listed are those that `inspect` reads in the token."""
    pair = shop.manager.login("ada", device=LONDON)
    said = shop.json("inspect", pair.access_token)["claims"]
    (listed,) = shop.json("sessions", "ada")
    assert (listed["sid"], listed["jti"]) == (said["sid"], said["jti"]) == (pair.sid, said["jti"])
    assert (listed["client"], listed["ip"], listed["label"]) == ("web", "203.0.113.7", "Firefox on Linux")


def test_the_table_shows_each_session(shop: Shop):
    """Without --json there is a line for each live session, the latest used first."""
    first = shop.manager.login("ada", client="ios", device=LONDON)
    shop.clock.advance(5)
    second = shop.manager.login("ada")
    lines = shop.run("sessions", "ada").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["SID", second.sid, first.sid]
    assert "Firefox on Linux" in lines[2]


def test_a_login_gets_stale(shop: Shop):
    """``fresh`` says whether routes for fresh logins are open."""
    shop.manager.login("ada")
    assert shop.json("sessions", "ada")[0]["fresh"]
    shop.clock.advance(3600)
    assert not shop.json("sessions", "ada")[0]["fresh"]


def test_nobody_there_is_no_error(shop: Shop):
    """A person without sessions has an empty list."""
    assert shop.json("sessions", "nobody") == []
    assert "no live session" in shop.run("sessions", "nobody").stdout


def test_show_has_the_whole_record(shop: Shop):
    """Live and ended sessions with reasons, ban, user info with its age, size and place stand in one answer."""
    gone = shop.manager.login("ada", client="ios")
    kept = shop.manager.login("ada")
    shop.manager.revoke("ada", gone.sid, "kicked", message="too loud", client="web")
    shop.manager.users.load("ada")
    shop.clock.advance(7)
    view = shop.json("show", "ada")
    assert view["state"] == "signed_in"
    assert [each["sid"] for each in view["sessions"]] == [kept.sid]
    (ended,) = view["ended"]
    assert (ended["sid"], ended["reason"], ended["message"], ended["by_client"]) == (
        gone.sid,
        "kicked",
        "too loud",
        "web",
    )
    assert view["user"]["value"] == {"name": "ada", "role": "user"}
    assert 7 <= view["user"]["age"] < 8
    assert view["bytes"] > 100
    assert view["ban"] is None


def test_show_names_the_place(shop: Shop):
    """The key, file or row is the one in which the store keeps the record."""
    shop.manager.login("ada")
    place = shop.json("show", "ada")["location"]
    assert any(word in place for word in ("memory", "key ", "table "))
    if place.startswith("key "):
        client = shop.manager.store.store._client()
        assert client.exists(place.removeprefix("key "))


def test_show_says_banned(shop: Shop):
    """A banned person's state, reason and message are shown."""
    shop.manager.ban("ada", until=shop.clock() + 60, reason="abuse", message="see you tomorrow")
    view = shop.json("show", "ada")
    assert view["state"] == "banned"
    assert (view["ban"]["reason"], view["ban"]["message"]) == ("abuse", "see you tomorrow")
    shop.clock.advance(61)
    assert shop.json("show", "ada")["ban"] is None


def test_show_has_the_mark(shop: Shop):
    """From when credentials count, until when that is kept, and why: whoever cannot sign in is found out about."""
    shop.manager.revoke_all("ada", "password_changed", message="hello again")
    view, moment = shop.json("show", "ada"), shop.clock()
    assert view["not_before"] == {
        "at": moment,
        "until": shop.manager.policy.mark_kept_until(moment),
        "reason": "password_changed",
        "message": "hello again",
    }
    assert "password_changed hello again" in shop.run("show", "ada").stdout
    shop.manager.login("eve")
    assert shop.json("show", "eve")["not_before"] is None


def test_an_idle_session_is_shown_as_ended(shop: Shop):
    """What ended by itself is not live, and says why, before anybody has tidied the record."""
    pair = shop.manager.login("ada", idle=60)
    shop.manager.login("ada", idle=3600)
    shop.clock.advance(61)
    view = shop.json("show", "ada")
    assert len(view["sessions"]) == 1
    assert [(each["sid"], each["reason"]) for each in view["ended"]] == [(pair.sid, "idle")]


def test_an_impersonated_session_names_its_actor(shop: Shop):
    """The actor is named, and when theirs has ended the session is not shown as live."""
    admin = shop.manager.login("root")
    actor = shop.manager.authenticate(admin.access_token)
    shop.manager.impersonate(actor, "ada")
    (session,) = shop.json("sessions", "ada")
    assert session["actor"] == {"subject": "root", "sid": admin.sid}
    shop.manager.revoke_all("root")
    assert shop.json("sessions", "ada") == []
    assert shop.json("show", "ada")["ended"][0]["reason"] == "logged_out"


def test_nothing_stored_is_a_no(shop: Shop):
    """The exit code for a person without a record is 1, and the answer says so."""
    assert shop.json("show", "nobody", code=1)["state"] == "absent"


def test_a_corrupt_record_is_named_so(shop: Shop):
    """A value that is not a record is shown as corrupt, with its size, and breaks nothing."""
    store = shop.manager.store
    store.swap("ada", None, Record(b"\xc1 garbage", b"12345678"), shop.clock() + 3600)
    view = shop.json("show", "ada")
    assert (view["state"], view["bytes"]) == ("corrupt", 9)


def test_a_terminal_is_not_steered_by_a_client(shop: Shop):
    """Control characters that a client sent as its user agent are not printed."""
    shop.manager.login("ada", device=type(LONDON)("203.0.113.7", "evil\x1b[2J\x07", ""))
    printed = shop.run("sessions", "ada").stdout
    assert "\x1b" not in printed
    assert "\x07" not in printed


@pytest.mark.parametrize("by", ["sid", "jti", "ip", "network"])
def test_find_leads_to_the_person(shop: Shop, by: str):
    """A session id, a token's jti, an address or its network lead to the session."""
    for name in ("ada", "bob", "eve"):
        shop.manager.login(name)
    pair = shop.manager.login("zoe", device=LONDON)
    jti = shop.json("inspect", pair.access_token)["claims"]["jti"]
    wanted = {"sid": pair.sid, "jti": jti, "ip": "203.0.113.7", "network": "203.0.113.0/24"}[by]
    match = json.loads(shop.run("find", wanted, "--json").stdout)
    assert (match["subject"], match["session"]["sid"]) == ("zoe", pair.sid)
    assert match["by"] == ("ip" if by == "network" else by)


def test_find_knows_the_token_before(shop: Shop):
    """The jti of the tokens before the last refresh leads to the session, too."""
    pair = shop.manager.login("ada")
    jti = shop.json("inspect", pair.refresh_token)["claims"]["jti"]
    shop.manager.refresh(pair.refresh_token)
    assert json.loads(shop.run("find", jti, "--json").stdout)["session"]["sid"] == pair.sid


def test_find_says_why_a_session_ended(shop: Shop):
    """The id of an ended session leads to its person and its reason."""
    pair = shop.manager.login("ada")
    shop.manager.revoke("ada", pair.sid, "password_changed")
    assert "password_changed" in shop.run("find", pair.sid).stdout


def test_finding_nothing_is_a_no(shop: Shop):
    """An id that no record knows exits with 1, and what can be no id with 2 and a sentence."""
    shop.manager.login("ada")
    assert shop.run("find", "A" * 22).exit_code == 1
    wrong = shop.run("find", "no id")
    assert wrong.exit_code == 2
    assert "a session id" in wrong.stderr


def test_an_id_may_begin_with_a_dash(small_shop: Shop):
    """One id in 64 begins with a dash; it is no option."""
    for command in (("find", "-" + "A" * 21), ("revoke", "ada", "-" + "A" * 21)):
        assert "No such option" not in small_shop.run(*command).stderr
    assert small_shop.run("revoke", "ada", "-" + "A" * 21).exit_code == 0


def test_revoke_ends_one_session(shop: Shop):
    """One session ends, with reason and message for its holder; the other lives."""
    gone, kept = shop.manager.login("ada"), shop.manager.login("ada")
    assert shop.json("revoke", "ada", gone.sid, "--message", "ask us") == {"count": 1, "confirmed": True}
    view = shop.json("show", "ada")
    assert [each["sid"] for each in view["sessions"]] == [kept.sid]
    assert (view["ended"][0]["reason"], view["ended"][0]["message"]) == ("kicked", "ask us")
    assert shop.json("revoke", "ada", gone.sid)["count"] == 0


def test_revoke_ends_a_client_class(shop: Shop):
    """--client ends the sessions of that class alone."""
    shop.manager.login("ada", client="ios")
    kept = shop.manager.login("ada")
    assert shop.json("revoke", "ada", "--client", "ios")["count"] == 1
    assert [each["sid"] for each in shop.json("sessions", "ada")] == [kept.sid]


def test_revoke_asks_what_to_end(small_shop: Shop):
    """Neither or both of SID and --client, a word that is no id, or an unknown reason change nothing."""
    pair = small_shop.manager.login("ada")
    for wrong in ((), (pair.sid, "--client", "web"), ("no-id",), (pair.sid, "--reason", "mood")):
        assert small_shop.run("revoke", "ada", *wrong).exit_code == 2
    assert len(small_shop.manager.sessions("ada")) == 1


def test_revoke_all_may_keep_one(shop: Shop):
    """All sessions end but the one that is kept."""
    kept = shop.manager.login("ada")
    for _ in range(3):
        shop.manager.login("ada")
    assert shop.json("revoke-all", "ada", "--except", kept.sid, "--reason", "password_changed")["count"] == 3
    assert [each["sid"] for each in shop.json("sessions", "ada")] == [kept.sid]
    assert shop.run("revoke-all", "ada").stdout == "1 session was ended.\n"


def test_a_ban_holds_until_it_is_lifted(shop: Shop):
    """A ban ends what is live; unban lets in again, and is a no the second time."""
    shop.manager.login("ada")
    banned = shop.json("ban", "ada", "--for", "7d", "--reason", "abuse")
    assert (banned["count"], round(banned["until"] - shop.clock())) == (1, 7 * 86_400)
    assert shop.manager.ban_of("ada").reason == "abuse"
    assert shop.json("unban", "ada") == {"lifted": True}
    assert shop.json("unban", "ada", code=1) == {"lifted": False}


@pytest.mark.parametrize(
    "when", [(), ("--for", "7d", "--until", "2090-01-01"), ("--for", "soon"), ("--until", "never")]
)
def test_a_ban_needs_an_end(small_shop: Shop, when: tuple[str, ...]):
    """Without one end, or with one that cannot be read, nobody is banned."""
    assert small_shop.run("ban", "ada", *when).exit_code == 2
    assert small_shop.manager.ban_of("ada") is None


def test_a_ban_may_end_at_a_day(small_shop: Shop):
    """A date is its first second in UTC; one that has passed is a sentence."""
    assert small_shop.json("ban", "ada", "--until", "2030-01-31")["until"] == 1896048000
    assert "in the future" in small_shop.run("ban", "ada", "--until", "2001-01-31").stderr


def test_memory_is_said_to_be_this_process_own(small_shop: Shop):
    """With the memory store a note says that a server's sessions cannot be seen from here."""
    assert "memory" in small_shop.run("sessions", "ada").stderr


def test_an_unknown_realm_is_a_sentence(small_shop: Shop):
    """A realm that the app does not have names those that it has."""
    result = small_shop.run("sessions", "ada", "--realm", "admin")
    assert result.exit_code == 2
    assert "default" in result.stderr
