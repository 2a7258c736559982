"""Beside Flask-Admin: its pages are for whoever has the role, and its forms work with the app's other protection."""

from __future__ import annotations

import re

import pytest
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_gosession import current_user

PAGE = {"Accept": "text/html"}


def with_admin(site, **options):
    """Let *site* have the administration of a table."""
    site.app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    site.app.add_url_rule("/sign-in", "sign_in", lambda: "please sign in")

    class Base(DeclarativeBase):
        """The tables of this app."""

    db = SQLAlchemy(model_class=Base)

    class Book(db.Model):
        """One table."""

        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]

    class Desk(ModelView):
        """Its pages, for administrators."""

        def is_accessible(self):
            return bool(current_user) and "admin" in current_user["roles"]

        def inaccessible_callback(self, name, **kwargs):
            site.gosession.roles_required("admin")(lambda: None)()

    db.init_app(site.app)
    admin = Admin(site.app)
    admin.add_view(Desk(Book, db, **options))
    with site.app.app_context():
        db.create_all()
        site.engine = db.engine
    return site


USERS = {"ada": {"roles": ["admin"]}, "bob": {"roles": []}}


def signed_in(site, subject="ada"):
    browser = site.browser()
    browser.login(subject)
    return browser


def site_for(make_site, **config):
    return with_admin(make_site(loader=USERS.get, TOKEN_LOCATIONS=("cookie",), LOGIN_VIEW="sign_in", **config))


@pytest.fixture
def site(make_site):
    site = site_for(make_site, CSRF="origin")
    yield site
    site.engine.dispose()


def test_its_pages_are_for_administrators(site):
    """A guest is sent to sign in, a user gets a page that says no, an administrator the table."""
    assert site.browser().get("/admin/book/", headers=PAGE).location == "/sign-in?next=%2Fadmin%2Fbook%2F"
    refused = signed_in(site, "bob").get("/admin/book/", headers=PAGE)
    assert (refused.status_code, refused.mimetype) == (403, "text/html")
    assert signed_in(site).get("/admin/book/", headers=PAGE).status_code == 200


def test_its_forms_work_with_the_browser_s_word(site):
    """With CSRF = "origin" its forms are sent as they are; another site's are refused."""
    browser = signed_in(site)
    assert browser.post("/admin/book/new/", data={"title": "Emma"}, csrf=False).status_code == 302
    assert "Emma" in browser.get("/admin/book/").text
    forged = browser.post("/admin/book/new/", data={"title": "Emma"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert forged.status_code != 302


def test_its_forms_work_with_flask_wtf(make_site):
    """With CSRFProtect on, the value that Flask-Admin's pages get from it is enough."""
    site = make_site(loader=USERS.get, TOKEN_LOCATIONS=("cookie",), LOGIN_VIEW="sign_in")
    protection = CSRFProtect(site.app)
    with_admin(site)
    protection.exempt(site.app.view_functions["login"])
    site.app.add_url_rule("/value", "value", site.app.jinja_env.globals["csrf_token"])
    browser = signed_in(site)
    data = {"title": "Emma", "csrf_token": browser.get("/value").text}
    assert browser.post("/admin/book/new/", data=data, csrf=False).status_code == 302
    page = browser.get("/admin/book/").text
    assert "Emma" in page
    value = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert value, "the delete button of the list has the value"
    done = browser.post("/admin/book/delete/", data={"id": "1", "csrf_token": value[1]}, csrf=False)
    assert done.status_code == 302
    assert "Emma" not in browser.get("/admin/book/").text.split("</table>")[0]
    site.engine.dispose()
