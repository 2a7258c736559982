"""Where the peers' suites see a difference through the adapters, by test, each with its reason; any other one fails."""

from __future__ import annotations

NEEDED: dict[str, str] = {"flask-login": "semantic-version", "flask-jwt-extended": "python-dateutil"}
"""What each suite imports that nothing here does."""

EXPECTED: dict[str, dict[str, str]] = {
    "flask-login": {
        "LoginTestCase::test_session_protection_strong_deletes_session": "what a session held ends with it, so that "
        "whoever uses it from elsewhere cannot read that, either",
    },
    "flask-jwt-extended": {
        "test_additional_claims_loader::test_non_serializable_claims": "claims that are no dict, which JSON cannot "
        "hold either, are another error: the sid is put beside them first",
        "test_config::test_symmetric_secret_key": "GoSession needs a SECRET_KEY, which then serves here, too",
    },
}
