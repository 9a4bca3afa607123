import json

import numpy as np
import pytest
from drawn import net_of
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import (
    GRU,
    LSTM,
    RNN,
    AttentionCell,
    BatchFirst,
    Bidirectional,
    Conv1d,
    FeedForward,
    RNNState,
    Stacked,
    unroll,
)
from cells.analysis import diagnose, diagnose_net, flow_norms, measured_lags
from cells.analysis.diagnosis import saturation
from cells.analysis.jacobians import LagNorms
from cells.analysis.norms import spectral_norm
from minigrad.pytree import tree_map


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
@given(seed=st.integers(0, 1000))
def test_routes_of_a_diagnosis_add_up(kind, seed):
    """The shares at the first state sum to 1, and what is said names the largest where there is a choice."""
    norms = np.array([1.0, 0.5])

    found = diagnose(LagNorms(norms, norms), net_of(kind(2, 3), 3, seed))

    assert sum(found.routes.values()) == pytest.approx(1.0)
    way = max(found.routes, key=found.routes.get)
    assert (
        len(found.routes) == 1
        or ("meets no gate" if way == "direct" else f"through {way} first") in found.sentences()[-1]
    )


@given(st.floats(-8, 8))
def test_saturation_is_counted_by_the_slope(a):
    """A tanh counts as saturated exactly where 1 − h² is below a tenth."""
    cell = RNN(1, 2)
    params = {"U": np.array([[a], [0.0]]), "W": np.zeros((2, 2)), "b": np.zeros(2)}
    graph = mg.trace(lambda p, xs: unroll(cell, p, xs).final.h.sum(), params, np.ones((1, 1)))

    assert saturation(graph) == {"h": 0.5 if 1 - np.tanh(a) ** 2 < 0.1 else 0.0}


@pytest.mark.parametrize("norms", [[1, 0.5, 0.25], [1, np.inf, np.nan], [1, 0, 0], [1]])
def test_json_can_be_read_by_any_program(norms):
    """The numbers can be read back, whatever they are: inf and nan, which JSON does not have, are not in it."""
    array = np.array(norms, float)
    with np.errstate(all="ignore"):
        found = diagnose(LagNorms(array, array), net_of(RNN(2, 2), 2), array)

    read = json.loads(found.json())

    assert read["steps"] == len(norms) - 1
    assert set(read["saturated"]) == {"h"}
    assert "NaN" not in found.json()
    assert "Infinity" not in found.json()


def test_json_says_what_the_sentences_say():
    """The rate and the half-life that are said are those that are written."""
    norms = np.array([1, 0.5, 0.25])
    found = diagnose(LagNorms(norms, norms))

    read = json.loads(found.json())

    assert (read["rate_per_step"], read["half_life"]) == (0.5, 1.0)
    assert "a factor of 0.5 per step, so it halves every 1 steps" in found.sentences()[0]


class Own:
    """A user's cell with a gate e = exp(W h + U x), which no bound holds, written for one sequence at a time."""

    input_size, hidden_size = 2, 3

    def init(self, rng, dtype=np.float64):
        """W and U."""
        return {"W": rng.normal(size=(3, 3)).astype(dtype), "U": rng.normal(size=(3, 2)).astype(dtype)}

    def initial_state(self, batch_shape=(), dtype=np.float64):
        """Zeros."""
        return RNNState(np.zeros((*batch_shape, 3), dtype))

    def step(self, params, state, x):
        """One step."""
        return RNNState(np.exp(params["W"] @ state.h + params["U"] @ x))


EVERY = {
    "relu": RNN(2, 3, activation="relu"),
    "relu gates": LSTM(2, 3, input_activation="relu", output_activation="relu"),
    "full gate recurrence": LSTM.variant("FGR", 2, 3),
    "attention before": AttentionCell(GRU(2, 3)),
    "attention after": AttentionCell(LSTM(2, 3), when="after", score="dot"),
    "attention of layers": AttentionCell(Stacked([RNN(2, 3), RNN(3, 3)])),
    "convolution": Conv1d(2, 3, 3),
    "no memory": FeedForward(2, 3),
    "both ways": Stacked([Bidirectional(RNN(2, 3), GRU(2, 3)), LSTM(6, 3)]),
    "batch first": BatchFirst(LSTM(2, 3)),
    "without biases": GRU(2, 3, bias=False),
    "own": Own(),
}


