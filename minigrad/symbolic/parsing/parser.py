"""Reading a line of a derivation: a whitelist over Python's own grammar, and nothing is ever executed.

A line is ``target = formula``. The text goes through `ast.parse`, which builds a tree and runs nothing; the
tree is then copied, node by node, into the few kinds of `expressions`. Whatever is not one of them is refused
with its position. Lengths, depths and numbers are limited before and after, so that no line can hang the
reader. A line with signs of printed mathematics, such as ∂ or ᵀ, goes to `printed` instead.
"""

import ast
import keyword
import re
import warnings
from fractions import Fraction

from ..errors import FormulaError
from .limits import MAX_CHARACTERS, MAX_DEPTH, MAX_IN_A_ROW, MAX_NUMBER, MAX_POWER, check_size, shortened
from .names import without_time
from .syntax import (
    FUNCTIONS,
    TYPOGRAPHY,
    Binary,
    Call,
    Expression,
    Line,
    Name,
    Negative,
    Number,
    Power,
    subexpressions,
)
from .unicode import is_printed, read_name, read_printed

__all__ = ["parse_line"]

#: Lengths, and the number of steps: no names for anything else.
_SIZES = ("D", "H", "K", "T")
_NAME = re.compile(r"(?:[a-z]{2,}\d*\.)*[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_PLACE = re.compile(r"(?:d_)?[a-z]{2,}\d*(?:\.[a-z]{2,}\d*)*", re.ASCII)
_TYPOGRAPHY = {ord(sign): operator for sign, operator in TYPOGRAPHY.items()}
_HINTS = {"^": "** for a power, .T for a transpose", "'": ".T for a transpose"}
_TARGETS = "write dh/dh_prev for a Jacobian, d_a for an adjoint, d_W for a gradient, or a name for a definition"

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.MatMult: "@",
}


class _NotPythonError(FormulaError):
    """A formula in which Python's grammar sees none."""


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
    # A byte-order mark stands in the middle where two files were put together.
    written = text.split("#", 1)[0].replace("\ufeff", " ")
    source, start = re.sub(r"(?<!\d)[.;,]$", "", written.strip()).rstrip(), len(written) - len(written.lstrip())
    if len(source) > MAX_CHARACTERS:
        raise FormulaError(
            f"a line has at most {MAX_CHARACTERS} characters, got {len(source)}; name a part of it first",
            start + MAX_CHARACTERS + 1,
        )
    printed = is_printed(source)
    plain = source.replace("_{t=1", "_{t:1") if printed else source
    left, equals, right = plain.partition("=")
    if not equals or not left.strip() or not right.strip() or "=" in right:
        place = len(left) + 1 + (right.find("=") + 1 if "=" in right else 0)
        raise FormulaError(
            f"a line reads `target = formula`, with one equals sign; got {shortened(source)!r}",
            start + min(place, len(source)),
        )
    right = source[len(left) + 1 :]
    offset = start + len(left) + 1 + len(right) - len(right.lstrip())
    if printed:
        of, by = _printed_target(left.strip(), start)
        formula = read_printed(right.strip(), offset)
    else:
        of, by = _target(left.strip(), start)
        formula = _formula(right.strip(), offset)
    if of is None and (by in FUNCTIONS or by in _SIZES or keyword.iskeyword(by)):
        raise FormulaError(f"{by!r} has a meaning of its own; define another name", start + 1)
    _check_sums(formula)
    check_size(formula, {})
    return Line(source, of, by, formula)


#: ``dE/dc`` on the right of a line; Python would divide.
_ADJOINT = re.compile(r"\bdE\s*/\s*d_?([A-Za-z]\w*)", re.ASCII)


def _formula(text: str, offset: int) -> Expression:
    """A formula in Python's notation, or with factors side by side, as in ``V h + c``."""
    if "·" in text or "×" in text:
        return read_printed(text, offset)
    plain = _ADJOINT.sub(lambda found: f"d_{found[1]}".ljust(len(found[0])), text.translate(_TYPOGRAPHY))
    try:
        tree = _tree(plain, offset)
    except _NotPythonError:
        return read_printed(text, offset)
    return _LineReader(plain, offset).read(tree, 0)


def _check_sums(formula: Expression) -> None:
    """Refuse a sum over time inside another."""
    sums = [part for part in subexpressions(formula) if isinstance(part, Call) and part.function == "sum_t"]
    for one in sums:
        if any(part in sums for part in subexpressions(one.args[0])):
            raise FormulaError("there is one time to sum over, and a sum over it stands inside another", one.column)


def _target(text: str, start: int) -> tuple[str | None, str]:
    """The subject of the line: (of, by)."""
    jacobian = re.fullmatch(r"d_?([A-Za-z][\w.]*)\s*/\s*d_?([A-Za-z][\w.]*)", text, re.ASCII)
    if jacobian:
        return _of_loss(jacobian[1], jacobian[2], start), jacobian[2]
    adjoint = re.fullmatch(r"d_([A-Za-z][\w.]*)", text, re.ASCII)
    if adjoint:
        return "E", adjoint[1]
    if _NAME.fullmatch(text) and not text.startswith("d_"):
        return None, text
    raise FormulaError(f"{shortened(text)!r} is no target; {_TARGETS}", start + 1)


