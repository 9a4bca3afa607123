"""Formulas for SymPy: elementwise, where its algebra is sound, or as a matrix expression, for export.

SymPy gets symbols whose names were checked, never a string to read. Do not differentiate the matrix
expressions: SymPy's matrix calculus fails on gates and is wrong on softmax.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import FormulaError
from ..lazy import sympy
from ..terms.arithmetic import ONE, split
from ..terms.dims import in_numbers
from ..terms.evaluate import SYMPY, evaluate
from ..terms.term import Term
from ..terms.traversal import fold, leaves

__all__ = ["symbol_entries", "to_sympy"]


def to_sympy(term: Term, sizes: Mapping[str, int] | None = None, *, open_names: bool = False) -> Any:
    """The formula in SymPy.

    Parameters
    ----------
    term : Term
        The formula.
    sizes : mapping, optional
        Numbers for the names of sizes. With sizes, the result is written elementwise: a SymPy
        expression, or a Matrix of them. Without, it is one matrix expression.
    open_names : bool
        Elementwise only: put the definitions in the place of named values.

    Returns
    -------
    sympy.Expr, sympy.MatrixExpr or sympy.Matrix
        Elementwise it is explicit, otherwise in symbols of matrices.

    Raises
    ------
    FormulaError
        If a part has no counterpart among SymPy's matrix expressions.

    Examples
    --------
    >>> import minigrad as mg
    >>> W, h = mg.symbol("W", ("n", "n")), mg.symbol("h", ("n",))
    >>> to_sympy((W @ h).value, {"n": 2})
    Matrix([
    [W_1_1*h_1 + W_1_2*h_2],
    [W_2_1*h_1 + W_2_2*h_2]])
    """
    if sizes is None:
        return fold(term, _matrix_expression)
    inside = (lambda part: part.args) if open_names else None
    found = leaves(term, inside) if inside else leaves(term)
    given = [leaf for leaf in found if leaf.kind == "symbol" or not open_names]
    value = evaluate(term, {leaf: symbol_entries(leaf, sizes) for leaf in given}, SYMPY, sizes=sizes)
    return value.item() if value.ndim == 0 else sympy.Matrix(value)


def _plain_name(term: Term) -> str:
    """The key as a word: dots and signs become underscores and letters."""
    return term.label.key.replace(".", "_").replace("+", "_plus_").replace("-", "_minus_")


def symbol_entries(term: Term, sizes: Mapping[str, int]) -> Any:
    """An array of real SymPy symbols for a named vector or matrix: h_1, h_2; W_1_1, W_1_2, …"""
    shape = tuple(in_numbers(size, sizes) for size in term.shape)
    entries = np.empty(shape, object)
    for index in np.ndindex(*shape):
        suffix = "".join(f"_{i + 1}" for i in index)
        entries[index] = sympy.Symbol(_plain_name(term) + suffix, real=True)
    return entries


def _dims(term: Term) -> tuple[Any, Any]:
    """Rows and columns; a vector has one column."""
    sizes = [size if isinstance(size, int) else _size_symbol(size) for size in term.shape]
    return (*sizes, *(1,) * (2 - len(sizes)))  # type: ignore[return-value]


def _size_symbol(size: Any) -> Any:
    names = [
        count * (sympy.Symbol(name, integer=True, positive=True) if name else 1) for name, count in size.counts.items()
    ]
    return sum(names[1:], names[0])


def _matrix_expression(term: Term, *parts: Any) -> Any:
    maker = _EXPRESSIONS.get(term.kind)
    if maker is None:
        raise FormulaError(f"SymPy has no matrix expression for {term} ({term.kind}); pass sizes for its entries")
    return maker(term, *parts)


def _symbol(term: Term) -> Any:
    name = _plain_name(term)
    return sympy.MatrixSymbol(name, *_dims(term)) if term.shape else sympy.Symbol(name, real=True)


def _scale(term: Term, *parts: Any) -> Any:
    coefficient, scalar, body = split(term)
    number = sympy.Rational(coefficient.numerator, coefficient.denominator)
    if not body.shape:
        return number * parts[-1]
    return number * parts[-1] if scalar is ONE else number * parts[0] * parts[-1]


def _hadamard(term: Term, *parts: Any) -> Any:
    powers = [(part, sympy.Rational(e.numerator, e.denominator)) for part, e in zip(parts, term.data, strict=True)]
    if not term.shape:
        return sympy.Mul(*(part**e for part, e in powers))
    factors = [part if e == 1 else sympy.HadamardPower(part, e) for part, e in powers]
    return factors[0] if len(factors) == 1 else sympy.HadamardProduct(*factors)


def _function(term: Term, x: Any) -> Any:
    entry = sympy.Dummy("x", real=True)
    rules: dict[str, Callable[[Any], Any]] = {
        "tanh": lambda v: sympy.tanh(v),
        "sigmoid": lambda v: 1 / (1 + sympy.exp(-v)),
        "exp": lambda v: sympy.exp(v),
        "log": lambda v: sympy.log(v),
        "relu": lambda v: sympy.Max(v, 0),
        "positive": lambda v: sympy.Piecewise((1, v > 0), (0, True)),
    }
    rule = rules[term.data]
    return x.applyfunc(sympy.Lambda(entry, rule(entry))) if term.shape else rule(x)


def _entry(term: Term, v: Any) -> Any:
    return v[term.data, 0]


_EXPRESSIONS: dict[str, Callable[..., Any]] = {
    "symbol": _symbol,
    "named": _symbol,
    "identity": lambda term: sympy.Identity(_dims(term)[0]),
    "ones": lambda term: sympy.OneMatrix(*_dims(term)) if term.shape else sympy.Integer(1),
    "zero": lambda term: sympy.ZeroMatrix(*_dims(term)) if term.shape else sympy.Integer(0),
    "scale": _scale,
    "add": lambda term, *parts: sympy.MatAdd(*parts) if term.shape else sympy.Add(*parts),
    "hadamard": _hadamard,
    "product": lambda term, *parts: sympy.MatMul(*parts),
    "transpose": lambda term, x: sympy.Transpose(x),
    "diag": lambda term, v: sympy.DiagMatrix(v),
    "outer": lambda term, u, v: sympy.MatMul(u, sympy.Transpose(v)),
    "function": _function,
    "entry": _entry,
}
