"""Giving a parsed formula a meaning: on arrays in `measured`, on terms in `term_algebra`.

A formula is worked out in some `Algebra`: what its numbers, operators and functions are. Shapes are held to
what is written: ``*`` is entry by entry and takes equal shapes or a scalar, ``@`` is the matrix product, and
nothing is broadcast in silence.
"""

from collections.abc import Callable, MutableMapping
from fractions import Fraction
from typing import Any, Protocol

from ..errors import FormulaError
from .syntax import Binary, Call, Expression, Name, Negative, Number, Power, column_of

__all__ = ["Algebra", "MisfitError", "evaluate", "shape_in_words"]


class MisfitError(FormulaError):
    """A formula whose shapes do not fit together: it has no value."""


class Algebra(Protocol):
    """The parts of a formula."""

    def number(self, value: Fraction) -> Any:
        """A scalar constant."""

    def power(self, x: Any, n: int) -> Any:
        """``xⁿ`` entry by entry."""

    def binary(self, operator: str, a: Any, b: Any) -> Any:
        """``a + b``, ``a - b``, ``a * b``, ``a / b`` or ``a @ b``."""

    def call(self, function: str, *args: Any) -> Any:
        """A function of `minigrad.symbolic.parsing.syntax.FUNCTIONS` but for ``sum_t``, ``ones`` and ``eye``."""

    def filled(self, function: str, size: Any) -> Any:
        """``ones(size)`` or ``eye(size)``."""

    def unit(self, size: Any, number: int) -> Any:
        """The vector of 0s with a 1 in one place, counted from 1."""

    def entry(self, x: Any, number: int) -> Any:
        """An entry of a vector, counted from 1."""

    def part(self, x: Any, start: Any, stop: Any) -> Any:
        """Entries or rows `start` to `stop`, counted from 0."""


def evaluate(
    formula: Expression,
    algebra: Algebra,
    letter: Callable[[str], Any],
    size: Callable[[str], Any],
    sum_over_time: Callable[[Expression], Any],
    *,
    known: MutableMapping[int, Any] | None = None,
    noting: bool = False,
) -> Any:
    """Work out a formula.

    Parameters
    ----------
    formula : Expression
    algebra : Algebra
    letter : callable
        The value of a name; raises `FormulaError` if there is none.
    size : callable
        What a name means as a length in ``ones(H)`` or ``eye(H)``.
    sum_over_time : callable
        What ``sum_t`` of a formula is.
    known : mapping, optional
        Values of parts by their `id`, which are not worked out again.
    noting : bool
        Enter the value of every part in `known`.

    Raises
    ------
    FormulaError
        With the position, if shapes do not fit or a name is not known.
    """

    def length(what: str, given: Expression, column: int) -> Any:
        if isinstance(given, Number) and given.value.denominator == 1:
            return int(given.value)
        if not isinstance(given, Name):
            raise FormulaError(f"{what} takes a length such as H, or a vector of that length; got a formula", column)
        return _at(column, size, given.name)

    values = {} if known is None else known

    def work(part: Expression) -> Any:
        found = values.get(id(part))
        if found is None:
            found = worked_out(part)
            if noting:
                values[id(part)] = found
        return found

    def worked_out(part: Expression) -> Any:
        match part:
            case Number(value):
                return algebra.number(value)
            case Name(name, column):
                return _at(column, letter, name)
            case Negative(x):
                return algebra.binary("*", algebra.number(Fraction(-1)), work(x))
            case Power(x, exponent):
                base = work(x)
                return _at(column_of(x), lambda n: algebra.power(base, n), exponent)
            case Binary(operator, left, right, column):
                a, b = work(left), work(right)
                _check_shapes(operator, a, b, column)
                return _at(column, lambda sign: algebra.binary(sign, a, b), operator)
            case Call("sum_t", args, column):
                return _at(column, sum_over_time, args[0])
            case Call("ones" | "eye" as function, args, column):
                return algebra.filled(function, length(function, args[0], column))
            case Call("unit", (which, *sizes), column):
                count = length("unit", sizes[0] if sizes else which, column)
                return _at(column, lambda n: _unit(algebra, count, n), which)
            case Call("entry", (x, which), column):
                return _at(column, lambda n: _entry(algebra, work(x), n), which)
            case Call("slice", (x, start, stop), column):
                ends = length("a slice", start, column), length("a slice", stop, column)
                return _at(column, lambda body: algebra.part(work(body), *ends), x)
            case Call(function, args, column):
                values = [work(arg) for arg in args]
                _check_ranks(function, values, column)
                return _at(column, lambda name: algebra.call(name, *values), function)

    return work(formula)


