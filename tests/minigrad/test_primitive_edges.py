"""Primitives at the edges of their domain: saturation, ties, zeros, infinities, empty and 0-d arrays."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.errors import DtypeError, ShapeError
from minigrad.testing import strategies

DTYPES = [np.float32, np.float64]


def slopes(f: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """The derivative of an elementwise function, entry by entry."""
    return mg.grad(lambda x: f(x).sum())(x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_saturated_functions(dtype: Any) -> None:
    """At ±1000 tanh and sigmoid are at their limits with slope 0, and nothing warns."""
    x = np.array([-1000, 1000], dtype)

    assert mg.tanh(x).tolist() == [-1.0, 1.0]
    assert mg.sigmoid(x).tolist() == [0.0, 1.0]
    assert slopes(mg.tanh, x).tolist() == [0.0, 0.0]
    assert slopes(mg.sigmoid, x).tolist() == [0.0, 0.0]
    assert slopes(mg.relu, x).tolist() == [0.0, 1.0]


@given(st.floats(-30, 30))
def test_functions_against_many_digits(x: float) -> None:
    """Values agree with 50 digits of mpmath to a few units in the last place, sigmoid also where it is tiny."""
    with mpmath.workdps(50):
        exact = mpmath.mpf(x)
        expected = {"sigmoid": 1 / (1 + mpmath.exp(-exact)), "tanh": mpmath.tanh(exact), "exp": mpmath.exp(exact)}

    for name, value in expected.items():
        assert float(getattr(mg, name)(x)) == pytest.approx(float(value), rel=1e-14, abs=1e-300)


@given(st.floats(-8, 8))
def test_slopes_against_many_digits(x: float) -> None:
    """The slopes of tanh and sigmoid are right to 1e-15 absolutely: the output form loses no more than that."""
    with mpmath.workdps(50):
        tanh = 1 / mpmath.cosh(mpmath.mpf(x)) ** 2
        sigmoid = mpmath.exp(-mpmath.mpf(x)) / (1 + mpmath.exp(-mpmath.mpf(x))) ** 2

    assert float(mg.grad(mg.tanh)(x)) == pytest.approx(float(tanh), rel=1e-14, abs=1e-15)
    assert float(mg.grad(mg.sigmoid)(x)) == pytest.approx(float(sigmoid), rel=1e-12, abs=1e-15)


def test_where_the_slope_of_tanh_rounds_to_zero() -> None:
    """As documented, 1 − y² is exactly 0 behind 19.2 in float64 and 10 in float32, and not at 18 and 8."""
    assert float(mg.grad(mg.tanh)(19.2)) == 0.0
    assert float(mg.grad(mg.tanh)(18.0)) > 0.0
    assert float(mg.grad(mg.tanh)(np.float32(10.0))) == 0.0
    assert float(mg.grad(mg.tanh)(np.float32(8.0))) > 0.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_huge_logits(dtype: Any) -> None:
    """Logits of ±1e4 give exact log-softmax, softmax and cross-entropy, and a gradient of ŷ − y."""
    logits = np.array([1e4, -1e4, 0], dtype)

    assert mg.log_softmax(logits).tolist() == [0.0, -20000.0, -10000.0]
    assert mg.softmax(logits).tolist() == [1.0, 0.0, 0.0]
    loss, gradient = mg.value_and_grad(mg.cross_entropy)(logits, np.array(1))
    assert float(loss) == 20000.0
    assert gradient.tolist() == [1.0, -1.0, 0.0]
    assert gradient.dtype == dtype


@given(strategies.arrays(st.tuples(st.integers(0, 3), st.integers(1, 4))), st.floats(-1e4, 1e4))
def test_softmax_is_shift_invariant(x: np.ndarray, shift: float) -> None:
    """Adding a number to all logits of a vector changes nothing; softmax sums to 1, exp(log_softmax) is softmax."""
    y = mg.softmax(x)

    np.testing.assert_allclose(mg.softmax(x + shift), y, atol=1e-11)
    np.testing.assert_allclose(y.sum(-1), np.ones(len(x)), rtol=1e-14)
    np.testing.assert_allclose(np.exp(mg.log_softmax(x)), y, rtol=1e-13)


def test_logits_of_minus_infinity() -> None:
    """A logit of −inf is a class that cannot be: probability 0, gradient 0, and no NaN for class indices."""
    logits = np.array([-np.inf, 0.0, 1.0])

    assert mg.softmax(logits)[0] == 0.0
    assert mg.log_softmax(logits)[0] == -np.inf
    loss, gradient = mg.value_and_grad(mg.cross_entropy)(logits, np.array(1))
    assert float(loss) == pytest.approx(math.log(1 + math.e))
    assert gradient[0] == 0.0
    assert np.isfinite(gradient).all()
    assert np.isfinite(mg.grad(lambda x: mg.softmax(x)[1])(logits)).all()


def test_distribution_on_a_logit_of_minus_infinity() -> None:
    """As documented, a distribution with weight 0 on a logit of −inf gives NaN, and NumPy says so."""
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(mg.cross_entropy(np.array([-np.inf, 0.0]), np.array([0.0, 1.0])))


def test_ties() -> None:
    """At a tie each side of maximum and minimum gets half; max(x, x) has slope 1, |x| slope 0 at 0."""
    a, b = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])

    for f, ga in ((mg.maximum, [0.5, 0.0, 1.0]), (mg.minimum, [0.5, 1.0, 0.0])):
        left, right = mg.grad(lambda a, b, f=f: f(a, b).sum(), (0, 1))(a, b)
        assert left.tolist() == ga
        assert (left + right).tolist() == [1.0, 1.0, 1.0]
        _, pushed = mg.jvp(f, (a, b), (np.ones(3), np.zeros(3)))
        assert pushed.tolist() == ga
    assert float(mg.grad(lambda x: mg.maximum(x, x))(2.0)) == 1.0
    assert float(mg.grad(abs)(0.0)) == 0.0
    assert float(mg.grad(mg.relu)(0.0)) == 0.0


def test_sqrt_at_zero() -> None:
    """√ has the value 0 and the slope inf at 0, with NumPy's warning, and NaN below."""
    assert float(mg.sqrt(0.0)) == 0.0
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert float(mg.grad(mg.sqrt)(0.0)) == np.inf
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(mg.sqrt(-1.0))


