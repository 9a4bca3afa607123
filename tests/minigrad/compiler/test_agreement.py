"""Plans compute what the eager engine computes, whichever passes are switched on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import agree, subsets

import minigrad as mg
from cells import GRU, LSTM, RNN, Attention, AttentionCell, Bidirectional, Readout, Stacked, unroll
from cells.lstm import VARIANTS
from minigrad.compiler import PASSES
from minigrad.testing import strategies


@given(strategies.expressions(dtype=strategies.dtypes()), subsets)
def test_random_expressions(example, passes):
    """Value and gradient of a random graph of primitives, with a random subset of the passes."""
    f, args = example
    agree(mg.value_and_grad(f, wrt=tuple(range(len(args)))), args, passes)


@given(strategies.expressions(max_lines=5), subsets)
def test_second_derivatives(example, passes):
    """A Hessian-vector product is a graph like any other."""
    f, args = example
    agree(lambda *xs: mg.hvp(f, xs, xs), args, passes)


CELLS = {
    **{f"RNN {name}": RNN(3, 4, activation=name) for name in ("tanh", "relu", "sigmoid", "identity")},
    **{f"LSTM {name}": LSTM.variant(name, 3, 4) for name in VARIANTS},
    "LSTM coupled": LSTM(3, 4, coupled=True),
    **{f"GRU {r} {u}": GRU(3, 4, reset=r, update=u) for r in ("before", "after") for u in ("keep", "write")},
    **{
        f"attention {when} {score}": AttentionCell(LSTM(4, 4), when=when, score=score)
        for when in ("before", "after")
        for score in ("additive", "dot", "scaled_dot", "general", "concat")
    },
    "stacked": Stacked([LSTM(3, 4), GRU(4, 4)]),
    "bidirectional": Bidirectional(LSTM(3, 4), GRU(3, 4)),
}


def training_step(cell, dtype, lengths=None, truncate=None, steps=6, batch=(2,)):
    """Loss and all gradients of a cell with a readout, and arguments for it."""
    rng = np.random.default_rng(0)
    readout = Readout(cell.hidden_size, 3)
    params = {"cell": cell.init(rng, dtype), "readout": readout.init(rng, dtype)}
    params = mg.pytree.tree_map(lambda p: p + 0.1 * rng.standard_normal(p.shape).astype(dtype), params)
    xs = rng.standard_normal((steps, *batch, cell.input_size)).astype(dtype)
    ys = rng.integers(0, 3, (steps, *batch))

    def loss(params, xs, ys):
        run = unroll(cell, params["cell"], xs, lengths=lengths, truncate=truncate)
        return readout.loss(params["readout"], run.outputs, ys)

    return mg.value_and_grad(loss, wrt=(0, 1)), (params, xs, ys)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_cell(name, dtype):
    """A training step of every cell and switch, with all passes."""
    agree(*training_step(CELLS[name], dtype), frozenset(PASSES))


@given(st.sampled_from(sorted(CELLS)), st.integers(1, 7), st.sampled_from([(), (1,), (3,)]), subsets)
def test_cells_with_subsets_of_passes(name, steps, batch, passes):
    """A training step of some cell, of some length and batch, with a random subset of the passes."""
    agree(*training_step(CELLS[name], np.float64, steps=steps, batch=batch), passes)


@pytest.mark.parametrize("name", ["RNN tanh", "LSTM vanilla", "GRU after keep", "attention before additive", "stacked"])
def test_lengths_and_truncation(name):
    """Masks past the end of a sequence and cuts of the gradient are part of the plan."""
    agree(*training_step(CELLS[name], np.float64, lengths=np.array([3, 6]), truncate=2), frozenset(PASSES))


def test_lengths_as_an_argument():
    """Lengths that are an argument are an input: other lengths need no new plan."""
    cell = LSTM(3, 4)
    rng = np.random.default_rng(0)
    params, xs = cell.init(rng), rng.standard_normal((5, 2, 3))

    def loss(params, xs, lengths):
        return (unroll(cell, params, xs, lengths=lengths).outputs ** 2).sum()

    f = mg.compile(mg.value_and_grad(loss))
    for lengths in (np.array([5, 2]), np.array([1, 4])):
        value, gradient = f(params, xs, lengths)
        expected, expected_gradient = mg.value_and_grad(loss)(params, xs, lengths)
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        np.testing.assert_allclose(gradient["W_f"], expected_gradient["W_f"], rtol=1e-10, atol=1e-13)
    assert f.traces == 1


@pytest.mark.parametrize("masked", [False, True])
def test_attention_with_a_mask(masked):
    """Masked places have score −∞ and weight 0 in a plan too."""
    attention = Attention(3, score="general")
    rng = np.random.default_rng(0)
    mask = rng.random((4, 2)) > 0.3
    mask[0] = True
    args = (attention.init(rng), rng.standard_normal((2, 3)), rng.standard_normal((4, 2, 3)))

    def f(params, q, m):
        return (attention.attend(params, q, m, mask if masked else None).context ** 2).sum()

    agree(mg.value_and_grad(f, wrt=(0, 1, 2)), args, frozenset(PASSES))
