"""The options of a login: the keyword arguments as given, and their checked values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, TypeVar

import msgspec

from flask_gosession.durations import Duration, Instant
from flask_gosession.session import arguments
from flask_gosession.session.claims import is_json
from flask_gosession.session.data import exact_form, stored_form
from flask_gosession.session.names import valid_client
from flask_gosession.session.policy import OnLimit, Policy
from flask_gosession.session.record import Session
from flask_gosession.tokens.types import refuse_reserved

F = TypeVar("F", bound=Callable[..., Any])


class LoginKeywords(TypedDict, total=False):
    """The keyword arguments of `login_user`, `impersonate` and the manager's methods; the policy has the defaults."""

    client: str
    """The client class, such as ``"ios"``; ``"web"`` by default, and the actor's own for an impersonation."""
    remember: bool | int | str | None
    """Whether the session outlives the browser; may be what a form sends, see `read_remember`."""
    lifetime: Duration | None
    """The session's absolute life: seconds, a timedelta, or text such as ``"1h"``.

    By default that of the settings, which is an hour for an impersonation.
    """
    idle: Duration | None
    """The session's idle timeout."""
    access_lifetime: Duration | None
    """The life of each access token."""
    claims: Mapping[str, Any] | None
    """Added to the access tokens, readable by their holder, and preferred to those of the claims loader."""
    data: Mapping[str, Any] | None
    """The session's first data, which stays on the server."""
    limit: int | None
    """How many live sessions the subject may have, including this one."""
    on_limit: OnLimit | None
    """What happens at that limit."""
    authenticated: Instant | None
    """When the credentials were seen, a Unix time or a datetime: by default when the request began, or else now.

    The session is no fresher, and a login from before the subject's mark (see `SubjectManager.revoke_all`) is refused.
    """
    continues: str | None
    """The id of a live session of the same subject that this login continues: its credentials may predate the mark."""


DEFAULT_CLIENT = "web"
DEFAULTS: LoginKeywords = {"client": DEFAULT_CLIENT, "remember": False}
"""Options whose default is not None."""


def shows_login_keywords(method: F) -> F:
    """Let `help` and `inspect.signature` show the keyword arguments of a login, as type checkers do."""
    signature = inspect.signature(method)
    *own, _options = signature.parameters.values()
    names = LoginKeywords.__annotations__
    keywords = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=DEFAULTS.get(name)) for name in names]
    vars(method)["__signature__"] = signature.replace(parameters=[*own, *keywords])
    return method


class LoginOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The keyword arguments of a login, checked, with the policy's lifetimes as defaults; in seconds."""

    client: str
    remember: bool
    lifetime: float
    idle: float
    access_lifetime: float
    claims: dict[str, Any] | None
    data: dict[str, Any] | None
    limit: int | None
    on_limit: OnLimit | None
    authenticated: float | None
    continues: bytes | None

    @classmethod
    def read(cls, given: LoginKeywords, policy: Policy) -> LoginOptions:
        """Return the checked options. Raises TypeError and ValueError for wrong ones, with a sentence about it."""
        _refuse_unknown(given)
        remember = arguments.read_remember(given.get("remember", False))
        idle, absolute = _usual_lifetimes(policy, remember=remember)
        claims = arguments.valid_mapping("claims", given.get("claims"))
        refuse_reserved(claims)
        authenticated, continues = given.get("authenticated"), given.get("continues")
        return cls(
            client=valid_client(given.get("client", DEFAULT_CLIENT)),
            remember=remember,
            lifetime=_seconds("lifetime", given.get("lifetime"), absolute, policy),
            idle=_seconds("idle", given.get("idle"), idle, policy),
            access_lifetime=_seconds("access_lifetime", given.get("access_lifetime"), policy.access_lifetime, policy),
            claims=_fitting(claims),
            data=_fitting_data(arguments.valid_mapping("data", given.get("data")), policy.data_cap),
            limit=arguments.valid_limit(given.get("limit")),
            on_limit=arguments.valid_on_limit(given.get("on_limit")),
            authenticated=None if authenticated is None else arguments.valid_instant("authenticated", authenticated),
            continues=None if continues is None else arguments.valid_sid("continues", continues),
        )


def impersonation_options(given: LoginKeywords, actor: Session, policy: Policy) -> LoginKeywords:
    """Return the checked options of an impersonation: by default the actor's client class, and a short lifetime."""
    lifetime = given.get("lifetime")
    usual = min(policy.impersonation_lifetime, policy.absolute_timeout)
    options: LoginKeywords = {"client": actor.client, **given, "lifetime": usual if lifetime is None else lifetime}
    return options


def _refuse_unknown(given: LoginKeywords) -> None:
    known = LoginKeywords.__annotations__
    if not given.keys() <= known.keys():
        unknown = [name for name in given if name not in known]
        raise TypeError(f"A login has no option {', '.join(unknown)}; its options are {', '.join(known)}.")


def _usual_lifetimes(policy: Policy, *, remember: bool) -> tuple[float, float]:
    """Return the policy's idle and absolute timeout."""
    if remember:
        return policy.remember_idle_timeout, policy.remember_absolute_timeout
    return policy.idle_timeout, policy.absolute_timeout


def _seconds(name: str, value: Duration | None, default: float, policy: Policy) -> float:
    return default if value is None else arguments.valid_lifetime(name, value, policy.longest_lifetime)


def _fitting(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return claims as a session keeps them. Raises TypeError and ValueError for what a record or JSON cannot hold."""
    if not values:
        return None
    kept = stored_form(values).data
    if not is_json(kept):
        raise ValueError("claims are plain JSON: text, numbers, True, False, None, lists and dicts")
    return kept or None


def _fitting_data(values: Mapping[str, Any], cap: int) -> dict[str, Any] | None:
    """Return *values* as the data of a session of at most *cap* bytes."""
    if not values:
        return None
    value, kept = exact_form(values)
    if len(value) > cap:
        raise ValueError(
            f"session data would have {len(value)} bytes, and at most {cap} fit; keep large values elsewhere"
        )
    return kept or None