@pytest.mark.parametrize("make", [int, float, np.array, lambda n: mg.tensor(float(n))])
def test_power_at_zero(make: Callable[[int], Any]) -> None:
    """The slopes of xⁿ at 0 are 0, 1, 0, 0 for n = 0 to 3, and so for the second and third derivatives."""

    def derivative(n: int, order: int) -> float:
        f: Callable[..., Any] = lambda x: x ** make(n)  # noqa: E731 - one function for each n
        for _ in range(order):
            f = mg.grad(f)
        return float(f(0.0))

    assert [derivative(n, 1) for n in range(4)] == [0, 1, 0, 0]
    assert [derivative(n, 2) for n in range(4)] == [0, 0, 2, 0]
    assert [derivative(n, 3) for n in range(4)] == [0, 0, 0, 6]


def test_power_of_zero_in_the_exponent() -> None:
    """∂0ⁿ/∂n is 0, the limit from the right, without a warning; a root at 0 has slope inf, with one."""
    for n in (0.0, 1.0, 2.0):
        assert float(mg.grad(lambda n: 0.0**n)(n)) == 0.0
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert float(mg.grad(lambda x: x**0.5)(0.0)) == np.inf


def test_power_of_negative_base() -> None:
    """Whole exponents take negative bases, as a number and as an array."""
    x = np.array([-2.0, 0.0, 1.0])

    assert mg.grad(lambda x: (x**3).sum())(x).tolist() == [12.0, 0.0, 3.0]
    assert mg.grad(lambda x: (x ** np.array([3.0, 2.0, 0.0])).sum())(x).tolist() == [12.0, 0.0, 0.0]


def test_infinite_results_warn() -> None:
    """Overflow and division by zero give what NumPy gives, with NumPy's warning: nothing is hidden."""
    for f, x, value in ((mg.exp, 1000.0, np.inf), (mg.log, 0.0, -np.inf), (lambda x: mg.divide(1.0, x), 0.0, np.inf)):
        with pytest.warns(RuntimeWarning):
            assert float(f(x)) == value


