import numpy as np
import pytest
from drawn import net_of, read

import viz
from cells import GRU, LSTM, RNN, AttentionCell, Bidirectional, Stacked
from cells.analysis.jacobians import step_jacobians
from viz.draw import picture_for
from viz.scene.folding import Fold, fold_of


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_the_norm_is_that_of_the_product(kind):
    """The number on a fold is the spectral norm of the product of the step Jacobians across it."""
    cell, steps = kind(2, 2), 14
    graph = net_of(cell, steps)
    params = {key.split('"')[3]: node.value for key, node in graph.inputs.items() if '["cell"]' in key}
    fold = fold_of(graph, 10)
    jacobians = step_jacobians(cell, params, graph.inputs["xs"].value)

    product = np.linalg.multi_dot(jacobians[fold.first - 1 : fold.last][::-1])
    (mark,) = [mark for mark in picture_for(graph, None).marks if mark.kind == "fold"]

    assert mark.label.endswith(f"= {np.linalg.norm(product, 2):.3g}")
    assert mark.label.startswith(f"… {fold.last - fold.first + 1} steps …")


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
    counts = [len(picture_for(graph, None, detail).marks) for graph in graphs]

    assert counts[0] == counts[1]
    assert len(read(viz.draw(graphs[1], detail=detail).svg).nodes) == counts[1] + 1


def test_unfolded_on_request():
    """With fold=False every step is there."""
    graph = net_of(RNN(2, 2), 20)

    steps = {mark.step for mark in picture_for(graph, None, fold=False).marks if not mark.carried}

    assert steps == {None, *range(1, 21)}


def test_columns_close_up():
    """Steps after a fold move up beside it."""
    fold = Fold(3, 17)

    assert [fold.column(t) for t in (None, 2, 3, 10, 17, 18, 20)] == [None, 2, 3, 3, 3, 4, 6]
    assert fold.scope(("layer 1", "t=5")) == ("layer 1", "t=3 … t=17")


def test_what_flows_into_a_fold_is_what_flows_back_from_it():
    """The share of the state that leaves a fold is the sweep's adjoint of that state."""
    graph = net_of(RNN(2, 2), 20)
    adjoints = graph.adjoints()
    shown = picture_for(graph, adjoints)
    fold = fold_of(graph, 10)
    (key,) = [mark.key for mark in shown.marks if mark.kind == "fold"]

    (line,) = [line for line in shown.lines if line.tail == key and line.delivers]

    assert line.share == pytest.approx(np.linalg.norm(adjoints.nodes[graph.find("h", f"t={fold.last}")]), rel=1e-12)
