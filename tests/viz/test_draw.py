import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from drawn import LSTM, RNN, net, net_of, read
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import viz
from cells import GRU, Stacked, unroll
from cells.analysis.norms import norm
from minigrad.primitive import PRIMITIVES
from minigrad.sweep import SparseCotangent
from minigrad.testing import strategies
from viz import style
from viz.draw import picture_for
from viz.plots.plan import draw_plan
from viz.render import glyphs
from viz.render.engine import render
from viz.render.layered import rows_passed
from viz.render.placed import LAYOUT
from viz.scene import labels
from viz.scene.build import picture_of, share_norm

GOLDEN = Path(__file__).parent / "golden"
#: Everything that means something to DOT, to Graphviz's labels, to XML or to a browser.
NASTY = [
    '"',
    "\\",
    "<b>x</b>",
    "<script>",
    "a:b",
    "&amp;",
    "&nosuch;",
    "\\N\\G\\",
    "\n",
    "\x00",
    "\x1b",
    "\ud800",
    "𝄞",
    "{|}",
]
nasty = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=5)), min_size=1, max_size=4).map("".join)


def product():
    """(x ⊙ x) summed: one node used twice by one operation."""
    return mg.trace(lambda x: mg.named("y", x * x).sum(), np.array([1.0, 2.0]))


GRAPHS = {"product": product, "rnn": lambda: net(RNN, 2), "lstm": lambda: net(LSTM, 1)}


@pytest.mark.parametrize("name", GRAPHS)
def test_golden(name):
    """The DOT text of a known graph is the one that was reviewed; run this file to write it anew."""
    assert viz.draw(GRAPHS[name](), detail="op").dot == (GOLDEN / f"{name}.dot").read_text(encoding="utf-8")


@pytest.mark.parametrize("given", [{}, 3, None, [product]])
def test_only_graphs_are_drawn(given):
    """An argument that is not a graph is named, and what to draw instead."""
    with pytest.raises(ValueError, match=f"a {type(given).__name__} is not a graph; draw what minigrad.trace"):
        viz.draw(given)


@given(strategies.expressions())
def test_every_edge_is_drawn_once(case):
    """A random graph gives well-formed SVG with one line for each edge and one gradient for each share."""
    f, args = case
    graph = mg.trace(lambda *xs: mg.sum(f(*xs)), *args)
    drawing = viz.draw(graph, detail="op")

    drawn = read(drawing.svg)

    assert len(drawn.edges) == len(graph.edges)
    assert len(drawn.gradients) == len(graph.adjoints().edges)


@pytest.mark.parametrize("kind", [RNN, LSTM])
def test_a_net_has_a_mark_for_every_node(kind):
    """Every node is drawn; a parameter once in each step that uses it, with its share there."""
    graph = net(kind, 3)

    picture = picture_of(graph, graph.adjoints())
    drawn = read(viz.draw(graph, detail="op").svg)

    delivered = len(graph.scopes) - 2  # h and its own mark, at every step but t=0
    assert len(drawn.nodes) == len(picture.nodes) + 1 + delivered * (1 if kind is RNN else 2)
    assert len({mark.key for mark in picture.nodes}) == len(picture.nodes)
    assert {line.tail for line in picture.edges} | {line.head for line in picture.edges} == {
        m.key for m in picture.nodes
    }
    inside = [mark for mark in picture.nodes if mark.kind == "parameter" and mark.scope]
    assert len(inside) == 3 * len(kind(2, 2).init(np.random.default_rng(0)))


def test_shares_drawn_are_the_shares_swept():
    """Line by line, the norm that is drawn is that of the share which the sweep found for this edge."""
    graph = net(RNN, 2)
    shares = graph.adjoints().edges

    drawn = [line.share for line in picture_of(graph, graph.adjoints()).edges]

    expected = [np.linalg.norm(_dense(shares[edge])) if edge in shares else None for edge in graph.edges]
    assert [x is None for x in drawn] == [x is None for x in expected]
    np.testing.assert_allclose([x for x in drawn if x is not None], [x for x in expected if x is not None], rtol=1e-12)


