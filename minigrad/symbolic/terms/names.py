"""Labels of values in formulas: name, time step, and place in a deep net.

The time comes from the scope ``t=3`` in which the value was named; it may be symbolic, as in ``t=t``.
"""

import re
from typing import NamedTuple

from ...context import current_scope
from ..errors import FormulaError

__all__ = ["NEXT", "NOW", "PREVIOUS", "Index", "Label", "check_name", "label_here"]


class Index(NamedTuple):
    """A time step ``symbol + offset``; a plain number has the symbol ``""``.

    Examples
    --------
    >>> print(Index("t", -1), Index("", 3), Index("T"))
    t-1 3 T
    """

    symbol: str
    offset: int = 0

    @classmethod
    def parse(cls, text: str) -> "Index":
        """Read ``"t"``, ``"k+1"``, ``"t-1"`` or ``"3"``.

        Raises
        ------
        FormulaError
            If the text is none of these.
        """
        match = re.fullmatch(r"([A-Za-z]?)([+-]?\d+)?", text)
        if not match or not text:
            raise FormulaError(f"a time index is a letter, a number, or a letter plus a number; got {text!r}")
        return cls(match[1], int(match[2] or 0))

    def __str__(self) -> str:
        if not self.symbol:
            return str(self.offset)
        return f"{self.symbol}{self.offset:+d}" if self.offset else self.symbol

    def shifted(self, steps: int) -> "Index":
        """The index that many steps later."""
        return Index(self.symbol, self.offset + steps)


NOW, PREVIOUS, NEXT = Index("t"), Index("t", -1), Index("t", 1)


class Label(NamedTuple):
    """A name, the time step (None for parameters), and the place: scopes other than time, such as ``layer 2``."""

    name: str
    time: Index | None = None
    place: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The name in a program: ``h``, ``h_prev``, ``h_next`` around step t, else ``h_3`` or ``h_T``."""
        stem = ".".join((*(part.replace(" ", "") for part in self.place), self.name))
        if self.time is None or self.time == NOW:
            return stem
        suffix = {PREVIOUS: "prev", NEXT: "next"}.get(self.time, str(self.time))
        return f"{stem}_{suffix}"

    def at(self, time: Index | None) -> "Label":
        """The same name at another time."""
        return Label(self.name, time, self.place)


def check_name(name: str) -> str:
    """A name that is safe to print and to hand to other programs: letters, digits and underscores.

    Raises
    ------
    FormulaError
        If it is not.
    """
    if not isinstance(name, str) or not name.isidentifier() or len(name) > 64:
        raise FormulaError(f"a name in a formula is a word of letters, digits and _, at most 64; got {name!r}")
    return name


def label_here(name: str) -> Label:
    """The label of a value that gets its name in the scopes now open."""
    time, place = None, []
    for part in current_scope():
        if part.startswith("t="):
            time = Index.parse(part[2:])
        else:
            place.append(part)
    return Label(check_name(name), time, tuple(place))
