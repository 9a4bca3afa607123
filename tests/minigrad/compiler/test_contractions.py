"""Sums of products are products of matrices, whatever the axes are."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import agree
from test_agreement import training_step

import minigrad as mg
from cells import LSTM, AttentionCell
from minigrad.compiler import PASSES
from minigrad.compiler.kernels import contract


@st.composite
def problems(draw):
    """Two arrays, some axes of length 1 in one of them, some seen through strides, and the axes to sum over."""
    ndim = draw(st.integers(1, 4))
    shape = [draw(st.integers(1, 3)) for _ in range(ndim)]
    has = [draw(st.sampled_from(["a", "b", "ab", "ab"])) for _ in range(ndim)]
    axis = tuple(i for i in range(ndim) if has[i] == "ab" and draw(st.booleans()))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    arrays = []
    for name in "ab":
        own = [size if name in letters else 1 for size, letters in zip(shape, has, strict=True)]
        order = draw(st.permutations(range(ndim)))
        step = draw(st.integers(1, 2))
        stored = rng.standard_normal([own[i] * step for i in order])[(slice(None, None, step),) * ndim]
        arrays.append(stored.transpose(np.argsort(order)))
    return *arrays, axis


@given(problems())
def test_any_axes_and_strides(problem):
    """Written into any array, the sum is that of the products."""
    a, b, axis = problem
    expected = (a * b).sum(axis)
    for out in (np.full(expected.shape, np.nan), np.full((*expected.shape, 2), np.nan)[..., 0]):
        for f, args in contract(out, a, b, axis=axis, ndim=a.ndim):
            f(*args)
        np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("left", "right", "axis"),
    [
        ((4, 2, 3), (3,), -1),
        ((4, 2, 1), (4, 2, 3), 0),
        ((4, 2, 3), (2, 3), (2,)),
        ((4, 2, 3), (4, 2, 3), (0, 1, 2)),
        ((4, 2, 3), (4, 2, 3), (0, 1)),
        ((4, 2, 3), (4, 2, 1), (0, 1)),
        ((4, 1), (1, 3), 0),
    ],
)
def test_plans_of_sums_of_products(left, right, axis):
    """Value and gradients agree with the engine, also where the sum is over axes that one factor does not have."""
    rng = np.random.default_rng(0)
    args = rng.standard_normal(left), rng.standard_normal(right)
    agree(mg.value_and_grad(lambda a, b: mg.tanh(mg.sum(a * b, axis)).sum(), wrt=(0, 1)), args, frozenset(PASSES))


def test_attention_makes_no_array_of_products():
    """Scores, context and their cotangents are products of matrices, which saves calls and memory."""
    f, args = training_step(AttentionCell(LSTM(4, 4)), np.float64, steps=10)
    plan = mg.compile(f).plan(*args)
    without = mg.compile(f, passes=frozenset(PASSES) - {"contractions"}).plan(*args)
    count = Counter(node.op for node in plan.storage.order)
    assert count["contract"] >= 3 * 10
    assert len(plan.calls) < len(without.calls)
    assert plan.storage.allocated <= without.storage.allocated
