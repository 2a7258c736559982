"""What a client may guess is compared in constant time (TOK-19), as far as the source can show it."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType

import pytest

from flask_gosession.tokens import opaque
from flask_gosession.web import csrf

SECRET = {
    opaque: {"mac", "tag", "secret", "jti", "_mac", "_secret", "_id_of"},
    csrf: {"given", "_given", "_value", "_keys", "key", "value_for"},
}
"""The names of secrets, and of the functions that return one."""


def plainly_compared(source: str, secrets: set[str]) -> list[str]:
    """Return the comparisons that end at the first byte that differs, or look a value up, and have a secret in them."""
    slow = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn)
    return [
        ast.unparse(found)
        for found in ast.walk(ast.parse(source))
        if isinstance(found, ast.Compare) and any(isinstance(each, slow) for each in found.ops)
        if secrets & {getattr(part, "id", getattr(part, "attr", None)) for part in ast.walk(found)}
    ]


@pytest.mark.parametrize("module", SECRET, ids=lambda module: module.__name__)
def test_secrets_are_compared_by_digest_alone(module: ModuleType):
    """TOK-19: no secret stands beside an operator, and what compares them is hmac's own function."""
    source, names = inspect.getsource(module), SECRET[module]
    assert plainly_compared(source, names) == []
    calls = [found.func for found in ast.walk(ast.parse(source)) if isinstance(found, ast.Call)]
    compared = {ast.unparse(each) for each in calls if "compare_digest" in ast.unparse(each)}
    assert compared == {"hmac.compare_digest"}
    assert all(name in source for name in names)


def test_a_plain_comparison_would_be_found():
    """The look at the source sees what it is for, also within an expression."""
    source = "def f(self, tag, n):\n    return n == 1 and self._mac(n) == tag or tag in self.known or tag is None"
    assert sorted(plainly_compared(source, {"_mac", "tag"})) == ["self._mac(n) == tag", "tag in self.known"]
