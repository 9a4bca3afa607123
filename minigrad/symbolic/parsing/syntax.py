"""The syntax tree of a line of a derivation: a few kinds of nodes, and nothing that runs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

__all__ = [
    "FUNCTIONS",
    "TYPOGRAPHY",
    "Binary",
    "Call",
    "Expression",
    "Line",
    "Name",
    "Negative",
    "Number",
    "Power",
    "as_text",
    "column_of",
    "for_each_place",
    "outside_sums",
    "parts",
    "speaks_of_places",
    "subexpressions",
    "with_parts",
]


#: The functions that a formula may call, and how many arguments each takes, 0 for any number; `positive` is 1
#: above 0, else 0; `columns` is the matrix of these columns, `concat` vectors one below the other, `entry(v, s)` the
#: entry in place s, counted from 1, `unit(s)` the vector with a 1 there.
FUNCTIONS: dict[str, int] = {
    "columns": 0,
    "concat": 0,
    "diag": 1,
    "exp": 1,
    "entry": 2,
    "eye": 1,
    "log": 1,
    "ones": 1,
    "outer": 2,
    "positive": 1,
    "relu": 1,
    "sigmoid": 1,
    "softmax": 1,
    "sqrt": 1,
    "sum": 1,
    "sum_t": 1,
    "tanh": 1,
    "transpose": 1,
    "unit": 1,
}

#: Signs that stand for an operator. What · and × stand for depends on the shapes: they stay as they are.
TYPOGRAPHY = {"−": "-", "–": "-", "⊙": "*", "∘": "*"}


@dataclass(frozen=True)
class Number:
    """An exact number."""

    value: Fraction


@dataclass(frozen=True)
class Name:
    """A letter of the cell, or one defined by an earlier line."""

    name: str
    column: int


@dataclass(frozen=True)
class Negative:
    """``-x``."""

    x: "Expression"


@dataclass(frozen=True)
class Binary:
    """``left + right`` and so on; `operator` is one of ``+ - * / @``, or as printed ``·``, ``×``, or a space."""

    operator: str
    left: "Expression"
    right: "Expression"
    column: int


@dataclass(frozen=True)
class Power:
    """``x**n`` entry by entry, with a small whole number n."""

    x: "Expression"
    exponent: int


@dataclass(frozen=True)
class Call:
    """A function from `FUNCTIONS`; ``x.T`` is read as ``transpose(x)``.

    Printed formulas have more: ``turned`` (ᵀ, of a vector as well), ``slice`` and ``beside``.
    """

    function: str
    args: tuple["Expression", ...]
    column: int


Expression = Number | Name | Negative | Binary | Power | Call


@dataclass(frozen=True)
class Line:
    """One line of a derivation.

    Attributes
    ----------
    text : str
        As it was written, without its comment.
    of, by : str or None
        ``dh/dh_prev = …`` is the Jacobian *of* h *by* h_prev. ``d_a = …`` is an adjoint: of ``"E"`` by a.
        A definition, ``delta = …``, has `of` None and `by` the name.
    formula : Expression
    moved : int
        By how many steps it was moved to be about step t: 1 for a line about ``h_prev``.
    """

    text: str
    of: str | None
    by: str
    formula: Expression
    moved: int = 0

    @property
    def letter(self) -> str | None:
        """The name of the left side in a formula; None for a Jacobian, which has no letter."""
        return {None: self.by, "E": f"d_{self.by}"}.get(self.of)


def subexpressions(formula: Expression) -> Iterator[Expression]:
    """A formula and all of its parts, from left to right."""
    yield formula
    for part in parts(formula):
        yield from subexpressions(part)


def column_of(formula: Expression) -> int:
    """Where a formula begins, counted from 1; 1 if nothing in it has a place."""
    return next((part.column for part in subexpressions(formula) if isinstance(part, Name | Binary | Call)), 1)


def outside_sums(formula: Expression) -> Iterator[str]:
    """The letters of a formula that do not stand under a sum over time."""
    if isinstance(formula, Name):
        yield formula.name
    if not (isinstance(formula, Call) and formula.function == "sum_t"):
        for part in parts(formula):
            yield from outside_sums(part)


def parts(formula: Expression) -> tuple[Expression, ...]:
    """The direct parts of a formula."""
    match formula:
        case Negative(x) | Power(x, _):
            return (x,)
        case Binary(_, left, right):
            return left, right
        case Call(_, args):
            return args
        case _:
            return ()


def with_parts(formula: Expression, new: tuple[Expression, ...]) -> Expression:
    """The same kind of formula made of other parts."""
    match formula:
        case Negative():
            return Negative(new[0])
        case Power(_, exponent):
            return Power(new[0], exponent)
        case Binary(operator, _, _, column):
            return Binary(operator, new[0], new[1], column)
        case Call(function, _, column):
            return Call(function, new, column)
        case _:
            return formula


def as_text(formula: Expression) -> str:
    """A formula in Python's notation, with every product and size that was found out for it."""

    def bracketed(part: Expression) -> str:
        simple = isinstance(part, Name | Call | Power) or (isinstance(part, Number) and part.value.denominator == 1)
        return as_text(part) if simple else f"({as_text(part)})"

    match formula:
        case Number(value):
            return str(value)
        case Name(name):
            return name
        case Negative(x):
            return f"-{bracketed(x)}"
        case Power(x, exponent):
            return f"{bracketed(x)}**{exponent}"
        case Binary("+" | "-" as operator, left, right):
            return f"{as_text(left)} {operator} {bracketed(right) if operator == '-' else as_text(right)}"
        case Binary(operator, left, right):
            return f"{bracketed(left)} {operator} {bracketed(right)}"
        case Call("transpose", (x,)):
            return f"{bracketed(x)}.T"
        case Call(function, args):
            return f"{function}({', '.join(map(as_text, args))})"


def speaks_of_places(line: Line) -> bool:
    """True if a line has letters with the index s."""
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
