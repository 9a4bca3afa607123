"""Reading a line of a derivation: a whitelist over Python's own grammar, and nothing is ever executed.

A line is ``target = formula``. The text goes through `ast.parse`, which builds a tree and runs nothing; the
tree is then copied, node by node, into the few kinds below. Whatever is not one of them is refused with
its position. Lengths, depths and numbers are limited before and after, so that no line can hang the reader.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from .errors import FormulaError

__all__ = [
    "FUNCTIONS",
    "Binary",
    "Call",
    "Expression",
    "Line",
    "Name",
    "Negative",
    "Number",
    "Power",
    "parse_line",
    "parts",
    "subexpressions",
    "with_parts",
]

#: The functions that a formula may call, and how many arguments each takes.
FUNCTIONS: dict[str, int] = {
    "diag": 1,
    "exp": 1,
    "eye": 1,
    "log": 1,
    "ones": 1,
    "outer": 2,
    "sigmoid": 1,
    "softmax": 1,
    "sqrt": 1,
    "sum": 1,
    "sum_t": 1,
    "tanh": 1,
    "transpose": 1,
}

#: Far beyond what a person writes on one line, far below what costs time.
MAX_CHARACTERS = 600
MAX_DEPTH = 40
MAX_NUMBER = 10**6
MAX_POWER = 8
MAX_DEGREE = 24

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TYPOGRAPHY = str.maketrans({"−": "-", "–": "-", "⊙": "*", "∘": "*", "·": "@", "×": "*"})
_HINTS = {"^": "** for a power", "ᵀ": ".T for a transpose", "²": "**2 for a square", "'": ".T for a transpose"}


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
    """``left + right`` and so on; `operator` is one of ``+ - * / @``."""

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
    """A function from `FUNCTIONS`; ``x.T`` is read as ``transpose(x)``."""

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
    """

    text: str
    of: str | None
    by: str
    formula: Expression


def subexpressions(formula: Expression) -> Iterator[Expression]:
    """A formula and all of its parts, from left to right."""
    yield formula
    for part in parts(formula):
        yield from subexpressions(part)


def parts(formula: Expression) -> tuple[Expression, ...]:
    """What a formula is directly made of."""
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


_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.MatMult: "@",
}


def parse_line(text: str) -> Line:
    """Read ``target = formula``.

    Parameters
    ----------
    text : str
        One line; a comment after ``#`` is left out. Targets are ``dh/dh_prev`` (a Jacobian), ``d_a`` or
        ``dE/da`` (an adjoint or a parameter's gradient), or a new name (a definition).

    Raises
    ------
    FormulaError
        With the position, if the line is anything else.

    Examples
    --------
    >>> line = parse_line("dh/dh_prev = diag(1 - h**2) @ W")
    >>> line.of, line.by
    ('h', 'h_prev')
    >>> parse_line("dh/dh_prev = __import__('os')")
    Traceback (most recent call last):
    ...
    minigrad.symbolic.errors.FormulaError: ...
    """
    if not isinstance(text, str):
        raise FormulaError(f"a line of a derivation is a text, got {type(text).__name__}")
    source = text.split("#", 1)[0].strip()
    if len(source) > MAX_CHARACTERS:
        raise FormulaError(
            f"a line has at most {MAX_CHARACTERS} characters, got {len(source)}; name a part of it first"
        )
    plain = source.translate(_TYPOGRAPHY)
    left, equals, right = plain.partition("=")
    if not equals or not left.strip() or not right.strip() or "=" in right:
        raise FormulaError(f"a line reads `target = formula`, with one equals sign; got {source!r}")
    of, by = _target(left.strip(), source)
    offset = len(left) + 1 + len(right) - len(right.lstrip())
    tree = _tree(right.strip(), offset)
    formula = _Reader(offset).read(tree, 0)
    if degree(formula) > MAX_DEGREE:
        raise FormulaError(
            f"the formula multiplies more than {MAX_DEGREE} factors in one term; name a part of it first"
        )
    return Line(source, of, by, formula)


def degree(formula: Expression) -> int:
    """How many factors the longest term has when everything is multiplied out."""
    match formula:
        case Number():
            return 0
        case Name():
            return 1
        case Negative(x):
            return degree(x)
        case Power(x, exponent):
            return abs(exponent) * degree(x)
        case Binary("+" | "-", left, right):
            return max(degree(left), degree(right))
        case Binary(_, left, right):
            return degree(left) + degree(right)
        case Call(_, args):
            return sum(map(degree, args))