def _dense(share):
    return share.result() if isinstance(share, SparseCotangent) else share


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_piece_norm_is_that_of_the_whole(indices):
    """A sparse share has the norm of the array it stands for, also where entries are used twice."""
    graph = mg.trace(lambda x: x[np.array(indices)].sum(), np.ones(4))
    (piece,) = [share for share in graph.adjoints().edges.values() if isinstance(share, SparseCotangent)]

    assert share_norm(piece) == pytest.approx(np.linalg.norm(piece.result()), rel=1e-12)


@given(st.lists(st.floats(-1e300, 1e300)).map(np.array))
def test_norm_neither_overflows_nor_underflows(x):
    """The norm is the largest entry times a number between 1 and the root of the size."""
    largest = float(np.abs(x).max(initial=0.0))

    assert largest <= norm(x) <= largest * np.sqrt(x.size) * (1 + 1e-12)


@given(nasty, nasty, nasty)
def test_hostile_names_stay_text(name, place, parameter):
    """Whatever a name or scope holds, the SVG is well-formed, has no new elements, and shows the name."""

    def f(params):
        with mg.scope(place):
            return mg.named(name, params[parameter] * 2.0).sum()

    drawing = viz.draw(mg.trace(f, {parameter: np.ones(2)}))
    plain = viz.draw(mg.trace(lambda p: mg.named("y", p["W"] * 2.0).sum(), {"W": np.ones(2)}))

    drawn = read(drawing.svg)

    assert drawn.tags <= read(plain.svg).tags | {"polygon", "path", "ellipse"}
    assert len(drawn.edges) == 2
    for words in (name, place):
        shown = _squeezed(viz.scene.labels.printable(words))
        assert any(shown in _squeezed(tooltip) for tooltip in drawn.tooltips)


def _squeezed(words):
    return "".join(words.split()).replace("\xa0", "")


def test_zero_inf_and_nan_are_marked():
    """A gradient that is exactly zero is dotted; one that is not finite is thick and orange-red, and said."""
    zero = viz.draw(mg.trace(lambda x: (x * 0.0).sum(), np.ones(2)))
    with np.errstate(all="ignore"):
        overflow = viz.draw(mg.trace(lambda x: (x * 1e300 * 1e300).sum(), np.ones(2)))

    assert "style=dotted" in zero.dot
    assert "exactly zero" in zero.dot
    assert "#D55E00" in overflow.dot
    assert "overflowed" in overflow.dot


def test_without_a_scalar_there_are_no_gradients_and_it_says_so():
    """A vector output or two outputs without a seed are drawn forward only, with the reason under the drawing."""
    vector = mg.trace(lambda x: x * 2.0, np.ones(2))
    two = mg.trace(lambda x: (x.sum(), (2.0 * x).sum()), np.ones(2))

    assert "Pass seed=" in viz.draw(vector).dot
    assert "Pass output=" in viz.draw(two).dot
    assert not read(viz.draw(vector).svg).gradients
    assert len(read(viz.draw(vector, seed=np.ones(2)).svg).gradients) == 1
    assert read(viz.draw(two, output="[0]").svg).gradients


def test_gradients_can_be_left_out():
    """Without gradients each edge is one line."""
    drawn = read(viz.draw(product(), gradients=False).svg)

    assert not drawn.gradients
    assert len(drawn.edges) == len(product().edges)


ELSEWHERE = {
    "hashes": {"PYTHONHASHSEED": "7"},
    "plain locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONHASHSEED": "11"},
    "german": {"LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"},
    "threads": {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
}