@pytest.mark.parametrize("scale", [1.0, 300.0])
@pytest.mark.parametrize("name", EVERY)
def test_every_cell_is_diagnosed(name, scale):
    """Norms are measured for each cell, also where they explode; a missing bound has its reason, others hold."""
    cell = EVERY[name]
    params = tree_map(lambda p: scale * p, cell.init(np.random.default_rng(0)))
    xs = np.random.default_rng(1).normal(size=(6, 2))

    for found in diagnose_net(cell, params, xs).values():
        assert found.steps == 6
        assert (found.bound is None) == found.no_bound.startswith("No bound: ")
        assert found.sentences()
        json.loads(found.json())
        if found.bound is not None and np.isfinite(found.final_norm) and np.isfinite(found.bound):
            assert found.final_norm <= found.bound * (1 + 1e-9)


def test_the_memory_of_an_attention_is_in_its_norms():
    """∂s_T/∂s_k of a cell that looks back is the central difference of a run that starts at step k."""
    cell = AttentionCell(RNN(2, 2))
    rng = np.random.default_rng(0)
    params, xs = cell.init(rng), rng.normal(size=(4, 2))
    before = unroll(cell, params, xs[:1]).final

    def last(flat):
        state = before._replace(h=before.h + flat[:2], inner=RNNState(before.inner.h + flat[2:]))
        final = unroll(cell, params, xs[1:], state).final
        return np.concatenate([final.h, final.inner.h])

    h = 1e-5
    central = np.stack([(last(h * e) - last(-h * e)) / (2 * h) for e in np.eye(4)], 1)
    assert measured_lags(cell, params, xs).measured[3] == pytest.approx(np.linalg.norm(central, 2), rel=1e-6)


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_a_batch_is_its_worst_sequence(kind):
    """The Jacobian's norm of a batch is the largest of its sequences; a batch-first net takes it the other way."""
    cell = kind(2, 3)
    rng = np.random.default_rng(0)
    params, xs = cell.init(rng), rng.normal(size=(5, 4, 2))

    found = diagnose_net(cell, params, xs)[""].final_norm

    assert found == max(diagnose_net(cell, params, xs[:, i])[""].final_norm for i in range(4))
    assert diagnose_net(BatchFirst(cell), params, np.swapaxes(xs, 0, 1))[""].final_norm == found
    for wrong in (xs[:0], xs[0, 0], xs[..., :1]):
        with pytest.raises(ValueError, match=r"xs of shape \(T, ..., 2\)"):
            diagnose_net(cell, params, wrong)


@given(st.integers(0, 1000))
def test_the_loss_gradient_is_said_first(seed):
    """The first sentence is about ‖∂E/∂h_t‖ as the picture of flow has it, the next about the Jacobian by its name."""
    cell = LSTM(2, 3)
    rng = np.random.default_rng(seed)
    params, xs = cell.init(rng), rng.normal(size=(6, 2))
    found = diagnose_net(cell, params, xs)[""]

    norms = flow_norms(mg.trace(lambda p: unroll(cell, p, xs).outputs[-1].sum(), params))["h"]

    assert (found.loss_first, found.loss_last) == (norms[-1], norms[0])
    assert found.loss_rate_per_step == pytest.approx((norms[0] / norms[-1]) ** (1 / 5))
    first, second = found.sentences()[:2]
    assert first.startswith("The loss's gradient ‖∂E/∂h_t‖ goes from")
    assert "the norm of the Jacobian, in its worst direction, goes from 1" in second


@given(st.integers(0, 1000), st.integers(50, 90))
def test_the_norm_of_a_large_matrix_is_that_of_all_singular_values(seed, size):
    """Lanczos' method finds the largest singular value that the full decomposition finds, also if it is not alone."""
    rng = np.random.default_rng(seed)
    full = rng.normal(size=(size, size))
    for matrix in (full, full @ full @ full * 1e-180, np.linalg.qr(full)[0], np.diag(full[0]), np.zeros((size, size))):
        # the residual that ends the iteration is 1e-12 of the eigenvalue
        assert spectral_norm(matrix) == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-10)
