"""The audit trail: what is in it, where it goes, who can read it."""

from __future__ import annotations

import json
import logging

import msgspec
import pytest
from sites import FIREFOX, LONG, Site, add_me, make_app, open_endpoints, open_site

from flask_gosession import ConfigError, Device, events, signals
from flask_gosession.events import kinds
from flask_gosession.observe import AuditEntry, document_of
from flask_gosession.observe.ecs import LOGGER, line_of
from flask_gosession.observe.entries import LONGEST, UNAUDITED, entry_of
from flask_gosession.testing.clock import FakeClock
from flask_gosession.web.state import state_of

PHONE = Device("203.0.113.7", FIREFOX)


def audit_of(site: Site):
    audit = state_of("default", site.app).audit
    assert audit is not None
    return audit


@pytest.fixture
def entries() -> list[AuditEntry]:
    return []


@pytest.fixture
def site(clock: FakeClock, entries: list[AuditEntry]) -> Site:
    """Return a site whose audit trail is a list."""
    return open_endpoints(clock, AUDIT=entries.append)


def test_a_login_and_its_end_are_written_down(site: Site, entries: list[AuditEntry]):
    """Who, what, which session, client class, address and reason are there, and when."""
    pair = site.manager.login("ada", device=PHONE, client="ios")
    site.manager.login("ada", device=Device("198.51.100.2"), client="ios", limit=1)
    assert audit_of(site).queue.flush()
    now = site.clock()
    assert entries[0] == AuditEntry(
        at=now, action="logged_in", subject="ada", realm="default", sid=pair.sid, client="ios", ip="203.0.113.7"
    )
    assert [(each.action, each.sid == pair.sid, each.reason, each.ip) for each in entries[1:]] == [
        ("evicted", True, "evicted", "198.51.100.2"),
        ("logged_in", False, "", "198.51.100.2"),
    ]


def test_no_token_is_ever_written_down(site: Site, entries: list[AuditEntry]):
    """Neither tokens nor their ids are in any entry, whatever happens to a session."""
    pair = site.pair("ada", device=PHONE)
    body = {"refresh_token": pair.refresh_token, "access_token": pair.access_token}
    site.refresh(body)
    site.clock.advance(300)
    site.refresh(body)
    site.clock.advance(300)
    site.refresh(body)
    site.manager.ban("ada", until=site.clock() + 60, reason="noise")
    audit_of(site).queue.flush()
    text = "".join(line_of(each) for each in entries)
    claims = [site.codec.decode(each, kind, 0, allow_expired=True, allow_early=True) for each, kind in _both(pair)]
    secrets = [pair.access_token, pair.refresh_token, *(one.jti_text for one in claims), LONG]
    assert len(entries) > 3
    assert [secret for secret in secrets if secret and secret in text] == []


def _both(pair):
    from flask_gosession.tokens.types import TokenType

    return (pair.access_token, TokenType.ACCESS), (pair.refresh_token, TokenType.REFRESH)


def test_every_kind_of_event_is_audited_or_left_out_on_purpose():
    """Each event about a person's sessions has an entry; those about the system have none."""
    for kind in kinds():
        fields = dict.fromkeys(kind.__struct_fields__, "x") | {"at": 1.0, "gen": 1, "count": 1, "until": 2.0}
        fields |= {"parent_again": True, "adopted": False, "remember": False, "seconds": 1.0, "reason": "kicked"}
        event = kind(**{name: fields[name] for name in kind.__struct_fields__})
        entry = entry_of(event, "default")
        assert (entry is None) is issubclass(kind, UNAUDITED), kind
        if entry is not None:
            assert document_of(entry)["event.action"] == events.name_of(kind)


def test_a_routine_refresh_is_left_out(site: Site, entries: list[AuditEntry]):
    """A refresh with the current token is no entry, with a superseded one it is."""
    pair = site.pair("ada")
    body = {"refresh_token": pair.refresh_token, "access_token": pair.access_token}
    assert site.refresh(body).status_code == 200
    audit_of(site).queue.flush()
    assert [each.action for each in entries] == ["logged_in"]
    assert site.refresh(body).status_code == 200
    audit_of(site).queue.flush()
    assert [each.action for each in entries] == ["logged_in", "refreshed"]


def test_texts_are_bounded():
    """No text is longer than 255 characters, and so no line than some kilobytes."""
    event = events.RefreshForked(
        subject="s" * 999, at=1, ip="i" * 999, sid="d" * 999, client="c" * 999, agent="\x00" * 9999, gen=1
    )
    entry = entry_of(event, "default")
    assert entry is not None
    assert {len(value) for value in msgspec.to_builtins(entry).values() if isinstance(value, str)} <= {
        0,
        len("default"),
        len("refresh_forked"),
        LONGEST,
    }
    assert len(line_of(entry)) < 8000


def test_who_did_it_to_somebody_else_is_named(clock: FakeClock, entries: list[AuditEntry]):
    """When an administrator's request ends a session or bans, the entry and the event name them and their address."""
    site = open_site(clock, AUDIT=entries.append, views=_admin_views)
    victim, admin = site.pair("bob"), site.pair("root")
    told = []
    signals.revoked.connect(lambda _app, event: told.append(event), site.app, weak=False)
    answer = site.get(admin.access_token, f"/kick/bob/{victim.sid}", environ_overrides={"REMOTE_ADDR": "198.51.100.9"})
    assert answer.status_code == 200
    assert audit_of(site).queue.flush()
    found = {each.action: (each.subject, each.actor, each.ip) for each in entries[2:]}
    assert found == {
        "revoked": ("bob", "root", "198.51.100.9"),
        "not_before_set": ("bob", "root", "198.51.100.9"),
        "subject_banned": ("bob", "root", "198.51.100.9"),
        "ban_lifted": ("bob", "root", "198.51.100.9"),
    }
    assert [(each.actor, each.ip) for each in told] == [("root", "198.51.100.9")]


