"""Lines about every place s of a memory: ``dcontext/dm_s = alpha_s * I + …`` is one line for each s."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from .expressions import Expression, Line, Name, Number, parts, subexpressions, with_parts

__all__ = ["for_each_place", "speaks_of_places"]


def speaks_of_places(line: Line) -> bool:
    """Whether a line has letters with the index s."""
    names = [part.name for part in subexpressions(line.formula) if isinstance(part, Name)]
    return any(name == "s" or name.endswith("_s") for name in (*names, line.by, line.of or ""))


def for_each_place(line: Line, count: int) -> Iterator[Line]:
    """The line with s = 1, 2, …, `count`."""
    for number in range(1, count + 1):
        of = None if line.of is None else _numbered(line.of, number)
        yield replace(line, of=of, by=_numbered(line.by, number), formula=_at_place(line.formula, number))


def _numbered(name: str, number: int) -> str:
    return f"{name[:-1]}{number}" if name.endswith("_s") else name


def _at_place(formula: Expression, number: int) -> Expression:
    if isinstance(formula, Name):
        return (
            Number(Fraction(number)) if formula.name == "s" else Name(_numbered(formula.name, number), formula.column)
        )
    return with_parts(formula, tuple(_at_place(part, number) for part in parts(formula)))
