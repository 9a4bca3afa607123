"""Polynomials on fractions: the engine's derivatives are equal to the true ones, not close to them."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from fractions_algebra import Exact, fractions
from hypothesis import given
from hypothesis import strategies as st
from polynomials import OPERATIONS, SHAPE, Program, derivative, programs

import minigrad as mg
from minigrad.primitive import PRIMITIVES
from minigrad.sweep import forward_sweep, reverse_sweep

points = st.lists(st.fractions(-3, 3, max_denominator=12), min_size=4, max_size=4).map(
    lambda entries: np.array(entries, object).reshape(SHAPE)
)
#: Each operation alone, between other arguments.
EACH = [Program(((name, 0, 0),), operation.degree(*[1] * operation.arity)) for name, operation in OPERATIONS.items()]


def true_gradient(program: Program, x: np.ndarray) -> Any:
    """By interpolation of values."""
    return [[derivative(program, x, (i, j)) for j in range(2)] for i in range(2)]


def swept(program: Program, x: Any) -> tuple[Any, Any]:
    """The output node, and the gradient by the reverse sweep."""
    leaf = mg.tensor(x)
    output = program.engine(leaf)
    one = Exact(fractions(1)) if isinstance(x, Exact) else np.array(1.0)
    return output, reverse_sweep([(output, one)], targets=[leaf]).nodes[leaf]


@given(programs(), points)
def test_gradients_are_equal(program: Program, x: np.ndarray) -> None:
    """The value and the gradient of a polynomial on fractions are the true ones to the last digit."""
    output, gradient = swept(program, Exact(x))

    assert output.value.entries == program.plain(x)
    assert gradient.entries.tolist() == true_gradient(program, x)


@given(programs(), points, points)
def test_directional_derivatives_are_equal(program: Program, x: np.ndarray, t: np.ndarray) -> None:
    """The forward sweep on fractions gives the true derivative along any direction."""
    leaf = mg.tensor(Exact(x))
    output = program.engine(leaf)

    pushed = forward_sweep([output], {leaf: Exact(t)})[output]

    assert pushed.entries == (np.array(true_gradient(program, x), object) * t).sum()


@pytest.mark.parametrize("program", EACH, ids=list(OPERATIONS))
@given(x=points)
def test_every_operation_alone(program: Program, x: np.ndarray) -> None:
    """Each operation of the programs has its true gradient by itself too."""
    assert swept(program, Exact(x))[1].entries.tolist() == true_gradient(program, x)


@given(programs(), points, st.lists(st.integers(0, 3), min_size=2, max_size=2))
def test_second_derivatives_are_equal(program: Program, x: np.ndarray, entries: list[int]) -> None:
    """The gradient of one entry of the gradient, swept twice, is what interpolating the true gradient gives."""
    first, second = (divmod(entry, 2) for entry in entries)
    leaf = mg.tensor(Exact(x))
    output = program.engine(leaf)
    gradient = reverse_sweep([(output, mg.tensor(Exact(fractions(1))))], targets=[leaf], recorded=True).nodes[leaf]
    found = reverse_sweep([(gradient[first], Exact(fractions(1)))], targets=[leaf]).nodes.get(leaf)

    values = []
    for epsilon in range(program.degree + 1):
        moved = x.copy()
        moved[second] += epsilon
        values.append(derivative(program, moved, first))
    assert (Fraction(0) if found is None else found.entries[second]) == _slope(values)


def _slope(values: list[Fraction]) -> Fraction:
    """The derivative at 0 of the polynomial through the points (0, v_0), (1, v_1), …"""
    total = Fraction(0)
    for k in range(1, len(values)):
        values = [later - earlier for earlier, later in pairwise(values)]
        total += (-1) ** (k + 1) * values[0] / k
    return total


@given(programs(), points)
def test_floats_are_exact_but_for_rounding(program: Program, x: np.ndarray) -> None:
    """In float64 a gradient is off by no more than a few roundings of the terms that it is the sum of."""
    floats = x.astype(np.float64)
    _, gradient = swept(program, floats)

    exact = np.array(true_gradient(program, fractions(floats)), object)
    terms = np.array(true_gradient(program.without_cancellation(), abs(fractions(floats))), object)
    # every operation rounds at most three times in each of the two sweeps, and so does every factor of a term
    roundings = 6 * (len(program.steps) + program.degree)
    error = np.abs(fractions(gradient) - exact)
    assert (error <= Fraction(roundings, 2**53) * terms).all()


def test_a_planted_slip_is_seen() -> None:
    """A rule that is wrong in the eighteenth digit is not equal to the truth, however close."""
    x, product = fractions([[1, 2], [3, 4]]), Program((("multiply", 0, 0), ("matmul", 1, 0)), 3)
    record = PRIMITIVES["multiply"]
    right = record.vjps
    almost_one = Exact(fractions(Fraction(10**18 + 1, 10**18)))
    object.__setattr__(record, "vjps", (lambda g, y, a, b: g * b * almost_one, right[1]))
    try:
        wrong = swept(product, Exact(x))[1].entries.tolist()
    finally:
        object.__setattr__(record, "vjps", right)

    assert wrong != true_gradient(product, x)
    assert np.allclose(np.array(wrong, float), np.array(true_gradient(product, x), float), rtol=1e-15)
