"""Formulas on float64 arrays, written without the engine so that it can judge the engine, with the size of rounding.

Beside every value stands how large the numbers were that it was made of, as if nothing had cancelled. Rounding
errors are some 1e-16 of that, so a line such as ``h = h + (h - tanh(a))*10**6`` is not called wrong for them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..parsing.evaluate import Algebra

__all__ = ["MEASURED", "Measured"]


#: Below this floating-point numbers lose digits, down to 0: a size is never less where numbers are multiplied.
SMALLEST = float(np.finfo(np.float64).tiny)

#: As close to a jump as this, as a part of the numbers it was made of, a value may be on either side of it.
JUMP = 1e-12


@dataclass(frozen=True)
class Measured:
    """A value, and entry by entry the size of what it was made of."""

    value: np.ndarray
    size: np.ndarray

    @classmethod
    def given(cls, value: Any) -> "Measured":
        """A value that was not computed here."""
        array = np.asarray(value, np.float64)
        return cls(array, np.abs(array))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value."""
        return self.value.shape

    def __add__(self, other: "Measured") -> "Measured":
        return Measured(np.asarray(self.value + other.value), np.asarray(self.size + other.size))


def _softmax(x: np.ndarray) -> np.ndarray:
    weights = np.exp(x - np.max(x, initial=-np.inf))
    return weights / weights.sum()


#: Functions of entries, and how they stretch a size: |f'| times it.
_FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    "exp": (np.exp, lambda x, y: y),
    "log": (np.log, lambda x, y: 1 / x),
    "positive": (lambda x: np.where(x > 0, 1.0, 0.0), lambda x, y: 0.0),
    "relu": (lambda x: np.maximum(x, 0.0), lambda x, y: 1.0),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x, y: 1.0),
    "softmax": (_softmax, lambda x, y: 1.0),
    "sqrt": (np.sqrt, lambda x, y: 0.5 / y),
    "tanh": (np.tanh, lambda x, y: 1.0),
}

#: Functions that only move or add entries: the same for values and for sizes.
_MOVES: dict[str, Callable[..., Any]] = {
    "beside": lambda *parts: np.concatenate(parts, 1),
    "columns": lambda *parts: np.stack(parts, 1),
    "concat": lambda *parts: np.concatenate(parts),
    "diag": np.diag,
    "outer": np.outer,
    "sum": np.sum,
    "transpose": np.transpose,
}


class _Arrays:
    """The algebra; what has no value is NaN or infinite, without a warning."""

    def number(self, value: Fraction) -> Measured:
        return Measured.given(np.float64(value))

    def power(self, x: Measured, n: int) -> Measured:
        with np.errstate(all="ignore"):
            value = x.value**n
            stretch = np.where(x.size > 0, x.size / np.abs(x.value), 1.0)
            size = x.size**n if n >= 0 else np.abs(value) * stretch ** abs(n)
            return Measured(np.asarray(value), np.maximum(size, SMALLEST))

    def binary(self, operator: str, a: Measured, b: Measured) -> Measured:
        with np.errstate(all="ignore"):
            match operator:
                case "+":
                    return a + b
                case "-":
                    return Measured(np.asarray(a.value - b.value), np.asarray(a.size + b.size))
                case "*":
                    return Measured(np.asarray(a.value * b.value), np.maximum(a.size * b.size, SMALLEST))
                case "/":
                    size = a.size * b.size / b.value**2
                    return Measured(np.asarray(a.value / b.value), np.maximum(size, SMALLEST))
                case _:
                    return Measured(np.asarray(a.value @ b.value), np.maximum(a.size @ b.size, SMALLEST))

    def call(self, function: str, *args: Measured) -> Measured:
        with np.errstate(all="ignore"):
            if function in _MOVES:
                move = _MOVES[function]
                return Measured(np.asarray(move(*(x.value for x in args))), np.asarray(move(*(x.size for x in args))))
            f, slope = _FUNCTIONS[function]
            x = args[0]
            value = np.asarray(f(x.value))
            if function == "positive":
                jump = JUMP * x.size
                value = np.where((np.abs(x.value) < jump) & (jump > SMALLEST), np.nan, value)
            size = np.maximum(np.abs(value), np.abs(slope(x.value, value)) * x.size)
            return Measured(value, np.maximum(size, SMALLEST))

    def filled(self, function: str, size: Any) -> Measured:
        return Measured.given(np.ones(size) if function == "ones" else np.eye(size))

    def unit(self, size: int, number: int) -> Measured:
        return Measured.given(np.eye(size)[number - 1])

    def entry(self, x: Measured, number: int) -> Measured:
        return Measured(np.asarray(x.value[number - 1]), np.asarray(x.size[number - 1]))

    def part(self, x: Measured, start: int, stop: int) -> Measured:
        return Measured(x.value[start:stop], x.size[start:stop])


MEASURED: Algebra = _Arrays()
