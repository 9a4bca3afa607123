"""Checkpoints that a plan keeps: the same results, each kind of segment planned once, memory of one segment."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import TOLERANCES, subsets

import minigrad as mg
from cells import GRU, LSTM, RNN, AttentionCell, Readout, unroll
from minigrad.compiler import PASSES
from minigrad.pytree import flatten
from minigrad.testing import strategies


def agree(f, args, passes=frozenset(PASSES)):
    """Assert that the plan with kept checkpoints gives what f gives, also when replayed with other values."""
    compiled = mg.compile(f, passes=passes, keep_checkpoints=True)
    moved = mg.pytree.tree_map(lambda x: x * x.dtype.type(0.9375) if x.dtype.kind == "f" else x, args)
    for values in (args, moved, args):
        for result, wanted in zip(flatten(compiled(*values))[0], flatten(f(*values))[0], strict=True):
            assert result.dtype == wanted.dtype
            error = np.max(np.abs(np.asarray(result) - wanted), initial=0)
            assert error <= TOLERANCES[wanted.dtype] * max(np.max(np.abs(wanted), initial=0), 1e-3)
    return compiled.plan(*args)


@given(strategies.expressions(dtype=strategies.dtypes(), max_lines=6), subsets, st.booleans())
def test_random_expressions(example, passes, nested):
    """Value and gradient of a random graph behind one checkpoint, or behind one in another."""
    f, args = example
    g = mg.checkpoint(f)
    h = mg.checkpoint(lambda *xs: g(*xs) * 2) if nested else g
    agree(mg.value_and_grad(lambda *xs: mg.sum(h(*xs)), wrt=tuple(range(len(args)))), args, passes)


@given(strategies.expressions(max_lines=4))
def test_second_derivatives(example):
    """A Hessian-vector product, forward over reverse, goes through both of a segment's nodes."""
    f, args = example
    g = mg.checkpoint(f)
    agree(lambda *xs: mg.hvp(lambda *ys: mg.sum(g(*ys)), xs, xs), args)


def test_gradients_of_gradients():
    """Reverse over reverse is right too, with a closed-over parameter."""

    def loss(w, x):
        return mg.sum(mg.checkpoint(lambda h: mg.tanh(h * w) * w)(x))

    def slope(w, x):
        return mg.sum(mg.grad(loss)(w, x) ** 2)

    agree(mg.value_and_grad(slope, wrt=(0, 1)), (np.array([0.5, -1.0]), np.array([0.3, 0.7])))


def in_segments(cell, steps, length, dtype=np.float64):
    """A training step whose loss is taken inside of segments of some steps, and its arguments."""
    rng = np.random.default_rng(0)
    readout = Readout(cell.hidden_size, 3)
    params = {"cell": cell.init(rng, dtype), "readout": readout.init(rng, dtype)}
    xs = rng.standard_normal((steps, 2, cell.input_size)).astype(dtype)
    ys = rng.integers(0, 3, (steps, 2))

    @mg.checkpoint
    def segment(params, state, xs, ys):
        run = unroll(cell, params["cell"], xs, state)
        return run.final, readout.loss(params["readout"], run.outputs, ys)

    def loss(params, xs, ys):
        state, total = cell.initial_state((2,), dtype), 0.0
        for t in range(0, steps, length):
            state, part = segment(params, state, xs[t : t + length], ys[t : t + length])
            total = total + part
        return total

    return mg.value_and_grad(loss, wrt=(0, 1)), (params, xs, ys)


@pytest.mark.parametrize(
    "cell", [RNN(3, 4), LSTM(3, 4), GRU(3, 4), AttentionCell(LSTM(4, 4))], ids=lambda c: type(c).__name__
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cells(cell, dtype):
    """Sequences in segments, with class indices and a state carried across, give the eager engine's results."""
    agree(*in_segments(cell, 7, 3, dtype))


def test_each_kind_of_segment_is_planned_once():
    """Twice as many segments of one length need no further plans."""
    plans = [agree(*in_segments(RNN(3, 4), steps, 4)) for steps in (16, 32)]
    kinds = [{id(node.params["body"]) for node in plan.storage.order if node.op == "segment"} for plan in plans]
    assert len(kinds[0]) == len(kinds[1]) <= 4


@pytest.mark.nightly
@pytest.mark.nightly
def test_memory_grows_as_the_root():
    """Four times as many steps in segments twice as long take far less than four times the memory."""

    def taken(steps, length):
        f, args = in_segments(LSTM(1, 16), steps, length)
        plan = mg.compile(f, keep_checkpoints=True).plan(*args)
        bodies = {node.params["body"] for node in plan.storage.order if node.op == "segment"}
        return plan.storage.allocated + sum(body.plan.storage.allocated for body in bodies)

    through = mg.compile(in_segments(LSTM(1, 16), 144, 12)[0]).plan(*in_segments(LSTM(1, 16), 144, 12)[1])
    assert taken(144, 12) < 0.5 * through.storage.allocated
    assert taken(144, 12) < 2.6 * taken(36, 6)


def test_random_numbers_are_refused():
    """A segment that is another one when it is run again is not replayed."""
    rng = np.random.default_rng(0)
    f = mg.compile(lambda x: mg.checkpoint(lambda y: mg.sum(y * rng.normal()))(x), keep_checkpoints=True)
    with pytest.raises(mg.errors.ValueDependentError):
        f(np.ones(3))


def test_the_plan_says_so():
    """What was planned for segments is in the plan's explanation."""
    f, args = in_segments(RNN(3, 4), 16, 4)
    assert "8 checkpointed segments from 4 plans" in mg.compile(f, keep_checkpoints=True).plan(*args).explain()