def test_integer_tensors_compute_as_numpy_does() -> None:
    """Integers keep NumPy's arithmetic, wrap-around included, become floats where NumPy makes floats, untracked."""
    a = mg.tensor(np.array([100], np.int8))

    assert (a + a).value.tolist() == [-56]
    assert (mg.tensor([1, 2]) / 2).value.tolist() == [0.5, 1.0]
    assert not (a + a).tracked
    assert not (mg.tensor([1, 2]) / 2).tracked
    with pytest.raises(ValueError, match="Integers to negative integer powers are not allowed"):
        mg.tensor([1, 2]) ** -1


@pytest.mark.parametrize("dtype", DTYPES)
def test_python_numbers_keep_the_dtype(dtype: Any) -> None:
    """A Python number adapts to the array beside it, on both sides and in every gradient."""
    x = mg.tensor(np.ones(3, dtype))
    results = [x + 1, 1 - x, 2.0 * x, x / 3, 3 / x, x**2, x**0.5, 2.0**x, mg.maximum(x, 0.5), mg.where(x > 0, x, 0.0)]

    assert {result.dtype for result in results} == {np.dtype(dtype)}
    for f in (lambda x: x + 1, lambda x: 2.0**x, lambda x: x**2, lambda x: mg.where(x > 0.5, 2.0, x)):
        assert mg.grad(lambda x, f=f: f(x).sum())(x.value).dtype == dtype
        assert mg.hessian(lambda x, f=f: f(x).sum())(x.value).dtype == dtype


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3, 0), (1,)])
def test_empty_and_scalar_arrays(shape: tuple[int, ...]) -> None:
    """Empty and 0-d arrays go through functions and gradients with their shapes."""
    x = np.full(shape, 0.5)

    def f(x: Any) -> Any:
        y = mg.tanh(x) * x + mg.sigmoid(x) / 2.0
        return mg.sum(mg.where(y > 0, y, -y) ** 2)

    value, gradient = mg.value_and_grad(f)(x)
    assert np.shape(value) == ()
    assert np.shape(gradient) == shape
    assert np.shape(mg.hessian(f)(x)) == shape + shape
    if x.size == 0:
        assert float(value) == 0.0


def test_reductions_of_nothing() -> None:
    """The sum of no entries is 0; the mean of none is NaN with NumPy's warning; softmax of none is empty."""
    assert float(mg.sum(np.zeros(0))) == 0.0
    assert mg.sum(np.zeros((2, 0)), -1).tolist() == [0.0, 0.0]
    assert mg.softmax(np.zeros((2, 0))).shape == (2, 0)
    assert mg.log_softmax(np.zeros((2, 0))).shape == (2, 0)
    with pytest.warns(RuntimeWarning):
        assert np.isnan(mg.mean(np.zeros(0)))


def test_nothing_to_join() -> None:
    """Concatenating or stacking no arrays says so."""
    with pytest.raises(ShapeError, match="concatenate needs at least one array, got none"):
        mg.concatenate([])
    with pytest.raises(ShapeError, match="stack needs at least one array, got none"):
        mg.stack([])


def test_class_indices() -> None:
    """Class indices may be of any integer type; out of range, of a wrong shape or fractions they are refused."""
    logits = np.zeros((2, 3))

    for dtype in (np.int8, np.uint8, np.int64):
        assert mg.cross_entropy(logits, np.array([0, 2], dtype)).tolist() == pytest.approx([math.log(3)] * 2)
    assert mg.cross_entropy(logits, [0, 2]).shape == (2,)
    with pytest.raises(IndexError, match="class index 3 is out of range; with 3 logits use 0 to 2"):
        mg.cross_entropy(logits, np.array([0, 3]))
    with pytest.raises(IndexError, match="class index -1 is out of range"):
        mg.cross_entropy(logits, np.array([0, -1]))
    with pytest.raises(DtypeError, match="class indices must be integers, got float64"):
        mg.cross_entropy(logits, np.array([0.0, 1.0]))
    with pytest.raises(ShapeError, match=r"pass class indices of shape \(2,\) or distributions of shape \(2, 3\)"):
        mg.cross_entropy(logits, np.array([0, 1, 2]))