@pytest.mark.parametrize("change", ELSEWHERE)
def test_same_bytes_in_another_process(change, tmp_path):
    """DOT and SVG do not depend on addresses, hashes, the locale, the directory, BLAS's threads or earlier work."""
    graph = net(LSTM, 2)
    mine = viz.draw(graph)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from drawn import *; import viz;"
        "net(RNN, 1); d = viz.draw(net(LSTM, 2)); sys.stdout.buffer.write((d.dot + d.svg).encode())"
    )
    environment = {**os.environ, **ELSEWHERE[change]}

    theirs = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )

    assert theirs.stdout.decode() == mine.dot + mine.svg
    assert viz.draw(graph).dot == mine.dot


def test_same_bytes_in_threads():
    """Drawing at the same time in several threads gives what drawing alone gives."""
    graphs = [net(kind, steps) for kind in (RNN, LSTM) for steps in (1, 3)]
    alone = [viz.draw(graph).dot for graph in graphs]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda graph: viz.draw(graph).dot, graphs * 5))

    assert together == alone * 5


@given(kind=st.sampled_from([RNN, LSTM, GRU]), seed=st.integers(0, 9), detail=st.sampled_from(["op", "gate", "cell"]))
def test_the_last_bits_change_nothing(kind, seed, detail):
    """All weights and inputs off by one part in 10^15, as another BLAS would have it, give the same DOT."""
    rng = np.random.default_rng(seed)
    cell = kind(2, 3)
    params, xs = cell.init(rng), rng.normal(size=(3, 2))

    def dot(params, xs):
        graph = mg.trace(lambda p, xs: mg.named("E", mg.sum(unroll(cell, p["cell"], xs).final.h)), {"cell": params}, xs)
        return viz.draw(graph, detail=detail).dot

    def noisy(x):
        return x * (1 + 1e-15 * rng.choice([-1.0, 1.0], x.shape))

    assert dot({key: noisy(value) for key, value in params.items()}, noisy(xs)) == dot(params, xs)


def test_too_large_is_refused_before_the_layout(monkeypatch):
    """A graph beyond the limit gives an error with the number of edges, not a hanging program."""
    monkeypatch.setattr(import_module("viz.draw"), "MOST_LAID_OUT", 2)

    with pytest.raises(viz.errors.DrawingSizeError, match="3 edges"):
        viz.draw(product(), detail="op")


def test_long_lines_are_refused_before_the_layout():
    """Few lines that each pass many rows cost as much as many lines, and are refused at once; a long chain is not."""

    def comb(x):
        total = mg.named("y", x * 1.0)
        for i in range(600):
            total = total + mg.tanh(x * float(i))
        return total.sum()

    def chain(x):
        for _ in range(900):
            x = mg.tanh(x)
        return x.sum()

    with pytest.raises(viz.errors.DrawingSizeError, match="rows of nodes"):
        viz.draw(mg.trace(comb, np.ones(2)), time_limit=0.001)
    assert rows_passed(picture_for(mg.trace(chain, np.ones(2)), None)) == 901


def test_unknown_detail_and_suffix(tmp_path):
    """Words that are not known are answered with those that are."""
    with pytest.raises(ValueError, match=r"'all' is unknown; use one of auto"):
        viz.draw(product(), detail="all")
    with pytest.raises(viz.errors.DrawingFormatError, match=r"\.gif; use one of \.svg"):
        viz.draw(product(), tmp_path / "x.gif")

    assert not list(tmp_path.iterdir())


def test_save_chooses_by_suffix(tmp_path):
    """.svg, .dot and .png hold what they are called after."""
    drawing = viz.draw(product(), tmp_path / "a.svg")
    drawing.save(tmp_path / "a.dot")
    drawing.save(tmp_path / "a.png")

    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == drawing.svg == drawing._repr_svg_()
    assert (tmp_path / "a.dot").read_text(encoding="utf-8") == drawing.dot
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def _characters(svg):
    return set("".join(read(svg).words))