def _target(text: str, source: str) -> tuple[str | None, str]:
    """What the line is about: (of, by)."""
    jacobian = re.fullmatch(r"d_?([A-Za-z]\w*)\s*/\s*d_?([A-Za-z]\w*)", text, re.ASCII)
    if jacobian:
        return jacobian[1], jacobian[2]
    adjoint = re.fullmatch(r"d_([A-Za-z]\w*)", text, re.ASCII)
    if adjoint:
        return "E", adjoint[1]
    if _NAME.fullmatch(text):
        return None, text
    raise FormulaError(
        f"{text!r} is no target; write dh/dh_prev for a Jacobian, d_a for an adjoint, d_W for a gradient, "
        f"or a name for a definition, in {source!r}"
    )


def _tree(text: str, offset: int) -> ast.expr:
    """Python's tree of an expression; every way in which it can refuse becomes a `FormulaError`."""
    strange = re.search(r"[^\x20-\x7e]|[\^'\"`$\\;{}]", text)
    if strange:
        hint = _HINTS.get(strange[0])
        advice = f"; write {hint}" if hint else ""
        raise FormulaError(
            f"the character {strange[0]!r} at column {offset + strange.start() + 1} is not known{advice}"
        )
    depth = deepest = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise FormulaError(
            f"parentheses are nested {deepest} deep; at most {MAX_DEPTH}, name a part of the formula first"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        column = offset + (error.offset or 1)
        raise FormulaError(f"{error.msg} at column {column}") from None
    except (ValueError, MemoryError, RecursionError) as error:
        raise FormulaError(f"this formula cannot be read: {error}") from None


class _Reader:
    """Copies Python's tree into the kinds of this module, refusing everything else."""

    def __init__(self, offset: int) -> None:
        self.offset = offset

    def refuse(self, node: ast.AST, why: str) -> FormulaError:
        column = self.offset + getattr(node, "col_offset", 0) + 1
        return FormulaError(f"{why} at column {column}")

    def read(self, node: ast.expr, depth: int) -> Expression:
        if depth > MAX_DEPTH * 4:
            raise self.refuse(node, "the formula is nested too deeply; name a part of it first")
        column = self.offset + node.col_offset + 1
        match node:
            case ast.Constant(value=value):
                return self.number(node, value)
            case ast.Name(id=name):
                return Name(name, column)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Negative(self.read(operand, depth + 1))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return Power(self.read(left, depth + 1), self.exponent(right))
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
                parts = self.read(left, depth + 1), self.read(right, depth + 1)
                return Binary(_OPERATORS[type(operator)], *parts, column)
            case ast.Attribute(value=value, attr="T"):
                return Call("transpose", (self.read(value, depth + 1),), column)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self.call(node, name, args, depth)
            case ast.BinOp():
                raise self.refuse(node, "this operator is not known; use + - * / @ **")
            case ast.Attribute(attr=attr):
                raise self.refuse(node, f".{attr} is not known; only .T is")
            case _:
                raise self.refuse(node, f"{_kind(node)} does not belong in a formula")

    def number(self, node: ast.expr, value: object) -> Number:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(node, f"{value!r} is no number")
        if not (value == 0 or 1 / MAX_NUMBER <= abs(value) <= MAX_NUMBER):
            raise self.refuse(node, f"numbers are from 1/{MAX_NUMBER} to {MAX_NUMBER} in size; this one")
        return Number(Fraction(str(value)))

    def exponent(self, node: ast.expr) -> int:
        sign, inner = (
            (-1, node.operand) if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else (1, node)
        )
        value = inner.value if isinstance(inner, ast.Constant) else None
        if isinstance(value, bool) or not isinstance(value, int) or value > MAX_POWER:
            raise self.refuse(node, f"an exponent is a whole number from -{MAX_POWER} to {MAX_POWER}; this one")
        return sign * value

    def call(self, node: ast.Call, name: str, args: list[ast.expr], depth: int) -> Call:
        if name not in FUNCTIONS:
            raise self.refuse(node, f"the function {name!r} is not known; use {', '.join(sorted(FUNCTIONS))},")
        if len(args) != FUNCTIONS[name]:
            raise self.refuse(node, f"{name} takes {FUNCTIONS[name]} argument(s), got {len(args)},")
        return Call(name, tuple(self.read(arg, depth + 1) for arg in args), self.offset + node.col_offset + 1)


def _kind(node: ast.AST) -> str:
    """What a refused piece of Python is called."""
    names = {
        "Lambda": "a lambda",
        "Subscript": "an index in brackets",
        "List": "a list",
        "Compare": "a comparison",
        "Call": "this kind of call",
        "BoolOp": "a logical operator",
        "IfExp": "a conditional",
    }
    return names.get(type(node).__name__, f"a Python {type(node).__name__}")
