"""GET /openapi.json: valid, complete, and true whatever is sent."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from sites import open_endpoints

from .test_registration import rules

WITHOUT = "{} is not installed; it is in the extra test"
schemathesis = pytest.importorskip("schemathesis", reason=WITHOUT.format("schemathesis"))
checks = pytest.importorskip("schemathesis.specs.openapi.checks")
validator = pytest.importorskip("openapi_spec_validator", reason=WITHOUT.format("openapi-spec-validator"))

CONFIGS = {
    "header": {},
    "cookie": {"TOKEN_LOCATIONS": ("cookie",)},
    "opaque": {"TOKEN_MODE": "opaque", "TOKEN_LOCATIONS": ("cookie", "header")},
    "everywhere": {"TOKEN_LOCATIONS": ("header", "cookie", "query", "json"), "ERROR_FORMAT": "problem"},
    "no-csrf": {"TOKEN_LOCATIONS": ("cookie",), "CSRF": False, "COOKIE_NAME": "shop"},
}
EXAMPLES = 2
LENIENT = [checks.negative_data_rejection]
"""A logout and a revocation take what is wrong for what is signed out already; the tests of each endpoint say more."""
NOT_OURS = [*LENIENT, checks.ignored_auth]
"""Where a right token goes with what is sent, it is no wonder that wrong ones are not refused."""


@pytest.fixture(params=CONFIGS)
def shop(request, clock):
    """Return a shop with all endpoints, for each way that tokens travel."""
    return open_endpoints(clock, blueprint={"introspection_auth": lambda: True}, **CONFIGS[request.param])


def document(shop):
    return shop.send("GET", "/auth/openapi.json").get_json()


def test_valid(shop):
    """The document is valid OpenAPI 3.1, and each security requirement has its scheme."""
    told = document(shop)
    validator.validate(told)
    schemes = told["components"]["securitySchemes"]
    operations = [one for path in told["paths"].values() for one in path.values()]
    used = {name for one in operations for way in one.get("security", ()) for name in way}
    assert used == schemes.keys()


def test_complete(shop):
    """Every endpoint is described with its method and path, and nothing else is."""
    told = document(shop)
    described = {
        one["operationId"]: (method.upper(), "/auth" + path.replace("{sid}", "<sid>"))
        for path, methods in told["paths"].items()
        for method, one in methods.items()
    }
    assert described == rules(shop.app)


def ways(shop, name):
    paths = document(shop)["paths"].values()
    return next(one for path in paths for one in path.values() if one["operationId"] == name).get("security")


def test_ways_by_cookie(clock):
    """A cookie needs its CSRF value where something is changed, and a refresh has a cookie of its own."""
    shop = open_endpoints(clock, **CONFIGS["cookie"])
    assert ways(shop, "session") == [{"cookie": []}]
    assert ways(shop, "logout_all") == [{"cookie": [], "csrf": []}]
    assert ways(shop, "refresh") == [{"refresh_cookie": [], "csrf": []}]
    assert ways(shop, "logout") == [{}, {"cookie": [], "csrf": []}, {"refresh_cookie": [], "csrf": []}]
    assert ways(shop, "jwks") is None
    schemes = document(shop)["components"]["securitySchemes"]
    assert schemes["refresh_cookie"] == {"type": "apiKey", "in": "cookie", "name": "gosession_refresh"}
    assert schemes["csrf"] == {"type": "apiKey", "in": "header", "name": "X-GoSession-CSRF"}


def test_ways_of_a_realm(clock):
    """The schemes of a named realm have names of their own, so that two documents can be joined."""
    shop = open_endpoints(clock, TOKEN_MODE="opaque")
    assert document(shop)["components"]["securitySchemes"] == {"header": {"type": "http", "scheme": "bearer"}}
    assert ways(shop, "refresh") == [{"header": []}]


def prepared(shop, operation, case, *, signed_in):
    """Return what goes with a call of somebody who is signed in: a token, and for a cookie its CSRF value."""
    if not signed_in:
        return {}
    pair = shop.pair()
    is_refresh = operation.path.endswith("/refresh")
    token = (is_refresh and pair.refresh_token) or pair.access_token
    locations = shop.app.config.get("GOSESSION_TOKEN_LOCATIONS", ("header",))
    if "header" in locations:
        return {"headers": {"Authorization": f"Bearer {token}"}}
    state = shop.app.extensions["gosession"]["default"]
    jar = state.transport.jar
    cookie = jar.refresh if token == pair.refresh_token else jar.access
    claims = shop.manager.claims(pair.access_token)
    return {"cookies": {cookie.name: token}, "headers": {"X-GoSession-CSRF": state.csrf.value_for(claims.sid)}}


def statuses_of(shop, operation, mode, *, signed_in):
    """Call an operation with a few generated cases, check each answer, and return the statuses."""
    statuses = set()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    def obeys(case):
        answer = case.call(**prepared(shop, operation, case, signed_in=signed_in))
        statuses.add(answer.status_code)
        case.validate_response(answer, excluded_checks=NOT_OURS if signed_in else LENIENT)

    try:
        obeys()
    except Unsatisfiable:
        assert mode == "negative"  # nothing can be wrong about a request without parameters
    return statuses


@pytest.mark.parametrize(
    ("mode", "signed_in"),
    [
        pytest.param("positive", True, id="positive-signed-in"),
        pytest.param("positive", False, id="positive-guest", marks=pytest.mark.long),
        pytest.param("negative", True, id="negative-signed-in", marks=pytest.mark.long),
        pytest.param("negative", False, id="negative-guest", marks=pytest.mark.long),
    ],
)
def test_true(shop, mode, signed_in):
    """Whatever is sent, by whomever: no 5xx, and no status code, media type or body that is not in the document."""
    schema = schemathesis.openapi.from_wsgi("/auth/openapi.json", shop.app)
    operations = [result.ok() for result in schema.get_all_operations()]
    found = {one.label: statuses_of(shop, one, mode, signed_in=signed_in) for one in operations}
    assert len(operations) >= 12
    if mode == "positive":
        done = {"POST /logout-all": 200, "GET /sessions": 200, "DELETE /sessions/{sid}": 204, "POST /refresh": 200}
        assert {label: found[label] for label in done} == {
            label: {status if signed_in else 401} for label, status in done.items()
        }
