"""Whether the flags of the cookies suit the environment."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from flask_gosession.config import PREFIX, Config
from flask_gosession.findings import Finding, ok
from flask_gosession.web.state import State

_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def check_cookies(state: State) -> Iterator[Finding]:
    """Check Secure, SameSite, CSRF, domain and names, if tokens travel in cookies at all."""
    config = state.config
    if "cookie" not in config.token_locations:
        return
    development = state.app.debug or state.app.testing
    secure = not development if config.cookie_secure is None else config.cookie_secure
    found = [*_secure(config, secure=secure, development=development), *_csrf(config), *_scope(config, secure=secure)]
    yield from found
    if all(finding.severity == "advice" for finding in found):
        yield ok("cookies", "The flags of the cookies suit the environment.")


def _secure(config: Config, *, secure: bool, development: bool) -> Iterator[Finding]:
    if not secure and not development:
        yield Finding(
            "cookies.secure",
            "error",
            f"Cookies go over plain HTTP, too ({PREFIX}COOKIE_SECURE = False), outside debug and testing.",
            "Anybody who listens on the way can take the session.",
            f"{PREFIX}COOKIE_SECURE = True",
        )
    if not secure and development and config.cookie_secure is None:
        yield Finding(
            "cookies.secure",
            "advice",
            "Debug or testing is on, and so cookies go over plain HTTP, too.",
            "That is right on your own machine, and wrong anywhere else.",
            "Run production without --debug and without TESTING.",
        )


def _csrf(config: Config) -> Iterator[Finding]:
    if not config.csrf:
        yield Finding(
            "cookies.csrf",
            "error",
            f"Cookies need no CSRF value ({PREFIX}CSRF = False).",
            f"With SameSite={config.cookie_samesite} another site can act in the name of its visitors.",
            f"{PREFIX}CSRF = True",
        )
    elif config.cookie_samesite == "None":
        yield Finding(
            "cookies.samesite",
            "advice",
            "Browsers send the cookies with requests from other sites (SameSite=None).",
            "Only the CSRF value stands between them and the session; an app in a frame needs that, others do not.",
            f'{PREFIX}COOKIE_SAMESITE = "Lax"',
        )
    for origin in config.csrf_trusted_origins:
        parts = urlsplit(origin)
        if parts.scheme == "http" and (parts.hostname or "") not in _LOCAL:
            yield Finding(
                "cookies.trusted_origins",
                "warning",
                f"The origin {origin} is trusted, and anybody on the way can speak for it.",
                "A page that was changed on the way acts in the name of anybody who sees it.",
                f"{PREFIX}CSRF_TRUSTED_ORIGINS = ({origin.replace('http:', 'https:', 1)!r},)",
            )


def _scope(config: Config, *, secure: bool) -> Iterator[Finding]:
    if config.cookie_domain is not None:
        yield Finding(
            "cookies.domain",
            "warning",
            f"Every host below {config.cookie_domain} gets the cookies, and can set them.",
            "The weakest of those hosts decides how safe the sessions are.",
            f"{PREFIX}COOKIE_DOMAIN = None",
        )
    elif secure and config.cookie_preset is None and config.cookie_path == "/":
        yield Finding(
            "cookies.host_prefix",
            "advice",
            "The cookies have no __Host- prefix.",
            "Without it a neighbouring host, or an attacker on the way over plain HTTP, can plant other cookies.",
            f'{PREFIX}COOKIE_PRESET = "host"  # signs everybody out once',
        )