def _at(column: int, f: Callable[[Any], Any], argument: Any) -> Any:
    """Add the position to what goes wrong."""
    try:
        return f(argument)
    except FormulaError as error:
        error.at(column=column)
        raise


def _unit(algebra: Algebra, count: Any, which: Expression) -> Any:
    """The unit vector of a given length with its 1 in a given place."""
    return algebra.unit(count, _place(which, count))


def _entry(algebra: Algebra, x: Any, which: Expression) -> Any:
    if len(x.shape) != 1:
        raise MisfitError(f"only a vector has numbered entries; this has the shape {shape_in_words(x)}")
    return algebra.entry(x, _place(which, x.shape[0]))


def _place(which: Expression, count: Any) -> int:
    """The number of an entry, counted from 1, if there are so many."""
    if not isinstance(count, int):
        raise FormulaError(f"entries have numbers in vectors of a known length only, not in one of {count}")
    number = int(which.value) if isinstance(which, Number) and which.value.denominator == 1 else 0
    if not 1 <= number <= count:
        raise MisfitError(f"there is no entry {number} in a vector of {count}; entries are counted from 1")
    return number


def _check_shapes(operator: str, a: Any, b: Any, column: int) -> None:
    """Refuse operands that NumPy would broadcast or that do not multiply."""
    if operator == "@":
        if not a.shape or not b.shape or a.shape[-1] != b.shape[0] or len(a.shape) == 1 < len(b.shape):
            raise MisfitError(
                f"@ cannot multiply shapes {shape_in_words(a)} and {shape_in_words(b)}; "
                "vectors are columns, so write matrix @ vector, or outer(u, v) for u vᵀ",
                column,
            )
    elif a.shape and b.shape and a.shape != b.shape:
        raise MisfitError(
            f"{operator} needs equal shapes or a number, got {shape_in_words(a)} and {shape_in_words(b)}; "
            "use diag(v) @ A to scale rows, or @ for a matrix product",
            column,
        )


def shape_in_words(x: Any) -> str:
    """A shape as messages write it: ``(H,)``."""
    sizes = ", ".join(map(str, x.shape))
    return f"({sizes},)" if len(x.shape) == 1 else f"({sizes})"


#: How many axes the arguments of a function must have; functions not listed take any.
_RANKS = {
    "beside": (2,),
    "columns": (1,),
    "concat": (1,),
    "diag": (1,),
    "outer": (1,),
    "softmax": (1,),
    "transpose": (2,),
}


def _check_ranks(function: str, values: list[Any], column: int) -> None:
    allowed = _RANKS.get(function)
    for value in values:
        if allowed and len(value.shape) not in allowed:
            kind = "matrices" if allowed == (2,) else "vectors"
            single = {"matrices": "a matrix", "vectors": "a vector"}[kind] if len(values) == 1 else kind
            raise MisfitError(f"{function} takes {single}, got the shape {shape_in_words(value)}", column)
    lengths = {value.shape[0] for value in values} if function in ("columns", "beside") else set()
    if len(lengths) > 1:
        raise MisfitError(
            f"{function} takes parts of one height, got {' and '.join(map(str, lengths))}; write [u; v] for one "
            "below the other",
            column,
        )