def _printed_target(text: str, start: int) -> tuple[str | None, str]:
    """The same of a line with printed signs: ∂h_t/∂h_{t-1}, δa_t."""
    quotient = re.fullmatch(r"[d∂]_?(.+?)\s*/\s*[d∂]_?(.+)", text)
    if quotient:
        of, by = read_name(quotient[1]), read_name(quotient[2])
        if of is not None and by is not None:
            return _of_loss(quotient[1], by, start) if of in ("E", "L") else of, by
    elif text.startswith("d_") and (own := read_name(text[2:])) is not None:
        return "E", own
    elif (name := read_name(text)) is not None:
        return ("E", name[2:]) if name.startswith("d_") else (None, name)
    raise FormulaError(f"{shortened(text)!r} is no target; {_TARGETS}", start + 1)


def _of_loss(of: str, by: str, start: int) -> str:
    """E for the loss of all steps; E_t, that of one step, is the same only for what no later step reads."""
    if not re.fullmatch(r"[EL](_.*)?", of):
        return of
    if of[0] == "L":
        raise FormulaError("the loss is called E here; write ∂E/∂… or dE/d…", start + 1)
    if of != "E" and without_time(by) not in ("logits", "yhat"):
        raise FormulaError(
            f"{shortened(of)} is the loss of one step; write ε for what it sends into h, and ∂E/∂… for what the losses "
            "of all steps send",
            start + 1,
        )
    return "E"


def _tree(text: str, offset: int) -> ast.expr:
    """Python's tree of an expression; every way in which it can refuse becomes a `FormulaError`."""
    strange = re.search(r"[^\x20-\x7e]|[\^'\"`$\\;{}]", text)
    if strange:
        hint = _HINTS.get(strange[0])
        advice = f"; write {hint}" if hint else ""
        raise FormulaError(f"the character {strange[0]!r} is not known{advice}", offset + strange.start() + 1)
    depth = deepest = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise FormulaError(
            f"parentheses are nested {deepest} deep, at most {MAX_DEPTH}; name a part of the formula first", offset + 1
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        column = offset + max(error.offset or 1, 1)
        raise _NotPythonError(f"this is no formula: {error.msg}", column) from None
    except (ValueError, MemoryError, RecursionError):
        raise FormulaError("the formula is nested too deeply; name a part of it first", offset + 1) from None


class _LineReader:
    """Copies Python's tree into the kinds of this module, refusing everything else."""

    def __init__(self, text: str, offset: int) -> None:
        self.text = text
        self.offset = offset

    def refuse(self, node: ast.AST, why: str) -> FormulaError:
        return FormulaError(why, self.offset + getattr(node, "col_offset", 0) + 1)

    def read(self, node: ast.expr, depth: int) -> Expression:
        if depth > MAX_IN_A_ROW:
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
            case ast.Attribute(value=value, attr=attr) if (
                attr != "T" and (place := _place(value)) and _NAME.fullmatch(attr)
            ):
                return Name(f"{place}.{attr}", column)
            case ast.Attribute(value=value, attr="T"):
                return Call("transpose", (self.read(value, depth + 1),), column)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self.call(node, name, args, depth)
            case ast.BinOp():
                raise self.refuse(node, "this operator is not known; use + - * / @ **")
            case ast.Attribute(attr=attr):
                raise self.refuse(node, f".{attr} is not known; write .T for the transpose, layer1.h for a layer's h")
            case _:
                raise self.refuse(node, f"{_kind(node)} does not belong in a formula")

    def number(self, node: ast.expr, value: object) -> Number:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(node, f"{value!r} is no real number; write 2 or 0.5")
        written = self.text[node.col_offset : node.end_col_offset]
        is_zero = value == 0 and not set(written.lower().partition("e")[0]) & set("123456789")
        if not (is_zero or 1 / MAX_NUMBER <= abs(value) <= MAX_NUMBER):
            raise self.refuse(
                node, f"the number {written[:20]} is too large or too small; use 1/{MAX_NUMBER} to {MAX_NUMBER}"
            )
        # The number as it is written: a float would have rounded it.
        return Number(Fraction(value) if isinstance(value, int) else Fraction(written))

    def exponent(self, node: ast.expr) -> int:
        sign, inner = (
            (-1, node.operand) if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else (1, node)
        )
        value = inner.value if isinstance(inner, ast.Constant) else None
        if isinstance(value, bool) or not isinstance(value, int) or value > MAX_POWER:
            shown = self.text[node.col_offset : node.end_col_offset][:20]
            raise self.refuse(node, f"an exponent is a whole number from -{MAX_POWER} to {MAX_POWER}, got {shown}")
        return sign * value

    def call(self, node: ast.Call, name: str, args: list[ast.expr], depth: int) -> Call:
        if name not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS))
            why = f"the function {shortened(name)!r} is not known; there are {known}; for a product write *"
            raise self.refuse(node, why)
        if (FUNCTIONS[name] and len(args) != FUNCTIONS[name]) or not args:
            wanted = {0: "at least one argument", 1: "one argument"}.get(FUNCTIONS[name], "two arguments")
            raise self.refuse(node, f"{name} takes {wanted}, got {len(args)}")
        return Call(name, tuple(self.read(arg, depth + 1) for arg in args), self.offset + node.col_offset + 1)


def _place(node: ast.expr) -> str | None:
    """``layer1`` of ``layer1.h``, a part of a net; None if it is anything else."""
    words: list[str] = []
    while isinstance(node, ast.Attribute) and len(words) < 4:
        words.append(node.attr)
        node = node.value
    place = ".".join([node.id, *reversed(words)]) if isinstance(node, ast.Name) else ""
    return place if _PLACE.fullmatch(place) else None


def _kind(node: ast.AST) -> str:
    """The name of a refused piece of Python."""
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
