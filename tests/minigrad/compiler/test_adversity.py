"""Plans under conditions that nobody plans for: numbers that leave the graph, recursion, odd arrays and numbers."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler import CompileArgumentError
from minigrad.errors import OptionError, ValueDependentError


@pytest.mark.parametrize(
    "f",
    [
        lambda x: mg.where(x.value > 0, x, -x),
        lambda x: x * np.sign(x.value),
        lambda x: x * np.round(x.value),
        lambda x: x[int(np.argmax(x.value))],
        lambda x: x * 0.5 if np.abs(x.value).max() > 10 else x,
        lambda x: x * (np.linalg.norm(x.value) < 0.5),
    ],
)
def test_what_only_jumps_with_the_values_is_refused(f):
    """A sign, a mask, a rounded number or a place computed outside of the graph is no constant."""
    with pytest.raises(ValueDependentError):
        mg.compile(f)(np.array([1.0, -2.0, 3.0]))


@pytest.mark.parametrize(
    "numbers", [np.array([2, 0, 1]), np.array([1, 1, 1]), np.array([0, 0, 0]), np.array([True, False, True])]
)
@pytest.mark.parametrize("f", [lambda x, n: x * n.value, lambda x, n: x[n.value], lambda x, n: x * mg.tensor(n.value)])
def test_integers_that_leave_the_graph_are_refused(f, numbers):
    """Whole numbers and truth values that Python code reads are no constants either."""
    with pytest.raises(ValueDependentError):
        mg.compile(f)(np.array([1.0, -2.0, 3.0]), numbers)


def test_a_check_of_values_is_no_dependence():
    """A function that only checks its values compiles, though other values would fail the check."""

    def f(x, n):
        assert np.all(x.value > 0)
        assert n.value.sum() == 3
        return mg.log(x) * n

    x, n = np.array([1.0, 2.0]), np.array([1, 2])
    np.testing.assert_array_equal(mg.compile(f)(x, n), np.log(x) * n)


def test_a_compiled_function_may_call_itself():
    """Recursion on plain arrays, while the function is traced, makes one plan for each depth."""

    def power(n, x):
        return x if n == 0 else x * f(n - 1, np.full(2, 2.0))

    f = mg.compile(power)
    with ThreadPoolExecutor(1) as pool:
        np.testing.assert_array_equal(pool.submit(f, 3, np.ones(2)).result(30), [8.0, 8.0])
    assert f.traces == 4


def test_recursion_without_end_is_an_error():
    """A compiled function that calls itself for ever raises at once, as Python does."""
    f = mg.compile(lambda n, x: f(n + 1, np.ones(2)))
    with pytest.raises(RecursionError):
        f(0, np.ones(2))


def test_two_functions_that_call_each_other_in_two_threads():
    """Neither waits for a plan that the other is making."""

    def first(n, x):
        return x if n == 0 else x + g(n - 1, np.ones(2))

    def second(n, x):
        return x if n == 0 else x + f(n - 1, np.ones(2))

    f, g = mg.compile(first, limit=100), mg.compile(second, limit=100)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(h, n, np.ones(2)) for n in range(12) for h in (f, g)]
        for call in as_completed(calls, timeout=60):
            assert call.result()[0] >= 1.0


def test_iterators_are_refused():
    """What the first trace would use up is no argument."""
    with pytest.raises(CompileArgumentError, match="generator"):
        mg.compile(sum)(x for x in [np.ones(2)])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))])
def test_copies_and_pickles(copied):
    """A copy computes the same with plans of its own."""
    f = mg.compile(mg.tanh, limit=3)
    x = np.array([0.5, -1.0])
    expected = f(x)
    other = copied(f)
    assert len(other) == 0
    np.testing.assert_array_equal(other(x), expected)


@pytest.mark.parametrize("dtype", [">f8", ">f4"])
def test_arrays_in_foreign_byte_order(dtype):
    """Arrays of the other byte order, as files may hold them, are taken like any other."""
    x = np.array([0.5, -1.0], dtype)
    f = mg.value_and_grad(lambda x: mg.tanh(mg.stack([x, x * 2.0])).sum())
    for got, expected in zip(mg.compile(f)(x), f(x), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6)
        assert got.dtype.isnative


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: mg.stack([a, b]),
        lambda a, b: mg.stack([a, b])[0],
        lambda a, b: mg.stack([mg.tanh(a), mg.tanh(b)]),
        lambda a, b: mg.concatenate([a, b]),
    ],
)
@pytest.mark.parametrize("kinds", [("f4", "f8"), ("?", "i8"), ("i2", "f4"), ("f8", "f4")])
def test_parts_of_different_precision(f, kinds):
    """A stack has the wider of its parts' dtypes, and loses no digit."""
    args = [np.array([0.1, 1.0, 3.0]).astype(kind) for kind in kinds]
    expected = f(*args)
    result = mg.compile(f)(*args)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("kind", ["u1", "u8", "i2", "?", "i8"])
def test_logistic_function_of_whole_numbers(kind):
    """σ of 0, 1 and 3, also where no number has a negative: the same in a plan as without."""
    x = np.array([0, 1, 3]).astype(kind)
    expected = 1 / (1 + np.exp(-x.astype(float)))
    np.testing.assert_allclose(mg.sigmoid(x), expected, rtol=2e-3)
    result = mg.compile(mg.sigmoid)(x)
    assert result.dtype == mg.sigmoid(x).dtype
    np.testing.assert_allclose(result, expected, rtol=2e-3)


@pytest.mark.parametrize("limit", [0, -1, None, "8", 2.5])
def test_limits_that_are_none(limit):
    """A limit under which no plan could be kept is refused at once, not at the first call."""
    with pytest.raises(OptionError, match="limit"):
        mg.compile(mg.tanh, limit=limit)