def test_every_character_of_a_png_has_a_glyph():
    """PNG files had boxes for ⊙ and for the dash of the legend: every character that a picture uses is drawn."""
    pictures = [viz.draw(net(LSTM, 14), detail=detail) for detail in ("op", "gate", "cell")]
    pictures += [viz.draw(net_of(GRU(2, 2), 3)), viz.draw(net_of(Stacked((RNN(2, 2), RNN(2, 2))), 2))]
    pictures.append(draw_plan(mg.compile(lambda x: mg.tanh(x).sum()).plan(np.ones(3))))
    used = set().union(*(_characters(drawing.svg) for drawing in pictures))
    used |= set(
        "".join((*(one.symbol or "" for one in PRIMITIVES.values()), *style.LEGEND.values(), *labels.GREEK.values()))
    )
    used |= set("₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾‖∂…−≤" + "".join(glyphs.SUBSTITUTES.values()))

    missing = {one for one in used if one.isprintable() and not one.isspace() and not glyphs.has_glyph(one)}

    assert missing == set(glyphs.SUBSTITUTES)
    assert not glyphs.has_glyph("\ue001")


def test_a_png_shows_a_product_as_a_dot_in_a_circle(tmp_path):
    """A sign without a glyph is replaced before a PNG is drawn; SVG, drawn with a browser's fonts, keeps it."""
    drawing = viz.draw(net(LSTM, 1))

    shown = _characters(render(glyphs.with_glyphs(drawing.dot, drawing.svg), layout=LAYOUT).decode())

    assert "⊙" in _characters(drawing.svg)
    assert "•" in shown
    assert "⊙" not in shown
    assert drawing.save(tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_name_without_glyphs_is_said(tmp_path):
    """A name in letters that the font of PNG lacks is drawn as boxes, with a warning that names them and says SVG."""
    drawing = viz.draw(mg.trace(lambda x: mg.named("损", x * 2.0).sum(), np.ones(2)))

    with pytest.warns(UserWarning, match="no glyph for '损'; a box is drawn instead. Save as .svg"):
        drawing.save(tmp_path / "a.png")
    assert "损" in drawing.svg


def test_a_layer_above_reads_the_state_below_by_its_name():
    """Layer 1's output was called x₁ in layer 2, and its line began at the inner ⊙: it begins at the state h₁."""
    shown = picture_for(net_of(Stacked((LSTM(2, 2), RNN(2, 2))), 2), None)
    marks = {mark.key: mark for mark in shown.nodes}
    inputs = [
        line for line in shown.edges if marks[line.head].kind == "input" and marks[line.head].lane == ("layer 2",)
    ]

    assert [marks[line.head].label for line in inputs] == ["h₁⁽¹⁾", "h₂⁽¹⁾"]
    assert [(marks[line.tail].label, marks[line.tail].carried) for line in inputs] == [("h₁", True), ("h₂", True)]
    assert all(marks[line.tail].lane == ("layer 1",) for line in inputs)
    assert any(mark.label.startswith("U h₁⁽¹⁾") for mark in shown.nodes)


def test_a_notebook_shows_a_graph():
    """A graph shows itself once viz is there, and without viz says nothing; minigrad alone does not load it."""
    code = (
        "import sys, numpy as np, minigrad as mg; g = mg.trace(lambda x: (x * x).sum(), np.ones(2));"
        "assert g._repr_svg_() is None and 'viz' not in sys.modules; import viz; print(g._repr_svg_()[:5])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert done.stdout.strip() == "<?xml"


def test_nodes_without_numbers_are_drawn():
    """Integer inputs and constants have no gradient; they are drawn all the same."""
    graph = mg.trace(lambda x, n: (x * n).sum(), np.ones(3), np.array([0, 2, 1]))

    drawn = read(viz.draw(graph).svg)

    assert len(drawn.edges) == 3
    assert len(drawn.gradients) == 2


if __name__ == "__main__":
    for key, make in GRAPHS.items():
        (GOLDEN / f"{key}.dot").write_text(viz.draw(make(), detail="op").dot, encoding="utf-8")
