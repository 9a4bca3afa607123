"""Formulas as they are written, made into formulas in which every operator and every size is said.

Mathematicians leave sizes and products to the reader: in ``α_1 I + M (α_1 I[:,1] − α_1 α) qᵀ`` the sizes of I are
those of what stands beside it, and of the factors side by side one is a scalar, one a matrix, one a column, one
a row. Here shapes are followed from the letters up, and what they settle is written out: ``*``, ``@``,
``outer``, ``eye(n)``. Nothing is worked out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..errors import FormulaError
from .expressions import Binary, Call, Expression, Name, Negative, Number, Power, column_of
from .interpret import MisfitError
from .typed import (
    Shape,
    Typed,
    called,
    check_reach,
    dotted,
    entrywise,
    filled,
    joined,
    length,
    multiplied,
    side_by_side,
    sliced,
)

__all__ = ["Reading", "elaborate"]

_ONE = Number(Fraction(1))


@dataclass(frozen=True)
class Reading:
    """What the letters of a formula are.

    Attributes
    ----------
    letter : callable
        The key and the shape of a written letter, and which entry of it is meant, if one is; None if unknown.
    size : callable
        The length that a name in ``ones(H)`` stands for.
    sizes : frozenset of int
        The lengths that are numbers, for ``ones(3)``.
    short : mapping
        Letters that stand for a formula of others, such as ``m`` for ``columns(m_1, m_2, m_3).T``.
    """

    letter: Callable[[str], tuple[str, Shape, int | None] | None]
    size: Callable[[str], Any]
    sizes: frozenset[int]
    short: Mapping[str, Expression]
    unknown: Callable[[str], FormulaError]


def elaborate(formula: Expression, reading: Reading, target: Shape | None) -> Expression:
    """Write out what shapes tell.

    Parameters
    ----------
    formula : Expression
    reading : Reading
    target : tuple or None
        The shape of what the formula is to be equal to, if that is known.

    Raises
    ------
    FormulaError
        If a letter is not known, or a size is told by nothing.
    MisfitError
        If factors that stand side by side do not multiply.
    """
    found = _Elaboration(reading).work(formula)
    if found.row:
        raise MisfitError("the formula is a row; vectors are columns", column_of(formula))
    if target is None:
        return found.own()
    if found.shape == () and target and isinstance(formula, Number) and formula.value in (0, 1):
        return _constant(formula, target)
    return found.build(joined(found.shape, target) or found.shape)


def _constant(number: Number, shape: Shape) -> Expression:
    """0 or 1 in every entry."""
    sides = [Call("ones", (length(size, 1),), 1) for size in shape]
    whole = sides[0] if len(sides) == 1 else Call("outer", (sides[0], sides[1]), 1)
    return whole if number.value else Binary("*", number, whole, 1)


class _Elaboration:
    """One walk over a formula."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    def work(self, part: Expression) -> Typed:
        match part:
            case Number(value):
                return Typed((), lambda shape: part, number=value == 1)
            case Name(name, column):
                return self._name(name, column)
            case Negative(x):
                inner = self.work(x)
                return Typed(inner.shape, lambda shape: Negative(inner.build(shape)), inner.row)
            case Power(x, exponent):
                inner = self.work(x)
                return Typed(inner.shape, lambda shape: Power(inner.build(shape), exponent), inner.row)
            case Binary(" ", left, right, column):
                return side_by_side(self.work(left), self.work(right), column)
            case Binary("@", left, right, column):
                a, b = self.work(left), self.work(right)
                return side_by_side(a, b, column) if a.row or b.row else multiplied(a, b, column)
            case Binary("·" | "×" as sign, left, right, column):
                return dotted(sign, self.work(left), self.work(right), column)
            case Binary(operator, left, right, column):
                a, b = self.work(left), self.work(right)
                check_reach(operator, part, a, b)
                return entrywise(operator, a, b, column)
            case Call():
                return self._call(part)

    def _name(self, name: str, column: int) -> Typed:
        found = self.reading.letter(name)
        if found is None and name in self.reading.short:
            return self.work(self.reading.short[name])
        if found is None and name == "I":
            return Typed((None, None), filled("eye", column))
        if found is None:
            raise self.reading.unknown(name).at(column=column)
        key, shape, entry = found
        letter = Name(key, column)
        if entry is None:
            return Typed(shape, lambda shape: letter)
        if len(shape) != 1 or not isinstance(shape[0], int):
            raise FormulaError(
                f"{name!r} would be entry {entry} of {key}; entries have numbers in vectors of a known length only",
                column,
            )
        return Typed((), lambda shape: Call("entry", (letter, Number(Fraction(entry))), column))

    def _call(self, call: Call) -> Typed:
        name, args, column = call.function, call.args, call.column
        if name in ("ones", "eye"):
            size = self._given_length(name, args[0], column)
            return Typed((size,) * (1 if name == "ones" else 2), lambda shape: call)
        if name == "unit":
            return Typed((None,), filled("unit", column, *self._whole(name, args[0], column)))
        if name == "slice":
            return sliced(self.work(args[0]), args[1], args[2], self._slice_length(args), column)
        if name == "entry":
            owner, place = self.work(args[0]), self._whole(name, args[1], column)
            return Typed((), lambda shape: Call("entry", (owner.own(), *place), column))
        parts = [self.work(arg) for arg in args]
        if any(part.row for part in parts) and name not in ("turned", "transpose"):
            raise MisfitError(f"{name} takes no row; vectors are columns", column)
        return called(name, parts, column)

    def _given_length(self, function: str, given: Expression, column: int) -> Any:
        if isinstance(given, Name):
            try:
                return self.reading.size(given.name)
            except FormulaError as error:
                raise error.at(column=given.column) from None
        if isinstance(given, Number) and given.value in self.reading.sizes:
            return int(given.value)
        raise FormulaError(f"{function} takes a length such as H, or a vector of that length; got a formula", column)

    def _slice_length(self, args: tuple[Expression, ...]) -> Any:
        start, stop = (int(end.value) if isinstance(end, Number) else self.reading.size(end.name) for end in args[1:])  # type: ignore[union-attr]
        return stop - start

    def _whole(self, function: str, given: Expression, column: int) -> tuple[Expression]:
        if isinstance(given, Number) and given.value.denominator == 1:
            return (given,)
        raise FormulaError(f"{function} takes the number of a place, counted from 1; got a formula", column)
