"""Structs that keep a secret: what shows them, shows no more than they say.

Private: the reference lists what apps may import.
"""

from __future__ import annotations

from typing import Any, ClassVar


class Discreet:
    """The parent of a Struct that shows the attributes in ``_shown`` alone, in a log and in a debugger.

    By itself, a Struct tells all of its fields to those that ask for ``__rich_repr__``.
    """

    __slots__ = ()
    _shown: ClassVar[tuple[str, ...]] = ()

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Return what may be shown."""
        return [(name, getattr(self, name)) for name in self._shown]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"
