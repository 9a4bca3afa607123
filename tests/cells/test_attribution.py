"""Parts of a gradient where a weight or a state is used several times: nothing is overwritten."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells.analysis import lag_parts, route_parts
from minigrad.context import TimeStep

seeds = st.integers(0, 2**32 - 1)


def _losses(W, xs, other=None):
    """h_t = tanh(W tanh(W h_{t−1} + x_t)): W twice in a step, with `other` in the place of the W of step 2."""
    h, found = np.zeros(2), []
    for t, x in enumerate(xs, 1):
        V = W if other is None or t != 2 else other
        with mg.scope(TimeStep(t)):
            h = mg.tanh(mg.linear(V, mg.tanh(mg.linear(V, h) + x)))
            found.append((h * h).sum())
    return mg.stack(found)


@given(seed=seeds)
def test_a_weight_used_twice_in_a_step_has_both_uses_in_its_column(seed):
    """A column that keeps the last use alone is wrong: it is the Jacobian in that step's W, both places together."""
    rng = np.random.default_rng(seed)
    W, xs = rng.normal(size=(2, 2)), rng.normal(size=(3, 2))
    parts = lag_parts(mg.trace(_losses, W, xs), "W")
    np.testing.assert_allclose(parts[:, 1], mg.jacobian(lambda V: _losses(W, xs, V))(W), atol=1e-12)
    np.testing.assert_allclose(parts.sum(1), mg.jacobian(lambda V: _losses(V, xs))(W), atol=1e-12)


@given(seed=seeds)
def test_routes_that_meet_again_are_added(seed):
    """Two paths of one route into one node add up, also where a gate's paths meet the direct one."""
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=3), rng.normal(size=3)

    def loss(x):
        u = mg.named("u", x * 2.0)
        a = mg.named("a", mg.tanh(u))
        return (a * w + a * a + u * u + mg.sigmoid(u) + u).sum()

    parts = route_parts(mg.trace(loss, x), "x", through=("a",))
    u, a = 2 * x, np.tanh(2 * x)
    s = 1 / (1 + np.exp(-u))
    np.testing.assert_allclose(parts["a"], 2 * (w + 2 * a) * (1 - a**2), atol=1e-12)
    np.testing.assert_allclose(parts["direct"], 2 * (2 * u + s * (1 - s) + 1), atol=1e-12)
    np.testing.assert_allclose(sum(parts.values()), mg.grad(loss)(x), atol=1e-12)
