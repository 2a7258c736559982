"""``flask gosession …``: what the Python functions return, printed for a person or as JSON.

Private: the reference lists what apps may import.
"""

# Each of these modules puts its commands into the group.
from flask_gosession.cli import audit, keys, people, setup, tokens, upkeep  # noqa: F401
from flask_gosession.cli.group import gosession

__all__ = ["gosession"]
