import numpy as np
import pytest
from drawn import net_of, read
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import viz
from cells import GRU, LSTM, RNN, AttentionCell, Bidirectional, Stacked, unroll
from cells.analysis.jacobians import step_jacobians
from minigrad.context import TimeStep
from viz.draw import picture_for
from viz.scene.folding import LARGEST_STATE, Fold, fold_of, jacobian_norm
from viz.scene.picture import StepSpan


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_the_norm_is_that_of_the_product(kind):
    """The number on a fold is the spectral norm of the product of the step Jacobians across it."""
    cell, steps = kind(2, 2), 14
    graph = net_of(cell, steps)
    params = {key.split('"')[3]: node.value for key, node in graph.inputs.items() if '["cell"]' in key}
    fold = fold_of(graph, 10)
    (span,) = fold.spans
    jacobians = step_jacobians(cell, params, graph.inputs["xs"].value)

    product = np.linalg.multi_dot(jacobians[span.first - 1 : span.last][::-1])
    (mark,) = [mark for mark in picture_for(graph, None).nodes if mark.kind == "fold"]

    assert mark.label.endswith(f"= {np.linalg.norm(product, 2):.3g}")
    assert mark.label.startswith(f"… {span.last - span.first + 1} steps …")


NETS = {
    "lstm": lambda: LSTM(2, 2),
    "stacked": lambda: Stacked((LSTM(2, 2), RNN(2, 2))),
    "bidirectional": lambda: Bidirectional(RNN(2, 2), GRU(2, 2)),
    "attention": lambda: AttentionCell(RNN(2, 2)),
}


@pytest.mark.parametrize("detail", ["op", "gate"])
@pytest.mark.parametrize("name", NETS)
def test_long_runs_get_short(name, detail):
    """Folded, the drawing of 30 steps has as many marks as that of 20, and is drawn."""
    graphs = [net_of(NETS[name](), steps) for steps in (20, 30)]
    counts = [len(picture_for(graph, None, detail).nodes) for graph in graphs]

    assert counts[0] == counts[1]
    assert len(read(viz.draw(graphs[1], detail=detail).svg).nodes) == counts[1] + 1


def test_unfolded_on_request():
    """With fold=False every step is there."""
    graph = net_of(RNN(2, 2), 20)

    steps = {mark.step for mark in picture_for(graph, None, fold=False).nodes if not mark.carried}

    assert steps == {None, *range(1, 21)}


def test_columns_close_up():
    """Steps after a fold move up beside it."""
    fold = Fold((StepSpan(3, 17),))

    assert [fold.column(t) for t in (None, 2, 3, 10, 17, 18, 20)] == [None, 2, 3, 3, 3, 4, 6]
    assert fold.scope(("layer 1", TimeStep(5))) == ("layer 1", "t=3 … t=17")


def test_what_flows_into_a_fold_is_what_flows_back_from_it():
    """The share of the state that leaves a fold is the sweep's adjoint of that state."""
    graph = net_of(RNN(2, 2), 20)
    adjoints = graph.adjoints()
    shown = picture_for(graph, adjoints)
    (span,) = fold_of(graph, 10).spans
    (key,) = [mark.key for mark in shown.nodes if mark.kind == "fold"]

    (line,) = [line for line in shown.edges if line.tail == key and line.delivers]

    assert line.share == pytest.approx(np.linalg.norm(adjoints.nodes[graph.find("h", f"t={span.last}")]), rel=1e-12)


@given(st.integers(3, 12), st.integers(1, 30))
def test_folds_hold_the_middle_alone(longest, steps):
    """Nothing is folded up to the limit; beyond it all steps but the first and the last two are, and it stays short."""
    fold = fold_of(net_of(RNN(2, 2), steps), longest)

    if steps <= max(longest, 4):
        assert fold is None
    else:
        assert fold.spans == (StepSpan(2, steps - 2),)
        assert sorted({fold.column(t) for t in range(1, steps + 1)}) == [1, 2, 3, 4]


@given(st.integers(1, 30))
def test_a_kept_step_stands_between_two_folds(keep):
    """Columns stay consecutive, and the step that is kept has one of its own."""
    fold = fold_of(net_of(RNN(2, 2), 30), 10, keep)

    columns = [fold.column(t) for t in range(1, 31)]

    assert sorted(set(columns)) == list(range(1, max(columns) + 1))
    assert columns == sorted(columns)
    assert columns.count(fold.column(keep)) == 1
    assert max(columns) <= 8
    assert fold.span(keep) is None


@pytest.mark.parametrize("name", NETS)
def test_each_lane_of_a_fold_has_its_own_norm(name):
    """Every lane of a fold has a number; in a lane that runs backward the states change places."""
    graph = net_of(NETS[name](), 13)
    labels = [mark.label for mark in picture_for(graph, None).nodes if mark.kind == "fold"]

    lanes = {"lstm": 1, "stacked": 2, "bidirectional": 2, "attention": 1}[name]
    assert sum("‖\n= " in label for label in labels) == lanes
    if name == "bidirectional":
        assert any("∂h₁₁/∂h₁‖" in label for label in labels)
        assert any("∂h₂/∂h₁₂‖" in label for label in labels)


def test_large_states_have_no_norm():
    """Beyond so many entries the norm is left out, and at this size it is still computed."""

    def chain(x):
        return mg.named("b", mg.named("a", x * 1.0) * 3.0)

    small, large = (mg.trace(chain, np.ones(size)) for size in (LARGEST_STATE, LARGEST_STATE + 1))

    # A singular value is exact to a few units in the last place, whichever LAPACK computes it.
    assert jacobian_norm([small.find("a")], [small.find("b")]) == pytest.approx(3.0, rel=1e-12)
    assert jacobian_norm([large.find("a")], [large.find("b")]) is None
    assert jacobian_norm([], [small.find("b")]) is None


@given(step=st.integers(1, 24), detail=st.sampled_from(["op", "gate", "cell"]))
def test_the_first_nan_is_marked_and_never_folded(step, detail):
    """A NaN far inside of a long run was folded away: its node is drawn by itself, thick and orange, and named."""
    rng = np.random.default_rng(0)
    cell, xs = RNN(2, 2), rng.normal(size=(24, 2))
    xs[step - 1, 0] = np.nan
    graph = mg.trace(lambda p, xs: unroll(cell, p, xs).final.h.sum(), cell.init(rng), xs)

    (mark,) = [mark for mark in picture_for(graph, None, detail).nodes if mark.nonfinite]

    assert mark.kind != "fold"
    assert "first nan" in mark.label
    assert mark.scope[-1] == TimeStep(step)
    assert f"x{str(step).translate(str.maketrans('0123456789', '₀₁₂₃₄₅₆₇₈₉'))}" in mark.tooltip


def test_the_first_infinity_inside_of_a_gate_is_marked():
    """At every level of detail the mark that holds the node where an infinity arose names it; a finite net has none."""

    def f(w, x):
        with mg.scope("t=1"):
            return mg.tanh(mg.linear(w, x) + mg.named("b", x * 1e300 * 1e300)).sum()

    with np.errstate(all="ignore"):
        graph = mg.trace(f, np.ones((2, 2)), np.ones(2))
        for detail in ("op", "gate", "cell"):
            marks = [mark for mark in picture_for(graph, None, detail).nodes if mark.nonfinite]
            assert len(marks) == 1
            assert "first inf" in marks[0].label
            assert '#D55E00" penwidth=4' in viz.draw(graph, gradients=False, detail=detail).dot
    assert not any(mark.nonfinite for mark in picture_for(net_of(LSTM(2, 2), 3), None).nodes)
