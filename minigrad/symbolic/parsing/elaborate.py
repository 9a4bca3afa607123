"""Formulas as they are written, made into formulas in which every operator and every size is said.

Mathematicians leave sizes and products to the reader: in ``α_1 I + M (α_1 I[:,1] − α_1 α) qᵀ`` the sizes of I are
those of what stands beside it, and of the factors side by side one is a scalar, one a matrix, one a column, one
a row. Here shapes are followed from the letters up, and what they settle is written out: ``*``, ``@``,
``outer``, ``eye(n)``. Nothing is worked out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ..errors import FormulaError
from ..terms.dims import Dim
from .evaluate import MisfitError
from .syntax import Binary, Call, Expression, Name, Negative, Number, Power, column_of

__all__ = [
    "Reading",
    "Shape",
    "Typed",
    "called",
    "check_reach",
    "dotted",
    "elaborate",
    "entrywise",
    "filled",
    "joined",
    "length",
    "multiplied",
    "side_by_side",
    "sliced",
]


Shape = tuple[Any, ...]


@dataclass(frozen=True)
class Typed:
    """A part with its shape, in which None is a size that its surroundings tell, and how to write it out."""

    shape: Shape
    build: Callable[[Shape], Expression]
    row: bool = False
    number: bool = False

    def own(self) -> Expression:
        """Written out at its own shape."""
        return self.build(self.shape)


def joined(a: Shape, b: Shape) -> Shape | None:
    """One shape for two things of equal shape; None if they cannot be."""
    if len(a) != len(b) or any(None not in (m, n) and m != n for m, n in zip(a, b, strict=True)):
        return None
    return tuple(n if m is None else m for m, n in zip(a, b, strict=True))


def length(size: Any, column: int) -> Expression:
    """A size as an argument of ``eye``."""
    if isinstance(size, int):
        return Number(Fraction(size))
    if isinstance(size, Dim) and len(size.counts) == 1 and size.isidentifier():
        return Name(str(size), column)
    raise _untold(column)


def _untold(column: int) -> FormulaError:
    return FormulaError("the size of I, or of a 1 that stands for a vector, cannot be told here; write eye(H)", column)


def filled(function: str, column: int, *before: Expression) -> Callable[[Shape], Expression]:
    """``eye(n)`` and its like, for the n that its surroundings tell."""

    def build(shape: Shape) -> Expression:
        known = [size for size in shape if size is not None]
        if not known:
            raise _untold(column)
        return Call(function, (*before, length(known[0], column)), column)

    return build


def side_by_side(a: Typed, b: Typed, column: int) -> Typed:
    """``a b``: a multiple, a product of matrices, u vᵀ or uᵀ v, as the shapes have it."""
    if b.row and a.number:
        a = Typed((None,), filled("ones", column))
    if a.number and a.shape == () and b.shape == ():
        return entrywise("*", a, b, column)
    if b.number and len(a.shape) == 2:
        b = Typed((None,), filled("ones", column))
    if a.shape == () or b.shape == ():
        return entrywise("*", a, b, column)
    if b.row:
        if a.row or len(a.shape) != 1:
            raise MisfitError("before a row there stands a column or a number; write u vᵀ", column)
        whole = (*a.shape, *b.shape)
        return Typed(whole, lambda s: Call("outer", (a.build(s[:1]), b.build(s[1:])), column))
    if a.row:
        return _of_row(a, b, column)
    if len(a.shape) == len(b.shape) == 1:
        raise MisfitError(
            "two vectors stand side by side; write u ⊙ v for entry by entry, uᵀ v or u vᵀ for a product", column
        )
    return multiplied(a, b, column)


def dotted(sign: str, a: Typed, b: Typed, column: int) -> Typed:
    """``a · b`` and ``a × b``: a multiple or a product of matrices; what could be two things is not guessed."""
    ranks = [0 if part.number else len(part.shape) for part in (a, b)]
    if sign == "×" and ranks == [1, 1] and a.row == b.row:
        return entrywise("*", a, b, column)
    if ranks == [1, 1] and not a.row and not b.row:
        raise MisfitError("a dot between two vectors could be ⊙ or uᵀ v; write what is meant", column)
    if sign == "×" and ranks == [2, 2]:
        raise MisfitError("× between two matrices could be ⊙ or @; write what is meant", column)
    return side_by_side(a, b, column)


def check_reach(operator: str, whole: Binary, a: Typed, b: Typed) -> None:
    """Refuse ``u ⊙ v wᵀ``, in which ⊙ could be meant for u and v alone."""
    beside = any(isinstance(part, Binary) and part.operator == " " for part in (whole.left, whole.right))
    if operator == "*" and beside and sorted((len(a.shape), len(b.shape))) == [1, 2]:
        raise MisfitError(
            "⊙ takes in the product that stands beside it; write brackets, as in (u ⊙ v) wᵀ", whole.column
        )


def _of_row(a: Typed, b: Typed, column: int) -> Typed:
    """uᵀ v, a number, or uᵀ A, a row."""
    inner = joined(a.shape, b.shape[:1])
    if inner is None:
        raise MisfitError(f"a row of {a.shape[0]} cannot multiply a column of {b.shape[0]}", column)
    if len(b.shape) == 1:
        return Typed((), lambda s: Binary("@", a.build(inner), b.build(inner), column))
    turned = Typed(b.shape[::-1], lambda s: Call("transpose", (b.build(s[::-1]),), column))
    found = multiplied(turned, Typed(inner, a.build), column)
    return Typed(found.shape, found.build, row=True)


def multiplied(a: Typed, b: Typed, column: int) -> Typed:
    """``a @ b``; shapes that do not fit are left for the evaluation to refuse."""
    if not a.shape or not b.shape:
        return Typed((), lambda s: Binary("@", a.own(), b.own(), column))
    inner = joined(a.shape[-1:], b.shape[:1])
    if inner is None or len(a.shape) == 1 < len(b.shape):
        return Typed((*a.shape[:-1], *b.shape[1:]), lambda s: Binary("@", a.own(), b.own(), column))
    outer_sizes = (*a.shape[:-1], *b.shape[1:])

    def build(shape: Shape) -> Expression:
        rows = shape[: len(a.shape) - 1]
        return Binary("@", a.build((*rows, *inner)), b.build((*inner, *shape[len(rows) :])), column)

    if a.shape == (None, None):
        outer_sizes = (*inner, *b.shape[1:])
    return Typed(outer_sizes, build)


def entrywise(operator: str, a: Typed, b: Typed, column: int) -> Typed:
    """``a + b``, ``a ⊙ b`` and their like; shapes that do not fit are left for the evaluation to refuse."""
    if a.shape == () or b.shape == ():
        whole = a.shape or b.shape
        row = a.row or b.row
    else:
        shared = joined(a.shape, b.shape)
        if a.row != b.row:
            raise MisfitError(f"a row and a column stand on the two sides of {operator}", column)
        if shared is None:
            return Typed(a.shape, lambda s: Binary(operator, a.own(), b.own(), column))
        whole, row = shared, a.row

    def build(shape: Shape) -> Expression:
        left, right = (part.build(shape if part.shape else ()) for part in (a, b))
        return Binary(operator, left, right, column)

    return Typed(whole, build, row)


def sliced(x: Typed, start: Expression, stop: Expression, size: Any, column: int) -> Typed:
    """Some entries, or rows, of a part."""

    def build(shape: Shape) -> Expression:
        whole = (x.shape[0] if x.shape[0] is not None else shape[1], *shape[1:]) if len(shape) == 2 else x.shape
        return Call("slice", (x.build(whole), start, stop), column)

    return Typed((size, *x.shape[1:]), build)


def called(name: str, parts: list[Typed], column: int) -> Typed:
    """A function of parts whose shape follows from theirs."""
    x = parts[0]

    def all_own(shape: Shape) -> Expression:
        return Call(name, tuple(part.own() for part in parts), column)

    if name == "turned" or (name == "transpose" and len(x.shape) < 2):
        return _turned(x, column)
    if name == "transpose":
        return Typed(x.shape[::-1], lambda s: Call(name, (x.build(s[::-1]),), column))
    if name == "diag":
        sizes = x.shape * 2 if len(x.shape) == 1 else x.shape
        return Typed(sizes, lambda s: Call(name, (x.build(s[: len(x.shape)]),), column))
    if name == "outer":
        sizes = (*x.shape[:1], *parts[1].shape[:1])
        return Typed(sizes, lambda s: Call(name, (x.build(s[:1]), parts[1].build(s[1:])), column))
    if name == "sum":
        return Typed((), all_own)
    if name == "concat":
        return Typed((_total(part.shape[0] for part in parts if part.shape),), all_own)
    if name in ("columns", "beside"):
        return _columns(parts, column)
    return Typed(x.shape, lambda s: Call(name, (x.build(s),), column))


def _total(sizes: Any) -> Any:
    found: Any = 0
    for size in sizes:
        found = None if size is None or found is None else found + size
    return found


def _turned(x: Typed, column: int) -> Typed:
    """ᵀ: a column becomes a row and the reverse."""
    if x.number:
        return Typed((None,), filled("ones", column), row=True)
    if len(x.shape) < 2:
        return Typed(x.shape, x.build, row=bool(x.shape) and not x.row)
    return Typed(x.shape[::-1], lambda s: Call("transpose", (x.build(s[::-1]),), column))


def _columns(parts: list[Typed], column: int) -> Typed:
    """``[u, v]``, the matrix of these columns, or ``[A, B]``, matrices side by side."""
    height: Shape = (None,)
    for part in parts:
        height = joined(height, part.shape[:1]) or height
    if all(len(part.shape) == 1 for part in parts):
        built = [part.build(height if joined(part.shape, height) else part.shape) for part in parts]
        return Typed((*height, len(parts)), lambda s: Call("columns", tuple(built), column))
    if not all(len(part.shape) == 2 for part in parts):
        raise MisfitError("in [ , ] there stand vectors, the columns of a matrix, or matrices side by side", column)
    width = _total(part.shape[1] for part in parts)
    sides = [part.build((*height, part.shape[1]) if part.shape[0] is None else part.shape) for part in parts]
    return Typed((*height, width), lambda s: Call("beside", tuple(sides), column))


_ONE = Number(Fraction(1))


@dataclass(frozen=True)
class Reading:
    """The meanings of the letters of a formula.

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
    unknown : callable
        The error for a letter that is not known.
    numbers : mapping
        Named lengths by the number that they have in the cell at hand, for ``ones(3)`` in place of ``ones(H)``.
    """

    letter: Callable[[str], tuple[str, Shape, int | None] | None]
    size: Callable[[str], Any]
    sizes: frozenset[int]
    short: Mapping[str, Expression]
    unknown: Callable[[str], FormulaError]
    numbers: Mapping[int, tuple[Any, ...]] = field(default_factory=dict)


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
            lengths = self._named_lengths(args[0])
            if lengths:
                size = lengths[0] if len(lengths) == 1 else None
                return Typed((size,) * (1 if name == "ones" else 2), filled(name, column))
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

    def _named_lengths(self, given: Expression) -> tuple[Any, ...]:
        """The lengths with names that a number could be; none for one that is a length itself."""
        if not isinstance(given, Number) or given.value in self.reading.sizes or given.value.denominator != 1:
            return ()
        return self.reading.numbers.get(int(given.value), ())

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
