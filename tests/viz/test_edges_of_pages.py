"""What pages and pictures say where something is missing: a library, a bound, a state, a cell, an output."""

from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

import minigrad as mg
import viz
from cells import RNN, AttentionCell, Readout
from cells.analysis import route_parts
from cells.analysis.bounds import explain
from cells.analysis.diagnosis import _routes
from cells.analysis.findings import Settings, findings
from cells.analysis.texts import LARGEST
from cells.analysis.training import read_corpus
from minigrad.symbolic import derive
from minigrad.symbolic.deriving.proof import Proof
from tools.docs import gallery
from viz import output as optional
from viz.cli.formulas import _bound
from viz.errors import MissingLibraryError, ReportInputError
from viz.layout.routing import beside
from viz.render import engine
from viz.report.report import _asked_first


def test_a_missing_library_says_how_it_is_installed():
    """The error names the library, not the module in it, and the command that installs it."""
    with pytest.raises(
        MissingLibraryError, match=r"^no_such_library is not installed; run `pip install no_such_library`"
    ):
        optional.load("no_such_library.pyplot")
    assert optional.load("numpy.linalg") is np.linalg


def test_the_missing_library_is_the_one_named_also_behind_another(tmp_path, monkeypatch):
    """A library may be there while one that it imports is not: that one is to be installed."""
    (tmp_path / "a_library_that_is_there.py").write_text("import no_such_library.core\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(MissingLibraryError, match=r"^no_such_library is not installed"):
        optional.load("a_library_that_is_there")


def test_without_the_wheel_of_graphviz_there_is_no_executable_of_it(monkeypatch):
    """A wheel that is not installed is no error: the search goes on on the PATH."""

    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(engine, "distribution", missing)

    assert engine._bundled.__wrapped__() is None


def test_the_gallery_is_written_with_the_versions_of_what_drew_it(tmp_path, monkeypatch):
    """The command writes every picture of the list, and beside them what they were made with."""
    monkeypatch.setattr(gallery, "PICTURES", {"a.svg": lambda: "<svg/>", "b.svg": lambda: "<svg>ŷ</svg>"})

    gallery.main(str(tmp_path / "new"))

    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "new").iterdir()}
    assert written == {"a.svg": "<svg/>", "b.svg": "<svg>ŷ</svg>", gallery.MADE_WITH: gallery.made_with()}


def test_a_cell_without_a_proved_bound_says_why():
    """Where no bound can be proved the page has the formulas, no bound, and the reason; so has the command."""
    cell = AttentionCell(RNN(2, 3))
    explained = explain(cell, Readout(3, 2), cell.init(np.random.default_rng(0)), 4)

    assert explained.sections
    assert explained.bound is None
    assert explained.refusal.startswith("No bound: ")
    assert explained.refusal in explained._repr_html_().replace("&#x27;", "'")
    assert _bound(derive(cell)) == []


def test_a_bound_whose_proof_does_not_hold_is_not_shown(monkeypatch):
    """A proof is checked before its bound is drawn; if it fails there is no bound, and the page says so."""
    monkeypatch.setattr(Proof, "holds", False)
    cell = RNN(2, 3)

    explained = explain(cell, None, cell.init(np.random.default_rng(0)), 4)

    assert (explained.bound, explained.statement) == (None, None)
    assert explained.refusal == "No bound: its proof does not hold."
    assert "A bound, and its proof" not in explained.sections


def test_an_unknown_cell_is_named(tmp_path):
    """The error lists the cells that there are, also where several are compared."""
    (tmp_path / "text.txt").write_text("abracadabra " * 9, encoding="utf-8")
    settings = Settings(cell="transformer")

    assert _asked_first(settings) == ["transformer"]
    with pytest.raises(ReportInputError, match="no cell is called 'transformer'; use one of rnn, lstm, gru"):
        findings(read_corpus(tmp_path / "text.txt"), settings)


def test_a_text_that_is_too_large_is_not_read(tmp_path):
    """Its size is looked at before its bytes are."""
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(LARGEST + 1)

    with pytest.raises(ReportInputError, match=f"has {LARGEST + 1:,} bytes; pass at most {LARGEST:,}"):
        read_corpus(tmp_path / "large.txt")


def test_a_graph_without_a_state_has_no_routes():
    """The split over paths is that of a first state; without states there is none."""
    assert _routes(mg.trace(lambda x: mg.tanh(x).sum(), np.ones(3))) == {}


def test_no_way_leads_to_an_input_that_is_not_used():
    """Its gradient has no parts: not even the direct one."""
    graph = mg.trace(lambda x, y: (x * x).sum() + 0 * mg.stop_gradient(y).sum(), np.ones(3), np.ones(3))

    assert route_parts(graph, graph.inputs["y"]) == {}
    np.testing.assert_allclose(sum(route_parts(graph, graph.inputs["x"]).values()), 2 * np.ones(3))


@pytest.mark.parametrize(
    ("f", "remark"),
    [
        (lambda x: mg.stop_gradient(x).sum(), "does not depend on a floating-point input"),
        (lambda x: x * x, r"the output has shape (2,). Pass seed=, or draw a scalar"),
        (lambda x: (x.sum(), (x * x).sum()), "there are 2 outputs. Pass output= to choose one"),
    ],
)
def test_a_picture_without_gradients_says_why(f, remark):
    """The drawing is made all the same, with a remark under it."""
    assert remark in viz.draw(mg.trace(f, np.array([1.0, 2.0]))).dot


def test_a_picture_without_lines_has_no_legend():
    """Of a single number there is nothing to explain."""
    drawing = viz.draw(mg.trace(lambda x: x, np.array(2.0)), gradients=False)

    assert "norm of the gradient" not in drawing.dot


def test_rows_of_matrices_are_named_by_their_index():
    """A tooltip writes x[0, 1] and x[…] for what is no number."""
    graph = mg.trace(lambda x: x[0, 1] * x[:, 0].sum(), np.ones((2, 2)))
    dot = viz.draw(graph, detail="op").dot

    assert "0, 1" in dot
    assert "…, 0" in dot


def test_a_course_without_length_has_no_side():
    """Points that all lie on one another stay where they are."""
    assert beside([(1.0, 2.0), (1.0, 2.0)], 5.0) == [(1.0, 2.0), (1.0, 2.0)]
    assert beside([(0.0, 0.0), (2.0, 0.0)], 1.0) in ([(0.0, 1.0), (2.0, 1.0)], [(0.0, -1.0), (2.0, -1.0)])
