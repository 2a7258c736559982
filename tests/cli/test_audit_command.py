"""``flask gosession audit``: a person's trail in the shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.shop import LONDON, Shop, make_shop
from flask_gosession.testing.clock import FakeClock


@pytest.fixture
def audited(tmp_path: Path, clock: FakeClock) -> Shop:
    return make_shop("memory://", clock, AUDIT=f"sqlite:///{tmp_path}/audit.db")


def test_the_trail_of_a_person_is_printed(audited: Shop):
    """The newest entry comes first, with what a person needs to know."""
    pair = audited.manager.login("ada", device=LONDON)
    audited.manager.revoke("ada", pair.sid, "kicked")
    audited.manager.login("bob")
    lines = audited.run("audit", "ada").stdout.splitlines()
    assert lines[0].split() == ["AT", "ACTION", "SUBJECT", "SID", "CLIENT", "IP", "REASON", "BY"]
    assert [line.split()[2] for line in lines[1:]] == ["revoked", "logged_in"]
    assert "kicked" in lines[1]
    assert pair.sid in lines[2]
    assert "203.0.113.7" in lines[2]
    assert len(audited.run("audit").stdout.splitlines()) == 4


@pytest.mark.parametrize("command", ["revoke-all ada", "ban ada --for 7d", "revoke ada --client web"])
def test_what_a_command_has_done_names_the_user_of_the_shell(audited: Shop, monkeypatch, command: str):
    """Who ended a session from the shell is in the trail; what people do themselves names nobody else."""
    monkeypatch.setenv("LOGNAME", "grace")
    audited.manager.login("ada")
    assert audited.run(*command.split()).exit_code == 0
    audited.manager.login("bob")
    audited.manager.revoke_all("bob")
    trail = audited.json("audit")
    assert {one["actor"] for one in trail if one["subject"] == "ada" and one["action"] != "logged_in"} == {"cli:grace"}
    assert {one["actor"] for one in trail if one["subject"] == "bob"} <= {None, ""}


def test_a_trail_is_cut_by_time_and_number(audited: Shop):
    """--since, --until and --limit choose; what is no moment is a sentence."""
    audited.manager.login("ada")
    assert audited.json("audit", "--since", "2999-01-31") == []
    assert audited.json("audit", "--until", "1999-01-31T08:00") == []
    assert len(audited.json("audit", "--limit", "1")) == 1
    assert audited.run("audit", "--since", "yesterday").exit_code == 2


@pytest.mark.parametrize("sink", [None, "logging"])
def test_without_a_table_it_says_what_to_set(clock: FakeClock, sink: str | None):
    """Where the trail is no table, the answer is no, and how to have one."""
    result = make_shop("memory://", clock, AUDIT=sink).run("audit", "ada")
    assert result.exit_code == 1
    assert "GOSESSION_AUDIT" in result.stderr


def test_a_purge_holds_the_trail_to_its_age(audited: Shop, clock: FakeClock):
    """`purge` deletes entries that are too old, too; a dry run does not."""
    audited.manager.login("ada")
    assert len(audited.json("audit")) == 1
    clock.advance(91 * 86_400)
    audited.run("purge", "--dry-run")
    assert len(audited.json("audit")) == 1
    audited.run("purge")
    assert audited.json("audit") == []


def test_a_database_that_is_away_is_a_sentence(clock: FakeClock):
    """A trail whose server does not answer is exit code 3."""
    shop = make_shop("memory://", clock, AUDIT="postgresql+psycopg://nobody@127.0.0.1:1/none")
    result = shop.run("audit", "ada")
    assert result.exit_code == 3
    assert "does not answer" in result.stderr


def test_settings_hide_the_password_of_the_trail(clock: FakeClock):
    """`config` masks the URL of the audit trail."""
    shop = make_shop("memory://", clock, AUDIT="postgresql+psycopg://me:hush-hush@127.0.0.1:1/none")
    assert "hush-hush" not in json.dumps(shop.json("config"))
