import xml.etree.ElementTree as ET

import numpy as np
import pytest

import minigrad as mg
import viz  # noqa: F401 - fills the registry that notebooks ask
from cells import GRU, LSTM, RNN, AttentionCell, Bidirectional, Stacked, unroll
from viz.plots.run import MOST, state_norms

NETS = [RNN(2, 3), LSTM(2, 3), Stacked([LSTM(2, 3), GRU(3, 2)]), Bidirectional(RNN(2, 3), RNN(2, 3))]


@pytest.mark.parametrize("cell", NETS, ids=lambda cell: type(cell).__name__)
@pytest.mark.parametrize("recorded", [False, True])
def test_a_notebook_shows_every_state_at_every_step(cell, recorded):
    """The table is well-formed, has a row for each part of the state and a cell for each step and the last norm."""
    rng = np.random.default_rng(0)
    params = cell.init(rng)
    shown = mg.pytree.tree_map(mg.tensor, params) if recorded else params

    run = unroll(cell, shown, rng.normal(size=(5, 2)))

    table = ET.fromstring(run._repr_html_().replace("&nbsp;", "&#160;"))
    norms = state_norms(run)
    rows = table.findall("tr")
    assert [row.find("th").text for row in rows] == [f"‖{name}‖" for name in norms]
    assert all(len(row.findall("td")) == 5 + 1 for row in rows)


def test_the_norms_are_those_of_the_states():
    """h and c of an LSTM have the norms that NumPy computes, also in a batch."""
    rng = np.random.default_rng(1)
    cell = LSTM(2, 3)
    run = unroll(cell, cell.init(rng), rng.normal(size=(4, 5, 2)))

    norms = state_norms(run)

    for name in ("h", "c"):
        expected = [np.linalg.norm(getattr(state, name)) for state in run.states]
        np.testing.assert_allclose(norms[name], expected)


def test_long_runs_and_attention_fit_on_a_page():
    """However long a run is, no row has more than a hundred cells and the last norm; attention is shown as well."""
    rng = np.random.default_rng(2)
    cell = RNN(1, 1)
    html = unroll(cell, cell.init(rng), rng.normal(size=(1000, 1)))._repr_html_()
    assert html.count("<td") <= MOST + 1

    cell = AttentionCell(RNN(1, 1))
    assert "<th>" in unroll(cell, cell.init(rng), rng.normal(size=(3, 1)))._repr_html_()
