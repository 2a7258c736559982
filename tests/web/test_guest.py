"""Who is asking where nobody is signed in, in views and in templates, also beside Flask-Login."""

from __future__ import annotations

import pytest
from flask import render_template_string
from flask_login import LoginManager
from sites import make_app

from flask_gosession import GoSession, current_user

SHOWN = "{{ current_user.is_authenticated }} {{ current_user.is_anonymous }} {{ current_user.name }}"


@pytest.fixture
def site(make_site):
    site = make_site(loader=lambda subject: {"name": subject.title()})
    site.app.add_url_rule("/shown", "shown", lambda: render_template_string(SHOWN))
    return site


def test_a_guest_answers_what_templates_ask(site):
    """A guest is falsy, not authenticated, anonymous, and has nothing of a user."""
    assert site.get(None, "/shown").text == "False True "
    with site.app.test_request_context():
        for guest in (current_user, site.gosession.current_user):
            assert not guest
            assert (guest.is_authenticated, guest.is_anonymous) == (False, True)
            assert guest == None  # noqa: E711 - what older code compares it with
            for name in ("id", "name", "roles", "get_id"):
                with pytest.raises(AttributeError):
                    getattr(guest, name)


def test_a_user_answers_too(site):
    """A signed-in user is authenticated, also one that is a dict and says nothing about it."""
    assert site.get(site.login()["access_token"], "/shown").text == "True False Ada"


def test_a_user_may_say_for_itself(make_site):
    """A user that has its own answer is asked."""

    class Suspended:
        is_authenticated = False

    site = make_site(loader=lambda subject: Suspended())
    site.app.add_url_rule("/shown", "shown", lambda: str(current_user.is_authenticated))
    assert site.get(site.login()["access_token"], "/shown").text == "False"


def test_templates_can_be_left_alone():
    """context_processor=False puts no names into templates."""
    app = make_app(STORE="memory://")
    GoSession(app, context_processor=False)
    with app.test_request_context():
        assert render_template_string("{{ current_user is defined }}") == "False"


@pytest.mark.parametrize("first", ["theirs", "ours"])
def test_the_user_of_flask_login_stays_in_templates(first):
    """Whichever extension comes first, templates written for Flask-Login go on showing its user."""
    app = make_app(STORE="memory://")
    manager = LoginManager()
    manager.user_loader(lambda user_id: None)
    if first == "theirs":
        manager.init_app(app)
    GoSession(app)
    if first == "ours":
        manager.init_app(app)
    with app.test_request_context():
        assert "AnonymousUserMixin" in render_template_string("{{ current_user }}")
        assert render_template_string("{{ current_session is defined }}") == "True"


def test_a_login_manager_without_names_leaves_them_to_us():
    """LoginManager(add_context_processor=False) gives the name to us."""
    app = make_app(STORE="memory://")
    LoginManager(app, add_context_processor=False)
    GoSession(app)
    with app.test_request_context():
        assert render_template_string("{{ current_user }}") == "Guest()"
