"""Extensions that keep something in `flask.session`: forms, an administration, and a login at another site."""

from __future__ import annotations

import re
import secrets

import pytest
from flask import redirect, render_template_string, request, session
from flask_admin import Admin, BaseView, expose
from flask_wtf import CSRFProtect, FlaskForm
from sites import make_app
from wtforms import StringField

from .conftest import add_views

FORM = '<form method="post">{{ form.csrf_token }}{{ form.name }}</form>'


class NameForm(FlaskForm):
    """One field, and the CSRF value of Flask-WTF, whose secret is in `flask.session`."""

    name = StringField()


def add_forms(app, gosession):
    """Add a form behind CSRFProtect, and an administration that flashes."""
    protection = CSRFProtect(app)
    add_views(app, gosession)
    protection.exempt(app.view_functions["login"])

    @app.route("/name", methods=["GET", "POST"])
    def name():
        form = NameForm()
        if form.validate_on_submit():
            session["name"] = form.name.data
            return f"hello {form.name.data}"
        return render_template_string(FORM, form=form)

    class Desk(BaseView):
        """A page of the administration that says something at the next one."""

        @expose("/")
        def index(self):
            return render_template_string("{{ get_flashed_messages() | join }}")

        @expose("/tell")
        def tell(self):
            from flask import flash

            flash("stored")
            return redirect(self.get_url(".index"))

    Admin(app).add_view(Desk(endpoint="desk"))


@pytest.fixture
def site(make):
    return make(views=add_forms)


def value_in(page):
    return re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)[1]


def test_a_form_passes_and_a_forgery_does_not(site):
    """CSR-01: Flask-WTF finds its secret in the record, for a person as for a guest."""
    for browser in (site.browser(), site.browser()):
        value = value_in(browser.get("/name").text)
        sent = {"name": "ada", "csrf_token": value}
        assert browser.post("/name", csrf=False, data=sent).text == "hello ada"
        assert browser.post("/name", csrf=False, data={**sent, "csrf_token": "wrong"}).status_code == 400
        browser.login()
    assert browser.get("/native").json["data"].keys() >= {"csrf_token"}


def test_a_form_that_was_open_at_the_login_passes_after_it(site):
    """The page that a guest has loaded in another tab still works once they have signed in."""
    browser = site.browser()
    value = value_in(browser.get("/name").text)
    browser.login()
    assert browser.post("/name", csrf=False, data={"name": "ada", "csrf_token": value}).text == "hello ada"


def test_a_guarded_form_needs_no_value_of_ours(site):
    """What Flask-WTF has verified with a secret from the record is a proof for our guards, too."""
    browser = site.browser()
    browser.login()
    value = value_in(browser.get("/name").text)
    answer = browser.post("/set", csrf=False, headers={"X-CSRFToken": value}, json={"a": 1})
    assert answer.status_code == 200
    assert browser.post("/set", csrf=False, json={"a": 1}).status_code == 400


def test_an_administration_flashes(site):
    """Flask-Admin's pages say what they have done, to people and to guests."""
    for browser in (site.browser(), site.browser()):
        assert browser.get("/admin/desk/tell", follow_redirects=True).text == "stored"
        assert browser.get("/admin/desk/").text == ""
        browser.login()


@pytest.mark.parametrize("guests", ["cookie", "record"])
def test_a_login_at_another_site(make, guest_store, guests):
    """The state that an OAuth client notes is there when the browser comes back, and only once."""
    site = make(interface={"guests": guests, **({"guest_store": guest_store} if guests == "record" else {})})

    @site.app.get("/away")
    def away():
        session["_state_github"] = {"state": secrets.token_urlsafe(), "verifier": secrets.token_urlsafe()}
        return redirect(f"https://id.example/authorize?state={session['_state_github']['state']}")

    @site.app.get("/back")
    def back():
        noted = session.pop("_state_github", None)
        if noted is None or noted["state"] != request.args["state"]:
            return "mixed up", 400
        site.gosession.login_user("ada", cookies=True)
        return redirect("/keys")

    browser = site.browser()
    state = browser.get("/away").location.partition("state=")[2]
    assert site.browser().get(f"/back?state={state}").status_code == 400
    assert browser.get(f"/back?state={state}").location == "/keys"
    assert browser.get("/keys").json["keys"] == []
    assert browser.get(f"/back?state={state}").status_code == 400
    assert len(site.manager.sessions("ada")) == 1


def test_authlib_notes_its_state(make):
    """Authlib's client for Flask keeps state, nonce and verifier in `flask.session`, and finds them again."""
    client = pytest.importorskip("authlib.integrations.flask_client", reason="Authlib is not installed")
    app = make_app()
    oauth = client.OAuth(app)
    oauth.register(
        "hub",
        client_id="shop",
        client_secret="of-the-shop",
        authorize_url="https://id.example/authorize",
        access_token_url="https://id.example/token",
        client_kwargs={"scope": "profile", "code_challenge_method": "S256"},
    )
    site = make()

    @site.app.get("/away")
    def away():
        return oauth.hub.authorize_redirect("https://shop.example/back")

    site.app.extensions.update(app.extensions)
    browser = site.browser()
    browser.login()
    location = browser.get("/away").location
    assert "code_challenge=" in location
    noted = [key for key in browser.get("/keys").json["keys"] if key.startswith("_state_hub_")]
    assert noted == [f"_state_hub_{re.search('state=([^&]+)', location)[1]}"]
