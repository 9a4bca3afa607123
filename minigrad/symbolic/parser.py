"""Reading a line of a derivation: a whitelist over Python's own grammar, and nothing is ever executed.

A line is ``target = formula``. The text goes through `ast.parse`, which builds a tree and runs nothing; the
tree is then copied, node by node, into the few kinds below. Whatever is not one of them is refused with
its position. Lengths, depths and numbers are limited before and after, so that no line can hang the reader.
"""

import ast
import keyword
import re
import warnings
from fractions import Fraction

from .errors import FormulaError
from .expressions import FUNCTIONS, Binary, Call, Expression, Line, Name, Negative, Number, Power, subexpressions
from .limits import MAX_CHARACTERS, MAX_DEPTH, MAX_NUMBER, MAX_POWER, check_size

__all__ = ["parse_line"]

#: Lengths, and the number of steps: no names for anything else.
_SIZES = ("D", "H", "K", "T")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TYPOGRAPHY = str.maketrans({"−": "-", "–": "-", "⊙": "*", "∘": "*", "·": "@", "×": "*"})
_HINTS = {"^": "** for a power", "ᵀ": ".T for a transpose", "²": "**2 for a square", "'": ".T for a transpose"}


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
    formula = _Reader(right.strip(), offset).read(tree, 0)
    check_size(formula, {})
    return Line(source, of, by, formula)


def _target(text: str, source: str) -> tuple[str | None, str]:
    """What the line is about: (of, by)."""
    jacobian = re.fullmatch(r"d_?([A-Za-z]\w*)\s*/\s*d_?([A-Za-z]\w*)", text, re.ASCII)
    if jacobian:
        return jacobian[1], jacobian[2]
    adjoint = re.fullmatch(r"d_([A-Za-z]\w*)", text, re.ASCII)
    if adjoint:
        return "E", adjoint[1]
    if text in FUNCTIONS or text in _SIZES or keyword.iskeyword(text):
        raise FormulaError(f"{text!r} at column 1 has a meaning of its own; define another name")
    if _NAME.fullmatch(text) and not text.startswith("d_"):
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

    def __init__(self, text: str, offset: int) -> None:
        self.text = text
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
        written = self.text[node.col_offset : node.end_col_offset].lower().partition("e")[0]
        is_zero = value == 0 and not set(written) & set("123456789")
        if not (is_zero or 1 / MAX_NUMBER <= abs(value) <= MAX_NUMBER):
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
        found = Call(name, tuple(self.read(arg, depth + 1) for arg in args), self.offset + node.col_offset + 1)
        inside = subexpressions(found.args[0]) if name == "sum_t" else ()
        if any(isinstance(part, Call) and part.function == "sum_t" for part in inside):
            raise self.refuse(node, "there is one time to sum over, and sum_t stands inside sum_t")
        return found


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
