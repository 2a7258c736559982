"""Beside Flask-WTF, with its CSRFProtect on: its forms and ours both pass, and forgeries of both are refused."""

from __future__ import annotations

import re

import pytest
from flask import render_template_string
from flask_wtf import CSRFProtect, FlaskForm
from wtforms import StringField

FORM = '<form method="post">{{ form.csrf_token }}{{ form.name }}</form>'


class NameForm(FlaskForm):
    """One field, and the CSRF value of Flask-WTF."""

    name = StringField()


def with_forms(site, protection=None):
    """Let *site* have a form for those who are signed in, behind CSRFProtect."""
    protection = protection or CSRFProtect(site.app)

    @site.app.route("/name", methods=["GET", "POST"])
    @site.gosession.login_required
    def name():
        form = NameForm()
        if form.validate_on_submit():
            return f"hello {form.name.data}"
        return render_template_string(FORM, form=form)

    protection.exempt(site.app.view_functions["login"])
    return site


def wtf_value(browser):
    return re.search(r'name="csrf_token"[^>]* value="([^"]+)"', browser.get("/name").text)[1]


@pytest.fixture
def browser(make_site):
    site = with_forms(make_site(TOKEN_LOCATIONS=("cookie",)))
    browser = site.browser()
    assert browser.login().status_code == 200
    return browser


def test_a_form_of_theirs_passes(browser):
    """A WTForms form that Flask-WTF accepts needs no second value of ours."""
    answer = browser.post("/name", csrf=False, data={"name": "ada", "csrf_token": wtf_value(browser)})
    assert (answer.status_code, answer.text) == (200, "hello ada")


def test_a_form_of_theirs_passes_where_we_are_asked_first(make_site):
    """The order of the two checks does not matter."""
    site = make_site(TOKEN_LOCATIONS=("cookie",))
    site.gosession.protect(site.app)
    site.app.extensions["gosession"]["default"].public.add("login")
    browser = with_forms(site).browser()
    browser.login()
    answer = browser.post("/name", csrf=False, data={"name": "ada", "csrf_token": wtf_value(browser)})
    assert (answer.status_code, answer.text) == (200, "hello ada")


@pytest.mark.parametrize("value", ["", "planted", None])
def test_a_forged_form_is_refused(browser, value):
    """Neither value, or a wrong one: refused, whoever looks first."""
    browser.get("/name")
    data = {"name": "ada"} if value is None else {"name": "ada", "csrf_token": value}
    assert browser.post("/name", csrf=False, data=data).status_code in (400, 403)


def test_their_value_is_of_no_use_to_another_site(browser):
    """A form with a right value that another site sends all the same is refused by where it comes from."""
    data = {"name": "ada", "csrf_token": wtf_value(browser)}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert browser.post("/name", csrf=False, data=data, headers=headers).status_code == 403


def test_our_value_does_not_stand_for_theirs(browser):
    """CSRFProtect goes on asking for its own value at the app's own views."""
    assert browser.post("/name", data={"name": "ada"}).status_code == 400


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_our_endpoints_are_exempt(make_site, late):
    """Refresh and logout have a check of their own, whichever extension is set up first."""
    site = make_site(TOKEN_LOCATIONS=("cookie",))
    protection = CSRFProtect()
    if not late:
        protection.init_app(site.app)
    with_forms(site, protection)
    if late:
        protection.init_app(site.app)
    browser = site.browser()
    assert browser.login().status_code == 200
    assert browser.post("/auth/refresh", csrf=False).status_code == 403
    assert browser.post("/auth/refresh").status_code == 200
    assert browser.post("/auth/logout").status_code == 204


def test_with_flask_wtf_switched_off_our_own_check_stays(make_site):
    """WTF_CSRF_ENABLED = False, as in many test suites, opens nothing of ours."""
    site = make_site(TOKEN_LOCATIONS=("cookie",))
    site.app.config["WTF_CSRF_ENABLED"] = False
    browser = with_forms(site).browser()
    browser.login()
    assert browser.post("/name", csrf=False, data={"name": "ada"}).status_code == 403
    assert browser.post("/name", data={"name": "ada"}).text == "hello ada"


def test_a_form_with_the_browser_s_word_alone(make_site):
    """CSRF = "origin" leaves WTForms forms as they are, with and without Flask-WTF's protection of the whole app."""
    site = make_site(TOKEN_LOCATIONS=("cookie",), CSRF="origin")
    browser = with_forms(site).browser()
    browser.login()
    data = {"name": "ada", "csrf_token": wtf_value(browser)}
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
    assert browser.post("/name", csrf=False, data=data, headers=own).text == "hello ada"
    assert browser.post("/name", csrf=False, data=data, headers={"Sec-Fetch-Site": "same-site"}).status_code == 403
