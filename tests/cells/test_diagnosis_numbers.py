"""The numbers of a diagnosis, from norms that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import LSTM, unroll
from cells.analysis.diagnosis import diagnose_numbers, rate_per_step, saturation
from cells.analysis.jacobians import LagNorms


@given(rate=st.floats(0.3, 1.7), steps=st.integers(1, 40))
def test_an_exponential_is_read_back(rate, steps):
    """Norms r⁰, r¹, … have the rate r, halve every log ½ / log r steps and are lost where they first pass 1e-6."""
    norms = 3.0 * rate ** np.arange(steps + 1)
    found = diagnose_numbers(LagNorms(norms, norms), bound=2 * norms)
    assert found.rate_per_step == pytest.approx(rate, rel=1e-12)
    assert rate_per_step(norms) == pytest.approx(rate, rel=1e-12)
    assert (found.steps, found.final_norm, found.bound) == (steps, norms[-1], 2 * norms[-1])
    assert found.lost_at == next((k for k, norm in enumerate(norms) if norm < 1e-6), None)
    assert found.largest_at == (0 if rate <= 1 else steps)
    if rate < 0.99:
        assert found.half_life == pytest.approx(np.log(0.5) / np.log(rate), rel=1e-9)
    if rate > 0.996:
        assert found.half_life is None


def test_the_largest_norm_is_the_largest_finite_one():
    """A peak in the middle is found, and an overflow beside it hides the last norm alone."""
    norms = np.array([1.0, 4.0, np.inf, 0.5])
    found = diagnose_numbers(LagNorms(norms, norms))
    assert (found.largest_at, found.largest_norm) == (1, 4.0)
    assert np.isnan(found.final_norm)


@pytest.mark.parametrize(("y", "share"), [(0.0, 0.0), (0.94, 0.0), (0.955, 1.0)])
def test_saturated_gates_of_tanh(y, share):
    """A tanh gate is saturated from |y| = √0.9 = 0.949 on."""
    _assert_saturation("g", np.arctanh(y), share)


@pytest.mark.parametrize(("y", "share"), [(0.5, 0.0), (0.97, 0.0), (0.976, 1.0), (0.024, 1.0), (0.028, 0.0)])
def test_saturated_gates_of_sigma(y, share):
    """A logistic gate is saturated below 0.0257 and above 0.9743."""
    _assert_saturation("f", np.log(y / (1 - y)), share)


def _assert_saturation(gate, a, share):
    """Half of a gate's entries at a, half at 0, where nothing is saturated."""
    cell = LSTM(1, 2)
    params = mg.pytree.tree_map(lambda p: 0.0 * p, cell.init(np.random.default_rng(0)))
    params[f"U_{gate}"] = np.array([[a], [0.0]])
    graph = mg.trace(lambda params: unroll(cell, params, np.ones((1, 1))).final.h.sum(), params)
    assert saturation(graph)[gate] == pytest.approx(share / 2)
