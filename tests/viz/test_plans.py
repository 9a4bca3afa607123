"""The picture of a compiled plan."""

import numpy as np
import pytest

import minigrad as mg
from cells import GRU, LSTM, RNN, AttentionCell, Readout, unroll
from minigrad.compiler.summary import blocks_of
from viz import draw_plan


def plan_of(cell, steps=12):
    """The plan of a training step."""
    rng = np.random.default_rng(0)
    readout = Readout(cell.hidden_size, 3)
    params = {"cell": cell.init(rng), "readout": readout.init(rng)}
    xs, ys = rng.standard_normal((steps, 2, cell.input_size)), rng.integers(0, 3, (steps, 2))

    def loss(params, xs):
        return readout.loss(params["readout"], unroll(cell, params["cell"], xs).outputs, ys)

    return mg.compile(mg.value_and_grad(loss)).plan(params, xs)


@pytest.mark.parametrize("cell", [RNN(3, 4), LSTM(3, 4), GRU(3, 4)], ids=lambda cell: type(cell).__name__)
def test_a_training_step_has_two_recurrences(cell):
    """One goes forward and one goes back, each of as many steps as the sequence, but for its ends."""
    steps = [block.steps for block in blocks_of(plan_of(cell)) if block.steps]
    assert len(steps) == 2
    assert all(10 <= count <= 12 for count in steps)


def test_blocks_take_results_of_earlier_blocks_only():
    """The order of blocks is an order in which they can be computed."""
    for i, block in enumerate(blocks_of(plan_of(LSTM(3, 4)))):
        assert all(source < i for source in block.sources)


def test_the_picture_says_what_was_saved():
    """Calls, memory and notes stand in it, and it is the same text every time."""
    plan = plan_of(RNN(3, 4))
    dot = draw_plan(plan).dot
    assert f">{plan.traced[0]:,}<" in dot
    assert f">{len(plan.calls):,}<" in dot
    assert all(note in dot for note in plan.notes)
    assert dot == draw_plan(plan_of(RNN(3, 4))).dot


def test_the_picture_is_drawn(tmp_path):
    """Graphviz takes the text, and the file is SVG."""
    draw_plan(plan_of(RNN(3, 4)), tmp_path / "plan.svg")
    assert "12 steps, one after another" in (tmp_path / "plan.svg").read_text()


def test_growing_arrays_are_one_line():
    """Attention over all earlier steps has a line for each operation, not for each length."""
    dot = draw_plan(plan_of(AttentionCell(LSTM(4, 4)), 9)).dot
    assert "–9 × 2 × 4<" in dot
    assert dot.count(">softmax<") == 1
