"""Step Jacobians and the norms of their products, against central differences and each other."""

from math import log
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

import minigrad as mg
from cells import GRU, LSTM, RNN, unroll
from cells.analysis import diagnose, jacobians
from cells.analysis.diagnosis import rate_per_step
from cells.analysis.jacobians import LagNorms, lag_norms, step_jacobians

seeds = st.integers(0, 10_000)


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
@given(seed=seeds, steps=st.integers(1, 4))
def test_products_are_the_derivative_of_the_whole_run(kind, seed, steps):
    """J_T ⋯ J_1 is the central difference of the last state in the first."""
    rng = np.random.default_rng(seed)
    cell = kind(2, 3)
    params, xs = cell.init(rng), rng.normal(size=(steps, 2))
    parts = len(cell.initial_state())
    start = rng.normal(size=3 * parts) / 2

    def run(flat):
        state = type(cell.initial_state())(*flat.reshape(parts, 3))
        return np.concatenate(unroll(cell, params, xs, state).final)

    state = type(cell.initial_state())(*start.reshape(parts, 3))
    product = np.linalg.multi_dot(
        [np.eye(3 * parts), *step_jacobians(cell, params, xs, state)[::-1], np.eye(3 * parts)]
    )

    h = 1e-5
    central = np.stack([(run(start + h * e) - run(start - h * e)) / (2 * h) for e in np.eye(3 * parts)], 1)
    np.testing.assert_allclose(product, central, atol=1e-8)


@given(seeds, st.integers(1, 6))
def test_lag_norms(seed, steps):
    """Each lag's norm is that of its own product, and never more than the product of the steps' norms."""
    rng = np.random.default_rng(seed)
    jacobians = list(rng.normal(size=(steps, 3, 3)))

    found = lag_norms(jacobians)

    for lag in range(steps + 1):
        product = np.eye(3)
        for jacobian in jacobians[steps - lag :]:
            product = jacobian @ product
        assert found.measured[lag] == pytest.approx(np.sqrt(np.linalg.eigvalsh(product.T @ product).max()), rel=1e-9)
    assert (found.measured <= found.stepwise * (1 + 1e-9)).all()


def test_a_scalar_linear_net_decays_as_its_weight():
    """x_t = 2 x_{t−1}: the sensitivity at lag k is 2^k."""
    assert lag_norms([np.array([[2.0]])] * 3).measured.tolist() == [1, 2, 4, 8]


@given(st.floats(0.05, 0.9), st.integers(2, 40))
def test_half_life_is_that_of_the_decay(rate, steps):
    """For an exact exponential the sentence gives its rate and its half-life."""
    norms = rate ** np.arange(steps + 1.0)
    said = " ".join(diagnose(LagNorms(norms, norms), bound=norms).sentences())

    assert rate_per_step(norms) == pytest.approx(rate)
    assert f"halves every {log(0.5) / log(rate):.3g} steps" in said
    assert ("falls below 1e-06" in said) == (norms[-1] < 1e-6)


@pytest.mark.parametrize(
    ("norms", "words"),
    [
        ([1, 2, 4], "doubles every 1 steps"),
        ([1, 1, 1], "neither fades nor grows"),
        ([1, 0, 0], "at lag 2 nothing is left"),
        ([1, 1e-7, 0], "below 1e-06 at lag 1, and at lag 2 nothing"),
        ([1, np.inf], "overflows"),
        ([1, 3, 0.1], "largest at lag 1, with 3"),
    ],
)
def test_what_is_said(norms, words):
    """Growth, standstill, zero, overflow and a hump each have their own sentence."""
    array = np.array(norms, float)

    assert words in " ".join(diagnose(LagNorms(array, array)).sentences())


def test_inputs_of_another_size_are_refused():
    """Inputs that are not as long as the cell's raise the error that `unroll` raises."""
    with pytest.raises(mg.errors.ShapeError):
        step_jacobians(RNN(2, 3), RNN(2, 3).init(np.random.default_rng(0)), np.ones((3, 4)))


@pytest.mark.parametrize("cell", [RNN(2, 3), LSTM(2, 3, peephole=True), GRU(2, 3), GRU(2, 3, reset="after")], ids=repr)
def test_columns_by_forward_sweeps_are_those_of_reverse_sweeps(cell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step Jacobians of the textbook's cells come from forward sweeps, and are those of one reverse sweep a row."""
    rng = np.random.default_rng(3)
    params, xs = {name: rng.normal(size=w.shape) for name, w in cell.init(rng).items()}, rng.normal(size=(4, 2))
    rows = jacobians._by_rows
    monkeypatch.setattr(jacobians, "_by_rows", None)
    by_columns = step_jacobians(cell, params, xs)
    monkeypatch.setattr(jacobians, "_by_rows", rows)
    monkeypatch.setattr(jacobians, "_by_columns", lambda *args: None)

    np.testing.assert_allclose(by_columns, step_jacobians(cell, params, xs), rtol=1e-12, atol=1e-14)


def test_measurements_side_by_side_give_the_threads_of_blas_back() -> None:
    """Two measurements that overlap in two threads leave the number of BLAS threads as it was."""

    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before, inside, leave = threads(), Event(), Event()

    def other() -> None:
        with jacobians.one_blas_thread():
            inside.set()
            leave.wait(10)

    thread = Thread(target=other)
    with jacobians.one_blas_thread():
        thread.start()
        inside.wait(10)
        assert set(threads()) <= {1}
    leave.set()
    thread.join()
    assert threads() == before
