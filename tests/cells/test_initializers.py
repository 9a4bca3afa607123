"""Initial values: the identities that the papers promise, exactly."""

from functools import partial

import numpy as np
import pytest
from cell_cases import close, seeds, sigma, sizes
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import GRU, LSTM, RNN, unroll
from cells.initializers import chrono, forget_bias, glorot, identity, orthogonal

dtypes = st.sampled_from([np.float64, np.float32])


@given(seeds, st.integers(1, 6), st.integers(1, 6), dtypes)
def test_orthogonal_has_singular_values_one(seed: int, m: int, n: int, dtype: type) -> None:
    """All singular values are 1, tall or wide."""
    W = orthogonal(np.random.default_rng(seed), (m, n), dtype)
    assert (W.shape, W.dtype) == ((m, n), dtype)
    close(np.linalg.svd(W.astype(float), compute_uv=False), np.ones(min(m, n)), 1e-6 if dtype == np.float32 else 1e-13)


def test_orthogonal_is_uniform() -> None:
    """Both signs of the determinant appear equally often: the QR factor's own signs would be biased."""
    rng = np.random.default_rng(0)
    signs = [np.sign(np.linalg.det(orthogonal(rng, (3, 3)))) for _ in range(400)]
    assert abs(np.mean(signs)) < 0.15
    entries = [orthogonal(rng, (3, 3))[0, 0] for _ in range(400)]
    assert abs(np.mean(entries)) < 0.1


@given(seeds, sizes, sizes, dtypes)
def test_glorot_stays_within_its_limit(seed: int, m: int, n: int, dtype: type) -> None:
    """Every entry lies in ±√(6 / (m + n))."""
    W = glorot(np.random.default_rng(seed), (m, n), dtype)
    assert (W.shape, W.dtype) == ((m, n), dtype)
    assert np.all(np.abs(W) <= np.sqrt(6 / (m + n)) * (1 + 1e-6))


def test_glorot_variance() -> None:
    """The variance is 2 / (m + n)."""
    W = glorot(np.random.default_rng(0), (200, 100))
    assert abs(W.var() * 300 / 2 - 1) < 0.03


@given(seeds, st.floats(2, 1e6))
def test_chrono_is_the_papers_identity(seed: int, longest: float) -> None:
    """1 / (1 − σ(b)) = 1 + u with the u that was drawn, between 2 and `longest` steps."""
    u = np.random.default_rng(seed).uniform(1.0, longest - 1.0, 7)
    b = chrono(np.random.default_rng(seed), 7, longest)
    close((1 / (1 - sigma(b))) / (1 + u), np.ones(7), 1e-9)
    assert np.all((1 + u >= 2) & (1 + u <= longest))


def test_chrono_reaches_the_gates() -> None:
    """b_i = −b_f in the LSTM; the GRU's b_z keeps or writes, whichever z does."""
    rng = np.random.default_rng
    lstm = LSTM(2, 3, chrono=50.0).init(rng(0))
    assert np.array_equal(lstm["b_i"], -lstm["b_f"])
    assert np.all(lstm["b_f"] >= 0)
    assert "b_i" not in LSTM(2, 3, chrono=50.0, coupled=True).init(rng(0))
    keep, write = (GRU(2, 3, chrono=50.0, update=update).init(rng(0))["b_z"] for update in ("keep", "write"))
    assert np.array_equal(keep, -write)
    with pytest.raises(ValueError, match="at least 2"):
        LSTM(2, 3, chrono=1.0).init(rng(0))


@given(seeds, sizes, st.floats(-3, 3))
def test_forget_bias(seed: int, H: int, value: float) -> None:
    """Only b_f starts at the forget bias, 1 by default; all other biases are zero."""
    rng = np.random.default_rng(seed)
    params = LSTM(2, H, forget_bias=value).init(rng)
    assert np.all(params["b_f"] == value)
    assert not any(np.any(params[f"b_{k}"]) for k in "igo")
    assert np.array_equal(forget_bias(rng, 3), np.ones(3))


def test_forget_bias_of_one_halves_memory_in_two_steps() -> None:
    """With zero weights and b_f = 1, ∂c_T/∂c_0 = σ(1)ᵀ: a half-life of 2.21 steps."""
    cell = LSTM(1, 1)
    params = {key: 0 * value for key, value in cell.init(np.random.default_rng(0)).items()} | {"b_f": np.ones(1)}
    xs = np.zeros((20, 1))
    J = mg.jacobian(lambda c: unroll(cell, params, xs, type(cell.initial_state())(np.zeros(1), c)).final.c)(np.zeros(1))
    close(J, sigma(np.ones((1, 1))) ** 20)
    assert abs(np.log(2) / -np.log(sigma(np.ones(1)))[0] - 2.21) < 0.005


@given(seeds, st.integers(1, 20))
def test_irnn_keeps_a_positive_state_forever(seed: int, T: int) -> None:
    """relu with W = I and no input copies h_0 ≥ 0, and ∂h_T/∂h_0 = I, at any distance."""
    rng = np.random.default_rng(seed)
    cell = RNN(1, 3, activation="relu", recurrent_init=identity)
    params, h = cell.init(rng), rng.random(3) + 0.1
    state = cell.initial_state()._replace(h=h)
    xs = np.zeros((T, 1))
    assert np.array_equal(unroll(cell, params, xs, state).final.h, h)
    J = mg.jacobian(lambda h: unroll(cell, params, xs, state._replace(h=h)).final.h)(h)
    assert np.array_equal(J, np.eye(3))


def test_scaled_identity() -> None:
    """A scaled identity forgets at the rate of its scale."""
    cell = RNN(1, 2, activation="relu", recurrent_init=partial(identity, scale=0.01))
    assert np.array_equal(cell.init(np.random.default_rng(0))["W"], 0.01 * np.eye(2))
    assert identity(np.random.default_rng(0), (2, 2), np.float32).dtype == np.float32
