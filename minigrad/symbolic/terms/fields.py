"""The kinds of numbers that formulas are evaluated on: floats, fractions, integers modulo a prime, SymPy scalars.

A `Field` says what a fraction becomes, how powers are taken, and which functions there are. Exact numbers
have no tanh: values that are named are then given, as free symbols are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import FormulaError
from ..lazy import sympy

__all__ = ["FLOATS", "FRACTIONS", "SYMPY", "Field", "Modular", "integers_modulo"]


@dataclass(frozen=True)
class Field:
    """Numbers of one kind.

    Attributes
    ----------
    name : str
    number : callable
        A `Fraction` as such a number.
    functions : mapping
        Those of `minigrad.symbolic.terms.pieces.FUNCTIONS`, and ``softmax``, that these numbers have, on arrays.
    power : callable
        ``power(array, Fraction)``.
    dtype
        Of arrays of these numbers.
    """

    name: str
    number: Callable[[Fraction], Any]
    functions: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    power: Callable[[Any, Fraction], Any] = lambda x, n: x ** int(n)
    dtype: Any = object


def _sigmoid(x: Any) -> Any:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _softmax(x: Any) -> Any:
    weights = np.exp(x - x.max())
    return weights / weights.sum()


FLOATS = Field(
    "floats",
    float,
    {
        "tanh": np.tanh,
        "sigmoid": _sigmoid,
        "exp": np.exp,
        "log": np.log,
        "relu": lambda x: np.maximum(x, 0.0),
        "positive": lambda x: np.where(x > 0, 1.0, 0.0),
        "softmax": _softmax,
    },
    lambda x, n: x ** float(n),
    np.float64,
)


def _exact_power(x: Any, n: Fraction) -> Any:
    if n.denominator != 1:
        raise FormulaError(f"a root, the power {n}, is no fraction; evaluate on floats or on SymPy scalars")
    return x ** int(n)


FRACTIONS = Field("fractions", lambda value: value, power=_exact_power)


def integers_modulo(prime: int) -> Field:
    """The field of integers modulo a prime; arrays hold plain ints, taken modulo the prime after every step."""

    def number(value: Fraction) -> int:
        return value.numerator * pow(value.denominator, -1, prime) % prime

    def power(x: Any, n: Fraction) -> Any:
        if n.denominator != 1:
            raise FormulaError(f"a root, the power {n}, is not unique modulo a prime")
        return np.vectorize(lambda entry: pow(int(entry), int(n), prime), otypes=[object])(x)

    return Modular(f"integers modulo {prime}", number, power=power, prime=prime)


@dataclass(frozen=True)
class Modular(Field):
    """Reduces every intermediate result, so that numbers stay small."""

    prime: int = 0


def _sympy_power(x: Any, n: Fraction) -> Any:
    return x ** sympy.Rational(n.numerator, n.denominator)


def _entrywise(apply: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: np.vectorize(apply, otypes=[object])(x)


def _sympy_softmax(x: Any) -> Any:
    weights = _entrywise(lambda entry: sympy.exp(entry))(x)
    return weights / weights.sum()


SYMPY = Field(
    "SymPy scalars",
    lambda value: sympy.Rational(value.numerator, value.denominator),
    {
        "tanh": _entrywise(lambda entry: sympy.tanh(entry)),
        "sigmoid": _entrywise(lambda entry: 1 / (1 + sympy.exp(-entry))),
        "exp": _entrywise(lambda entry: sympy.exp(entry)),
        "log": _entrywise(lambda entry: sympy.log(entry)),
        "relu": _entrywise(lambda entry: sympy.Max(entry, 0)),
        "positive": _entrywise(lambda entry: sympy.Piecewise((1, entry > 0), (0, True))),
        "softmax": _sympy_softmax,
    },
    _sympy_power,
)