def _admin_views(app, gosession) -> None:
    @app.get("/kick/<subject>/<sid>")
    @gosession.login_required
    def kick(subject: str, sid: str):
        gosession.manager.revoke(subject, sid, "kicked")
        gosession.manager.ban(subject, until=gosession.manager.clock() + 60)
        gosession.manager.lift_ban(subject)
        return ""


def test_whoever_ends_their_own_session_is_no_actor(clock: FakeClock, entries: list[AuditEntry]):
    """A person who ends a session of theirs is not told of as somebody else."""
    site = open_endpoints(clock, AUDIT=entries.append)
    own, other = site.pair("ada"), site.pair("ada")
    assert site.send("DELETE", f"/auth/sessions/{other.sid}", own.access_token).status_code == 204
    audit_of(site).queue.flush()
    assert [(each.action, each.actor) for each in entries[2:]] == [("logged_out", "")]


def test_an_impersonation_names_both(site: Site, entries: list[AuditEntry]):
    """The login as somebody else, and that session's end, name who is behind it."""
    admin = site.manager.authenticate(site.pair("root").access_token)
    acting = site.manager.impersonate(admin, "bob")
    site.manager.logout(acting.access_token)
    audit_of(site).queue.flush()
    assert [(each.action, each.subject, each.actor) for each in entries[1:]] == [
        ("logged_in", "bob", "root"),
        ("logged_out", "bob", "root"),
    ]


def test_logging_writes_one_object_a_line_in_ecs_names(clock: FakeClock, caplog: pytest.LogCaptureFixture):
    """`logging` writes JSON to the logger of the trail, in names that the schema has."""
    site = open_endpoints(clock, AUDIT="logging")
    with caplog.at_level(logging.INFO, LOGGER):
        pair = site.manager.login("ada", device=PHONE)
        site.manager.revoke("ada", pair.sid, "kicked", ip="198.51.100.9")
        audit_of(site).queue.flush()
    lines = [each.getMessage() for each in caplog.records if each.name == LOGGER]
    assert [line for line in lines if "\n" in line] == []
    login, end = map(json.loads, lines)
    assert login["@timestamp"].startswith("20")
    assert login["event.category"] == ["authentication"]
    assert (login["event.action"], login["user.id"], login["source.ip"]) == ("logged_in", "ada", "203.0.113.7")
    assert (end["event.type"], end["event.reason"], end["gosession.session.id"]) == (["end"], "kicked", pair.sid)


def test_in_ecs_the_actor_is_the_user_and_the_subject_the_target():
    """What somebody does to another is found by either name."""
    entry = AuditEntry(at=1.5, action="revoked", subject="bob", realm="default", actor="root")
    document = document_of(entry)
    assert (document["user.id"], document["user.target.id"]) == ("root", "bob")
    assert document["related.user"] == ["root", "bob"]
    assert document["@timestamp"] == "1970-01-01T00:00:01.500+00:00"


def test_a_logger_that_nobody_has_set_up_writes_to_stderr():
    """Without any logging configuration the lines are on stderr, each the object and nothing else."""
    import subprocess
    import sys

    code = (
        "from flask import Flask; from flask_gosession import GoSession\n"
        f"app = Flask('shop'); app.testing = True; app.config.update(SECRET_KEY={LONG!r}, GOSESSION_AUDIT='logging')\n"
        "gosession = GoSession(app)\n"
        "with app.app_context(): gosession.manager.login('ada')\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    (line,) = result.stderr.splitlines()
    assert json.loads(line)["user.id"] == "ada"


def test_a_sink_that_raises_never_breaks_a_request(clock: FakeClock, caplog: pytest.LogCaptureFixture):
    """A function that raises costs its entry: the login goes through, and the loss is told as an event."""

    def broken(_entry: AuditEntry) -> None:
        raise RuntimeError("no disk")

    site = open_endpoints(clock, AUDIT=broken)
    site.manager.login("ada")
    audit_of(site).queue.flush()
    assert "no disk" in caplog.text
    assert site.told(events.AuditDropped) == []


def test_what_was_dropped_is_an_event(clock: FakeClock):
    """Once the sink takes entries again, `AuditDropped` says how many it has missed."""
    failing = [True, True]

    def shaky(_entry: AuditEntry) -> None:
        if failing and failing.pop():
            raise RuntimeError("no disk")

    site = open_endpoints(clock, AUDIT=shaky)
    for _ in range(3):
        site.manager.login("ada")
    audit_of(site).queue.flush()
    (dropped,) = site.told(events.AuditDropped)
    assert dropped.count == 2


@pytest.mark.parametrize(
    ("audit", "problem"),
    [
        ("syslog", "GOSESSION_AUDIT must be None"),
        (7, "GOSESSION_AUDIT must be None"),
        ("sql", "which is not an SQL database"),
        ("oracle://host/db", "GOSESSION_AUDIT: The SQL store knows"),
    ],
)
def test_a_wrong_sink_is_told_at_the_start(clock: FakeClock, audit: object, problem: str):
    """What no trail can be written to is a sentence at start-up."""
    with pytest.raises(ConfigError) as told:
        open_site(clock, app=make_app(), views=add_me, AUDIT=audit)
    assert problem in str(told.value)


def test_a_trail_that_is_no_table_cannot_be_read(site: Site, clock: FakeClock):
    """Asked for what it does not keep, the extension says what to set."""
    off = open_endpoints(clock)
    for one in (site, off):
        with one.app.app_context(), pytest.raises(ConfigError, match="There is no audit trail to read"):
            one.gosession.audit_trail("ada")
