"""The numbers that claims about the LSTM's gates rest on, computed a second time by NumPy alone."""

import numpy as np
import pytest

import cells.claims.lstm_gates as gates
from cells import claims


def sigmoid(x):
    """1 / (1 + e⁻ˣ)."""
    return 1 / (1 + np.exp(-x))


def lstm_unit(c, steps, f, i, g):
    """c after some steps with fixed gates."""
    for _ in range(steps):
        c = f * c + i * g
    return c


def test_figures_of_the_gates():
    """Each helper's numbers are those of the formula in its docstring, not merely on the right side of a bound."""
    driven = gates._driven()
    assert driven["f"] == pytest.approx(sigmoid(-2.0), rel=1e-12)
    assert driven["steps to a half"] == pytest.approx(np.log(0.5) / np.log(sigmoid(-2.0)), rel=1e-12)
    s, g = sigmoid(9.0), np.tanh(9.0)
    uncoupled = gates._uncoupled()
    assert uncoupled["c_10 uncoupled"] == pytest.approx(lstm_unit(0.0, 10, s, s, g), rel=1e-12)
    assert uncoupled["c_10 coupled"] == pytest.approx(lstm_unit(0.0, 10, 1 - s, s, g), rel=1e-12)
    assert gates._peeping()["f"] == pytest.approx(sigmoid(1.0), rel=1e-12)
    for writes in (9.0, -9.0):
        assert gates._kept(writes) == pytest.approx(lstm_unit(1.0, 20, s, sigmoid(writes), g), rel=1e-12)


def test_shared_gates_are_read_off_the_states():
    """i, f and o of the shared net are the logistic function of one argument, for several draws."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        U, W, b = (rng.normal() for _ in "UWb")
        x, h = rng.normal(size=(1, 1)), rng.normal(size=1)
        expected = sigmoid(U * x[0, 0] + W * h[0] + b)
        assert list(gates._shared_gates(seed).values()) == pytest.approx([expected] * 3, rel=1e-9)


@pytest.mark.parametrize("name", ["forget_bias", "shared_weights"])
def test_counterexamples_reject_what_shows_nothing(name):
    """The number that would fit the claim contradicts nothing: every condition of `shows` counts alone."""
    example = next(claim for claim in claims.examine() if claim.name == name).counterexample
    found = example.compute()
    assert example.shows(found)
    harmless = {
        "forget_bias": {"f": 0.731, "steps to a half": 2.2},
        "shared_weights": {
            "|f − i| shared": 0.1,
            "c after 20 steps, f = 1 shared, c_0 = 1": 1.0,
            "c after 20 steps, f = 1, i = 0, c_0 = 1": 2.0,
        },
    }[name]
    for key, value in harmless.items():
        assert not example.shows({**found, key: value})
