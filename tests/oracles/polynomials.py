"""Random programs that compute polynomials, and their derivatives from values alone.

Along a line x + ε e a polynomial of degree d is known from d + 1 values; so is its derivative at ε = 0,
by Newton's forward differences: p'(0) = Σ_k (−1)^(k+1) Δ^k p(0) / k. With fractions that is exact, and uses no
rule of differentiation at all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

import minigrad as mg
from minigrad.primitives import pick

__all__ = ["Program", "derivative", "programs"]

#: All values in a program have this shape.
SHAPE = (2, 2)
#: Factors that are multiplied in one term, at most.
LARGEST_DEGREE = 12

_MASK = np.array([[True, False], [False, True]])
_ROWS = np.array([1, 1])


@dataclass(frozen=True)
class Operation:
    """One step of a program on arrays of shape (2, 2).

    Attributes
    ----------
    engine, plain : callable
        With minigrad's functions; with NumPy's, on plain arrays.
    degree : callable
        Of the result, from the arguments' degrees.
    """

    arity: int
    engine: Callable[..., Any]
    plain: Callable[..., Any]
    degree: Callable[..., int] = max


def _product(*degrees: int) -> int:
    return sum(degrees)


OPERATIONS = {
    "add": Operation(2, mg.add, np.add),
    "subtract": Operation(2, mg.subtract, np.subtract),
    "multiply": Operation(2, mg.multiply, np.multiply, _product),
    "negative": Operation(1, mg.negative, np.negative, lambda n: n),
    "square": Operation(1, lambda x: mg.power(x, 2), lambda x: x * x, lambda n: 2 * n),
    "cube": Operation(1, lambda x: mg.power(x, 3), lambda x: x * x * x, lambda n: 3 * n),
    "third": Operation(1, lambda x: mg.divide(x, 3), lambda x: x / 3, lambda n: n),
    "matmul": Operation(2, mg.matmul, lambda a, b: (a[:, :, None] * b[None, :, :]).sum(1), _product),
    "linear": Operation(2, mg.linear, lambda W, x: (W * x[:, None, :]).sum(-1), _product),
    "outer": Operation(2, mg.outer, lambda g, x: (g[:, :, None] * x[:, None, :]).sum(0), _product),
    "transpose": Operation(1, mg.transpose, lambda x: x.T, lambda n: n),
    "row": Operation(2, lambda x, y: x[0] * y, lambda x, y: x[0] * y, _product),
    "mean": Operation(1, lambda x: mg.broadcast_to(mg.mean(x, 0), SHAPE), lambda x: x * 0 + x.sum(0) / 2, lambda n: n),
    "sum": Operation(2, lambda x, y: mg.sum(x, 1, keepdims=True) + y, lambda x, y: x.sum(1, keepdims=True) + y),
    "where": Operation(2, lambda x, y: mg.where(_MASK, x, y), lambda x, y: np.where(_MASK, x, y)),
    "take": Operation(1, lambda x: mg.take(x, _ROWS, 0), lambda x: x[[1, 1]], lambda n: n),
    "getitem": Operation(1, lambda x: x[::-1, [1, 0]], lambda x: x[::-1][:, ::-1], lambda n: n),
    "pick": Operation(2, lambda x, y: pick(x, _ROWS) * y, lambda x, y: x[:, 1] * y, _product),
    "stack": Operation(2, lambda x, y: mg.stack([x[0], y[:, 1]]), lambda x, y: np.array([x[0], y[:, 1]], x.dtype)),
    "concatenate": Operation(
        2, lambda x, y: mg.concatenate([x[:1], y[1:]]), lambda x, y: np.array([x[0], y[1]], x.dtype)
    ),
    "reshape": Operation(1, lambda x: mg.reshape(mg.reshape(x, 4)[::-1], SHAPE), lambda x: x[::-1, ::-1], lambda n: n),
}


@dataclass(frozen=True)
class Program:
    """Some operations, each on two values so far, and the sum of the last; the first value is the input.

    Attributes
    ----------
    steps : tuple of (name, first, second)
    degree : int
        Of the polynomial, at most.
    """

    steps: tuple[tuple[str, int, int], ...]
    degree: int

    def engine(self, x: Any) -> Any:
        """Run with minigrad's functions."""
        return mg.sum(self._last(x, "engine"))

    def plain(self, x: np.ndarray) -> Any:
        """Run with NumPy's functions."""
        return self._last(x, "plain").sum()

    def _last(self, x: Any, how: str) -> Any:
        values = [x]
        for name, first, second in self.steps:
            operation = OPERATIONS[name]
            chosen = [values[first], values[second]][: operation.arity]
            values.append(getattr(operation, how)(*chosen))
        return values[-1]

    def without_cancellation(self) -> "Program":
        """The same program with every difference turned into a sum: what it gives for |x| bounds all terms."""
        instead = {"subtract": "add", "negative": "transpose"}
        return Program(tuple((instead.get(name, name), i, j) for name, i, j in self.steps), self.degree)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Up to eight steps; each uses any values so far."""
    degrees, steps = [1], []
    for _ in range(draw(st.integers(1, 8))):
        name = draw(st.sampled_from(sorted(OPERATIONS)))
        first, second = (draw(st.integers(0, len(degrees) - 1)) for _ in range(2))
        chosen = [degrees[first], degrees[second]][: OPERATIONS[name].arity]
        degree = OPERATIONS[name].degree(*chosen)
        if degree <= LARGEST_DEGREE:
            steps.append((name, first, second))
            degrees.append(degree)
    return Program(tuple(steps), degrees[-1])


def derivative(program: Program, x: np.ndarray, place: tuple[int, int]) -> Fraction:
    """∂program/∂x[place] at an array of fractions, from values alone."""
    differences = []
    for epsilon in range(program.degree + 1):
        moved = x.copy()
        moved[place] += epsilon
        differences.append(Fraction(program.plain(moved)))
    total = Fraction(0)
    for k in range(1, program.degree + 1):
        differences = [later - earlier for earlier, later in pairwise(differences)]
        total += (-1) ** (k + 1) * differences[0] / k
    return total