@given(st.data())
def test_cross_entropy_of_indices_is_that_of_one_hot(data: st.DataObject) -> None:
    """Class indices are shorthand for one-hot distributions: same value, same gradient, which is ŷ − y."""
    logits = data.draw(strategies.arrays(strategies.shapes(min_dims=1)))
    labels = np.array(data.draw(st.lists(st.integers(0, logits.shape[-1] - 1), min_size=1, max_size=1)) * 1)[0]
    labels = np.full(logits.shape[:-1], labels)
    one_hot = np.eye(logits.shape[-1])[labels]

    by_index, g_index = mg.value_and_grad(lambda x: mg.cross_entropy(x, labels).sum())(logits)
    by_weight, g_weight = mg.value_and_grad(lambda x: mg.cross_entropy(x, one_hot).sum())(logits)

    assert float(by_index) == pytest.approx(float(by_weight), rel=1e-13)
    np.testing.assert_allclose(g_index, g_weight, atol=1e-14)
    np.testing.assert_allclose(g_index, mg.softmax(logits) - one_hot, atol=1e-14)


def test_slices_of_a_long_array_accumulate_in_place() -> None:
    """T slices of an array of T steps give one array of gradients, each entry counted as often as it was read."""
    xs = np.arange(12.0).reshape(6, 2)

    def f(xs: Any) -> Any:
        return sum((t + 1) * xs[t].sum() for t in range(6)) + xs[::2].sum() + xs[-1, 0] + xs[[0, 0]].sum()

    expected = np.arange(1.0, 7.0)[:, None] * np.ones(2)
    expected[::2] += 1
    expected[-1, 0] += 1
    expected[0] += 2
    assert mg.grad(f)(xs).tolist() == expected.tolist()


def test_indices_are_copied() -> None:
    """Writing into an index array after indexing with it does not move the gradient."""
    x, index = mg.tensor([1.0, 2.0, 3.0]), np.array([0, 1])
    y, z = x[index].sum(), mg.take(x, index).sum()
    index[:] = 2

    (y + z).backward()

    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0, 0.0]


def test_indexing_with_tensors() -> None:
    """Integer Tensors pick along the first axis; masks and mixtures that are Tensors are refused with a way out."""
    x = mg.tensor([[1.0, 2.0], [3.0, 4.0]])

    assert x[mg.tensor([1, 1])].value.tolist() == [[3.0, 4.0], [3.0, 4.0]]
    with pytest.raises(ShapeError, match=r"use where\(mask, x, 0.0\)"):
        x[x > 2]
    with pytest.raises(ShapeError, match=r"use take\(x, i, axis\) for other axes"):
        x[:, mg.tensor(0)]
    with pytest.raises(IndexError):
        x[2]


@pytest.mark.parametrize(
    "index", [((0, 0),), ((0, 0), (1, 1)), ([0, 0], (1, 1)), [], ([],), ((), 0), (slice(None), (0, 0, 1)), [[0, 0]]]
)
def test_indices_of_nested_sequences(index: Any) -> None:
    """Lists and tuples inside an index are arrays of positions: repeated entries add up, empty ones take nothing."""
    x = np.arange(4.0).reshape(2, 2)
    picked = mg.tensor(x)[index]
    np.testing.assert_array_equal(picked.value, x[index])

    expected = np.zeros_like(x)
    np.add.at(expected, index if isinstance(index, tuple) else (np.array(index, int),), 1.0)
    np.testing.assert_array_equal(mg.grad(lambda v: v[index].sum())(x), expected)


@pytest.mark.parametrize("f", [mg.softmax, mg.log_softmax])
def test_softmax_of_whole_numbers(f: Any) -> None:
    """Whole numbers are taken as floats, as NumPy's exp takes them."""
    np.testing.assert_array_equal(f(np.array([1, 2, 3])), f(np.array([1.0, 2.0, 3.0])))
