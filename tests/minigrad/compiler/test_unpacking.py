"""Gates that are written one after another, not side by side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import agree
from test_agreement import CELLS, training_step

import minigrad as mg
from cells import GRU, LSTM, RNN
from minigrad.compiler import PASSES, compiled
from minigrad.compiler.passes import slices as unpacking


@pytest.fixture
def always(monkeypatch):
    """However narrow the gates are, and nothing elementwise taken over all steps."""
    monkeypatch.setattr(unpacking, "_NARROW", 1)
    monkeypatch.setattr(compiled, "LIMIT", 0)


@pytest.mark.nightly
@pytest.mark.nightly
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.usefixtures("always")
def test_every_cell(name, dtype):
    """A training step of every cell agrees with the engine where gates are taken apart."""
    agree(*training_step(CELLS[name], dtype, steps=4), frozenset(PASSES))


def strided(plan):
    """The calls on rows that are not all of an array."""
    arrays = [[arg for arg in args if isinstance(arg, np.ndarray)] for f, args in plan.calls if isinstance(f, np.ufunc)]
    return sum(any(not x.flags.c_contiguous for x in operands) for operands in arrays)


@pytest.mark.parametrize("cell", [LSTM(3, 4), GRU(3, 4, reset="after")])
@pytest.mark.usefixtures("always")
def test_gates_are_arrays_without_gaps(cell):
    """Fewer elementwise calls go through slices of columns than without the pass."""
    f, args = training_step(cell, np.float32, steps=10)
    without = mg.compile(f, passes=frozenset(PASSES) - {"unpack"}).plan(*args)
    assert strided(mg.compile(f).plan(*args)) < strided(without)


@pytest.mark.usefixtures("always")
def test_cells_without_gates_are_left_alone():
    """Where nothing is side by side there is nothing to take apart."""
    f, args = training_step(RNN(3, 4), np.float32, steps=5)
    assert not any("one after another" in note for note in mg.compile(f).plan(*args).notes)


def test_narrow_gates_are_left_alone():
    """Below the width from which it gains, the pass does nothing."""
    f, args = training_step(LSTM(3, 4), np.float32, steps=5)
    assert not any("one after another" in note for note in mg.compile(f).plan(*args).notes)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), min_size=2, max_size=6), st.integers(0, 9))
def test_slices_of_any_columns(spans, seed):
    """Whatever slices are taken, of the result or of slices that are worked on further, values and gradients agree."""
    spans = [(start, start + length) for start, length in spans if start + length <= 6]
    rng = np.random.default_rng(seed)

    def f(x, y):
        whole = mg.tanh(x * y)
        total = (whole[:, :4] * 0.5 + 0.25)[:, 2:4].sum() + (whole[:, 2:] * whole[:, :4])[:, :2].sum()
        for start, stop in spans:
            part = whole[:, start:stop]
            total = total + (part * part * part).sum()
        return total

    before = unpacking._NARROW
    unpacking._NARROW = 1
    try:
        agree(mg.value_and_grad(f, wrt=(0, 1)), tuple(rng.standard_normal((2, 3, 6))), frozenset(PASSES))
    finally:
        unpacking._NARROW = before
