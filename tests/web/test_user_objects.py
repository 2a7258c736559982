"""Users as apps have them: rows of Flask-SQLAlchemy, pydantic models, what marshmallow loads."""

from __future__ import annotations

from uuid import UUID

import pytest
from flask import jsonify, request
from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from marshmallow import Schema, fields
from pydantic import BaseModel
from sqlalchemy import inspect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_gosession import current_user


class Person(BaseModel):
    """A user by pydantic."""

    id: int
    name: str


class PersonSchema(Schema):
    """A user by marshmallow."""

    id = fields.Integer()
    name = fields.String()


class Member(UserMixin):
    """A user as Flask-Login has it."""

    id = 7
    name = "Ada"


class Plain:
    """An object with an id."""

    def __init__(self, id):  # noqa: A002 - that is the name
        self.id = id
        self.name = "Ada"


def ada():
    return Person(id=7, name="Ada")


USERS = {
    "pydantic": ada,
    "marshmallow, dumped": lambda: PersonSchema().dump(ada()),
    "marshmallow, loaded": lambda: PersonSchema().load({"id": 7, "name": "Ada"}),
    "flask-login": Member,
    "an object": lambda: Plain(7),
}


def name_of(user):
    return user["name"] if isinstance(user, dict) else user.name


@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
def test_a_user_object_signs_in_and_comes_back(make_site, user):
    """login_user takes it as it is, and the loader may return it: no getter, no setting, no error."""
    site = make_site(loader=lambda subject: user())
    site.app.add_url_rule("/in", "in", lambda: jsonify(site.gosession.login_user(user()).to_dict()), methods=["POST"])
    view = site.gosession.login_required(lambda: name_of(site.gosession.current_user))
    site.app.add_url_rule("/name", "name", view)
    token = site.send("POST", "/in", None).json["access_token"]
    assert [site.get(token, "/name").text for _ in range(2)] == ["Ada", "Ada"]
    assert site.manager.check(token)
    assert site.manager.sessions("7")


NOBODY = [None, True, object(), Plain(None), Plain(1.5), {}, {"name": "Ada"}, b"ada"]


@pytest.mark.parametrize("wrong", NOBODY, ids=range(len(NOBODY)))
def test_an_object_without_an_id(make_site, wrong):
    """What has no id, or none yet, is a TypeError with a sentence, and nothing is written."""
    site = make_site()
    with site.app.test_request_context(), pytest.raises(TypeError, match=r"a subject|subject_getter"):
        site.gosession.login_user(wrong)
    assert site.store.count("swap") == 0


def test_the_getter_comes_first(make_site):
    """What the app says itself counts more than an id that happens to be there."""
    site = make_site()
    site.gosession.subject_getter(lambda user: f"person:{user.id}")
    with site.app.test_request_context():
        assert site.gosession.login_user(Plain(7)).sid
        assert site.manager.sessions("person:7")


def test_a_uuid_is_its_text(make_site):
    """An id of type UUID signs in by its usual text."""
    site = make_site()
    with site.app.test_request_context():
        site.gosession.login_user(Plain(UUID(int=7)))
    assert site.manager.sessions("00000000-0000-0000-0000-000000000007")


def test_rows_of_flask_sqlalchemy(make_site, caplog):
    """A loader that returns a model works at once: loaded once for each request, never kept, one line of advice."""

    class Base(DeclarativeBase):
        """The tables of this app."""

    site = make_site(loader=lambda subject: asked.append(subject) or db.session.get(User, int(subject)))
    site.app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    db, asked, seen = SQLAlchemy(model_class=Base), [], []

    class User(db.Model):
        """The users."""

        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    db.init_app(site.app)
    with site.app.app_context():
        db.create_all()
        db.session.add(User(name="Ada"))
        db.session.commit()

    @site.app.post("/in")
    def sign_in():
        user = db.session.execute(db.select(User).filter_by(name=request.form["name"])).scalar_one()
        return jsonify(site.gosession.login_user(user).to_dict())

    @site.app.get("/name")
    @site.gosession.login_required
    def name():
        seen.append(inspect(current_user._get_current_object()))
        return current_user.name + current_user.name

    caplog.set_level("INFO", "flask_gosession")
    token = site.send("POST", "/in", None, data={"name": "Ada"}).json["access_token"]
    asked.clear()
    assert [site.get(token, "/name").text for _ in range(3)] == ["AdaAda"] * 3
    assert asked == ["1"] * 3
    assert len({id(one) for one in seen}) == 3
    assert caplog.text.count("the user loader returned User") == 1
    with site.app.app_context():
        db.session.get(User, 1).name = "Eve"
        db.session.commit()
    assert site.get(token, "/name").text == "EveEve"
    with site.app.app_context():
        db.session.delete(db.session.get(User, 1))
        db.session.commit()
    assert site.get(token, "/name").json["error"] == "user_not_found"
    with site.app.app_context():
        db.engine.dispose()
