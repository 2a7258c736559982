"""The ready-made endpoints, their OpenAPI document and the browser module.

Private: the reference lists what apps may import.
"""

from typing import TYPE_CHECKING

from flask_gosession.lazy_imports import names_from

if TYPE_CHECKING:
    from flask_gosession.endpoints.blueprint import make_blueprint
    from flask_gosession.endpoints.security import security_of, security_schemes
else:
    __getattr__ = names_from(  # only apps that ask for the blueprint, or describe themselves, need them
        __name__, {"make_blueprint": "blueprint", "security_of": "security", "security_schemes": "security"}
    )

__all__ = ["make_blueprint", "security_of", "security_schemes"]
