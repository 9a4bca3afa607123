"""Random expression graphs against three independent judges: differences, complex numbers, exact fractions."""

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.testing import check_grads, strategies
from minigrad.testing.numerical import complex_step
from minigrad.testing.strategies import BINARY, POLYNOMIAL, UNARY


@given(strategies.expressions())
def test_against_numerical_derivatives(case: Any) -> None:
    """The gradient of a random graph is the numerical one, in both modes."""
    f, args = case

    check_grads(f, *args)


@given(strategies.expressions(max_lines=4))
def test_second_derivatives(case: Any) -> None:
    """So are the second derivatives: reverse over reverse and forward over reverse."""
    f, args = case

    check_grads(f, *args, order=2)


@given(strategies.expressions(dtype=np.float32, max_lines=5))
def test_single_precision(case: Any) -> None:
    """The gradient in single precision is right to single precision, and is in single precision."""
    f, args = case
    gradients = mg.grad(f, tuple(range(len(args))))(*args)

    assert {g.dtype for g in gradients} == {np.dtype(np.float32)}
    check_grads(f, *args, rtol=1e-2, atol=1e-3)


@given(strategies.expressions())
def test_against_the_complex_step(case: Any) -> None:
    """Without any difference taken, the gradient agrees to ten digits where numbers can be complex."""
    f, args = case
    gradients = mg.grad(f, tuple(range(len(args))))(*args)

    def flat(arrays: list[np.ndarray]) -> np.ndarray:
        return np.ravel(f(*arrays))

    largest = max(1.0, *(float(np.max(np.abs(g), initial=0.0)) for g in gradients))
    for which, g in enumerate(gradients):
        for index in np.ndindex(np.shape(g)):
            slope = complex_step(flat, list(args), which, index)
            assert slope is not None
            assert abs(slope[0] - np.asarray(g)[index]) <= 1e-10 * largest


class Dual:
    """An exact number with an exact derivative: a judge that shares no code with the engine."""

    def __init__(self, value: Any, slope: Any = 0) -> None:
        self.value, self.slope = Fraction(value), Fraction(slope)

    def __add__(self, other: Any) -> "Dual":
        if isinstance(other, np.ndarray):
            return NotImplemented
        other = Dual.of(other)
        return Dual(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other: Any) -> "Dual":
        if isinstance(other, np.ndarray):
            return NotImplemented
        other = Dual.of(other)
        return Dual(self.value * other.value, self.value * other.slope + self.slope * other.value)

    @staticmethod
    def of(other: Any) -> "Dual":
        """The other operand, a number or a Dual."""
        return other if isinstance(other, Dual) else Dual(other)

    def __neg__(self) -> "Dual":
        return self * -1

    def __sub__(self, other: Any) -> "Dual":
        return self + other * -1

    __radd__, __rmul__ = __add__, __mul__


def duals(x: np.ndarray, moving: tuple[int, ...] | None) -> np.ndarray:
    """An array of exact numbers, one of which moves."""
    made = np.empty(x.shape, object)
    for index in np.ndindex(x.shape):
        made[index] = Dual(x[index], index == moving)
    return made


@settings(max_examples=max(15, settings().max_examples // 3))
@given(strategies.expressions(only=POLYNOMIAL, max_lines=5))
def test_polynomials_against_exact_fractions(case: Any) -> None:
    """For polynomials of dyadic numbers the gradient is exact: equal to rational arithmetic, not just close."""
    f, args = case
    gradients = mg.grad(f, tuple(range(len(args))))(*args)

    for which, x in enumerate(args):
        for index in np.ndindex(x.shape):
            exact = f(*(duals(a, index if i == which else None) for i, a in enumerate(args)))
            number = np.asarray(exact, object).item()
            assert Fraction(float(np.asarray(gradients[which])[index])) == Dual.of(number).slope


def test_the_strategy_reaches_every_operation() -> None:
    """Every operation of the tables occurs in the graphs that are drawn."""
    seen: Counter[str] = Counter()

    @settings(max_examples=300, derandomize=True, database=None, phases=[Phase.generate])
    @given(strategies.expressions())
    def count(case: Any) -> None:
        seen.update(line.name for line in case[0].lines)

    count()
    assert set(seen) == set(UNARY) | set(BINARY)


@given(st.data())
def test_expressions_print_as_programs(data: st.DataObject) -> None:
    """An expression prints one line of Python for each operation; run, these lines give the values that it has."""
    f, args = data.draw(strategies.expressions())
    first, *lines = repr(f).removesuffix(">").splitlines()
    space = {**UNARY, **BINARY, "np": np, "array": np.array, "v": dict(enumerate(args))}

    exec("\n".join(line.strip() for line in lines), space)

    assert first == f"<Expression of {', '.join(f'v[{i}]' for i in range(len(args)))}, summed over unused values"
    expected = f.values(*args)
    assert len(expected) == len(space["v"]) == f.inputs + len(lines)
    for i, value in enumerate(expected):
        assert np.isfinite(value).all()
        assert np.array_equal(space["v"][i], value)


@given(strategies.expressions())
def test_no_part_of_a_graph_is_dead(case: Any) -> None:
    """Every line of an expression stands in the graph of its value, since what no line uses is summed."""
    f, args = case
    used = Counter(i for line in f.lines for i in line.operands)
    unused = sum(1 for i in range(f.inputs + len(f.lines)) if i not in used)
    graph = mg.trace(f, *args)

    expected = f.inputs + len(f.lines) + unused + (unused - 1)
    assert len([node for node in graph.nodes if node.primitive.name != "constant"]) >= expected


@given(strategies.arrays(dtype=strategies.dtypes()))
def test_arrays_are_well_conditioned(x: np.ndarray) -> None:
    """Entries are odd multiples of 1/32 between −2 and 2: exact in single precision and away from 0."""
    assert x.dtype in (np.float32, np.float64)
    assert ((x * 32) % 2 == 1).all()
    assert (np.abs(x) <= 2).all()


@given(strategies.arrays((2, 3), low=0.25, high=1.5, distinct=True))
def test_bounds_of_arrays(x: np.ndarray) -> None:
    """Bounds are kept, and distinct entries are distinct."""
    assert x.shape == (2, 3)
    assert (x >= 0.25).all()
    assert (x <= 1.5).all()
    assert len(np.unique(x)) == 6


@given(strategies.broadcastable_shapes(3))
def test_broadcastable_shapes(shapes: Any) -> None:
    """The shapes go together by NumPy's rules."""
    assert len(shapes) == 3
    np.broadcast_shapes(*shapes)


@given(st.data())
def test_indices_and_axes_fit(data: st.DataObject) -> None:
    """Indices and axes drawn for a shape are valid for it."""
    x = data.draw(strategies.arrays(strategies.shapes(min_side=0)))

    x[data.draw(strategies.indices(x.shape))]
    axis = data.draw(strategies.axes(x.ndim))
    assert np.array_equal(mg.sum(x, axis), np.sum(x, axis=axis))
