import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

import matplotlib
import numpy as np
import pytest
from drawn import net, net_of
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import minigrad as mg
import viz
from cells import GRU, LSTM, RNN, AttentionCell, Bidirectional, Conv1d, FeedForward, Readout, Stacked, unroll
from cells.analysis.attribution import DIRECT, dependency_norms, flow_norms, gates_of, lag_parts, route_parts
from viz.colour_scale import Scale
from viz.plots.svg import Curve, Heat, colour_bar, curves_on, heat_on, lag_plot, plotted, scale_of
from viz.style import NON_FINITE

seeds = st.integers(0, 10_000)


def step_losses(cell, steps, seed):
    """The graph of the T losses of a small net, and the function it was traced from with its arguments."""
    rng = np.random.default_rng(seed)
    readout = Readout(cell.hidden_size, 2)
    params, xs = {"cell": cell.init(rng), "readout": readout.init(rng)}, rng.normal(size=(steps, 2))

    def losses(params, xs):
        run = unroll(cell, params["cell"], xs)
        return mg.cross_entropy(readout.logits(params["readout"], run.outputs), np.arange(steps) % 2)

    return mg.trace(losses, params, xs), losses, params, xs


@pytest.mark.parametrize(("kind", "weight"), [(RNN, "W"), (LSTM, "W_f"), (GRU, "U_n")])
@given(seed=seeds, steps=st.integers(1, 5))
def test_the_triangle_sums_to_bptt(kind, weight, seed, steps):
    """Rows sum to ∂E_t/∂W, all of it to BPTT's gradient of the sum, and nothing lies above the diagonal."""
    graph, losses, params, xs = step_losses(kind(2, 3), steps, seed)

    parts = lag_parts(graph, f'params["cell"]["{weight}"]')

    jacobian = mg.jacobian(losses)(params, xs)["cell"][weight]
    np.testing.assert_allclose(parts.sum(axis=1), jacobian, atol=1e-13)
    whole = mg.grad(lambda p: losses(p, xs).sum())(params)["cell"][weight]
    np.testing.assert_allclose(parts.sum(axis=(0, 1)), whole, atol=1e-13)
    assert not any(parts[t, k].any() for t in range(steps) for k in range(t + 1, steps))


@given(seed=seeds)
def test_a_column_is_one_use_of_the_weight(seed):
    """The part through step k is the derivative when only that step's W moves (central difference)."""
    rng = np.random.default_rng(seed)
    cell = RNN(2, 2)
    graph, _, params, xs = step_losses(cell, 3, seed)
    parts = lag_parts(graph, 'params["cell"]["W"]')
    direction, h, readout = rng.normal(size=(2, 2)), 1e-5, Readout(2, 2)

    def losses(moved):
        state, found = cell.initial_state(), []
        for t in range(3):
            W = params["cell"]["W"] + (moved * direction if t == 1 else 0.0)
            state = cell.step({**params["cell"], "W": W}, state, xs[t])
            found.append(mg.cross_entropy(readout.logits(params["readout"], state.h), np.array(t % 2)))
        return np.array(found)

    central = (losses(h) - losses(-h)) / (2 * h)
    np.testing.assert_allclose(np.tensordot(parts[:, 1], direction, 2), central, atol=1e-8)


NETS = {
    "rnn": lambda: RNN(2, 3),
    "lstm": lambda: LSTM(2, 3),
    "peephole": lambda: LSTM(2, 3, peephole=True),
    "gru": lambda: GRU(2, 3),
    "attention": lambda: AttentionCell(LSTM(2, 3)),
    "stacked": lambda: Stacked((LSTM(2, 3), GRU(3, 2))),
}


@pytest.mark.parametrize("name", NETS)
@given(seed=seeds)
def test_routes_sum_to_the_whole(name, seed):
    """The parts of a derivative add up to it, for every node at t=0 and for the input."""
    graph = net_of(NETS[name](), 3, seed)
    adjoints = graph.adjoints().nodes
    sources = [node for node in graph.nodes if node.scope and node.scope[-1] == "t=0"] + [graph.inputs["xs"]]

    for source in sources:
        parts = route_parts(graph, source)
        assert set(parts) <= gates_of(graph) | {DIRECT}
        np.testing.assert_allclose(sum(parts.values()), adjoints[source], rtol=1e-12, atol=1e-14)


@given(seed=seeds)
def test_each_route_is_what_is_left_when_the_others_are_cut(seed):
    """A one-step LSTM's part through a gate is the derivative with all other gates held fixed."""
    rng = np.random.default_rng(seed)
    cell = LSTM(2, 3)
    params, x = cell.init(rng), rng.normal(size=2)
    start = type(cell.initial_state())(rng.normal(size=3), rng.normal(size=3))
    weights = rng.normal(size=3)

    def loss(h, c, free=None):
        gates = {
            k: (np.tanh if k == "g" else mg.sigmoid)(
                mg.linear(params[f"U_{k}"], x)
                + mg.linear(params[f"W_{k}"], h if free in (None, k) else start.h)
                + params[f"b_{k}"]
            )
            for k in "ifgo"
        }
        new = mg.named("f", gates["f"]) * c + mg.named("i", gates["i"]) * mg.named("g", gates["g"])
        return (mg.named("o", gates["o"]) * mg.tanh(new) * weights).sum()

    graph = mg.trace(loss, start.h, start.c)
    parts = route_parts(graph, "h", through="ifgo")

    for k in "ifgo":
        np.testing.assert_allclose(parts[k], mg.grad(lambda h, k=k: loss(h, start.c, k))(start.h), atol=1e-13)


def test_the_highway_is_the_product_of_forget_gates():
    """From c_0 to c_T the part through no gate is ∏ f_t, elementwise."""
    rng = np.random.default_rng(3)
    cell = LSTM(2, 3)
    params, xs = cell.init(rng), rng.normal(size=(4, 2))
    graph = mg.trace(lambda p, xs: unroll(cell, p, xs).final.c.sum(), params, xs)
    forget = [node.value for node in graph.nodes if node.name == "f"]

    parts = route_parts(graph, graph.find("c", "t=0"))

    np.testing.assert_allclose(parts[DIRECT], np.prod(forget, axis=0), rtol=1e-12)


def test_flow_norms_are_those_of_the_adjoints():
    """Every named node's row holds the norm of its adjoint at each step, layer by layer."""
    graph = net_of(Stacked((LSTM(2, 2), RNN(2, 2))), 3)
    adjoints = graph.adjoints().nodes

    norms = flow_norms(graph)

    assert set(norms) >= {"layer 1/c", "layer 1/f", "layer 2/h", "layer 2/a"}
    for t in (1, 2, 3):
        node = graph.find("c", ("layer 1", f"t={t}"))
        assert norms["layer 1/c"][t - 1] == pytest.approx(np.linalg.norm(adjoints[node]) if node in adjoints else 0)


MODELS = {
    "feedforward": (lambda: FeedForward(2, 3), lambda t, s: s == t),
    "convolution": (lambda: Conv1d(2, 3, 3), lambda t, s: t - 3 < s <= t),
    "rnn": (lambda: RNN(2, 3), lambda t, s: s <= t),
    "deep": (lambda: Stacked((RNN(2, 3), GRU(3, 3))), lambda t, s: s <= t),
    "bidirectional": (lambda: Bidirectional(RNN(2, 3), RNN(2, 3)), lambda t, s: True),
    "attention": (lambda: AttentionCell(RNN(2, 3)), lambda t, s: s <= t),
}


@pytest.mark.parametrize("name", MODELS)
def test_dependencies_have_the_shape_of_the_architecture(name):
    """Diagonal, band, triangle or full: exactly the inputs that an output can see have a nonzero derivative."""
    make, sees = MODELS[name]
    cell, rng = make(), np.random.default_rng(1)
    params, xs = cell.init(rng), rng.normal(size=(6, 2))

    norms = dependency_norms(lambda xs: unroll(cell, params, xs).outputs, xs)

    assert [[bool(x) for x in row] for row in norms] == [[sees(t, s) for s in range(6)] for t in range(6)]


def pictures(path=None):
    """One of each, small."""
    lstm = net(LSTM, 4)
    graph = step_losses(RNN(2, 2), 4, 0)[0]
    cell, params = RNN(2, 2), RNN(2, 2).init(np.random.default_rng(0))
    return {
        "flow": viz.flow({"LSTM": lstm, "RNN": net(RNN, 4)}, bounds={"RNN": np.ones(5)}),
        "flow of one": viz.flow(lstm),
        "lags": viz.lags(graph, 'params["cell"]["W"]'),
        "routes": viz.routes(lstm, {"c_0": lstm.find("c", "t=0"), "c_2": lstm.find("c", "t=2")}),
        "routes of one": viz.routes(lstm, lstm.find("h", "t=0")),
        "dependency": viz.dependency({"<RNN> & co": lambda xs: unroll(cell, params, xs).outputs}, np.ones((4, 2))),
    }


def test_pictures_are_svg_and_the_same_bytes_twice():
    """Every picture is well-formed, has no date in it, and does not change from call to call."""
    first, second = pictures(), pictures()

    for name, plot in first.items():
        ET.fromstring(plot.svg)
        assert plot.svg == second[name].svg == plot._repr_svg_()
        assert "dc:date" not in plot.svg


def test_shares_of_routes_add_up_to_one():
    """The bars of each source sum to 1."""
    data = pictures()["routes"].data

    np.testing.assert_allclose(sum(data.values()), 1.0)


def test_saving_a_plot(tmp_path):
    """.svg, .png and .pdf; anything else is refused."""
    plot = pictures()["lags"]
    for suffix, start in ((".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")):
        plot.save(tmp_path / f"a{suffix}")
        assert (tmp_path / f"a{suffix}").read_bytes().startswith(start)
    with pytest.raises(viz.errors.DrawingFormatError, match=r"\.gif; use one of \.svg"):
        plot.save(tmp_path / "a.gif")


def test_what_cannot_be_drawn_is_said():
    """Each picture names what it needs."""
    scalar = mg.trace(lambda x: (x * x).sum(), np.ones(2))
    with pytest.raises(viz.errors.DrawingValueError, match="as unroll does"):
        viz.flow(scalar)
    with pytest.raises(viz.errors.DrawingValueError, match="no 'q' in this graph; the names are"):
        viz.flow(net(RNN, 2), state="q")
    with pytest.raises(viz.errors.DrawingValueError, match=r"shape \(T,\)"):
        viz.lags(net(RNN, 2), 'params["cell"]["W"]')
    with pytest.raises(viz.errors.DrawingValueError, match="not used in any time step"):
        viz.lags(step_losses(RNN(2, 2), 2, 0)[0], 'params["readout"]["V"]')
    with pytest.raises(viz.errors.DrawingValueError, match="one scalar output"):
        viz.routes(mg.trace(lambda x: x * 2.0, np.ones(2)), "x")
    with pytest.raises(
        viz.errors.DrawingValueError, match=r"from \(T, D\) to \(T, K\), got a Jacobian of shape \(3, 2\)"
    ):
        viz.dependency({"f": lambda xs: xs.sum()}, np.ones((3, 2)))


@pytest.mark.parametrize(
    "name",
    [
        "$\\frac$ & <b>",
        "a\x00--><script>",
        *(pytest.param(name, marks=pytest.mark.nightly) for name in ("$x^$", "\\N", "a_f", "h")),
    ],
)
def test_hostile_names_stay_text_in_plots(name):
    """Names that look like formulas, markup or comments bring no element into the SVG that a plain name does not."""

    def tags(name):
        def f(x):
            with mg.scope("t=1"):
                return mg.named(name, mg.tanh(x)).sum()

        graph = mg.trace(f, np.ones(2))
        plots = (
            viz.flow({name: graph}, state=name),
            viz.routes(graph, {name: graph.node("x")}, through={name}),
            viz.dependency({name: lambda xs: xs}, np.ones((2, 1))),
        )
        return [{element.tag for element in ET.fromstring(plot.svg).iter()} for plot in plots]

    assert tags(name) == tags("plain")


@pytest.mark.nightly
@pytest.mark.nightly
def test_a_thread_finds_its_own_settings():
    """Plots of several threads are the same bytes, whatever the settings of the user, which stay as they are."""
    before = dict(matplotlib.rcParams)
    graph = net(LSTM, 3)
    alone = viz.flow(graph).svg
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "black"}), ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda _: viz.flow(graph).svg, range(8)))

    assert set(together) == {alone}
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_inf_and_nan_are_unmissable_in_plots(lost):
    """Values that are not finite are orange in heat maps and on curves, and named in words."""
    orange = NON_FINITE["color"].lower()
    curve = plotted(
        lambda f: curves_on(f.subplots(), [Curve("E", np.array([1.0, lost]), "#000000")], "x", "y"), (3, 2), {}
    )
    heat = Heat(np.array([[1.0, lost]]), ["h"], ["1", "2"], "x", "y")

    def strip(figure):
        axes = figure.subplots()
        colour_bar(figure, heat_on(axes, heat, scale_of(heat.values)), axes)
        pixels = axes.images[0].cmap(axes.images[0].norm(axes.images[0].get_array()))
        assert to_hex(pixels[0, 1]) == orange
        assert to_hex(pixels[0, 0]) != orange

    assert orange in curve.svg
    assert orange in plotted(strip, (3, 2), {}).svg


def test_routes_of_what_is_not_finite_say_so():
    """A derivative that is nan has no shares; the bar says it instead of being empty."""
    graph = mg.trace(lambda x: (mg.named("y", x) * np.nan).sum(), np.ones(2))

    plot = viz.routes(graph, "x")

    assert all(np.isnan(values).all() for values in plot.data.values())
    assert NON_FINITE["color"].lower() in plot.svg


@pytest.mark.parametrize("reset", ["before", "after"])
def test_the_candidate_is_a_gate_of_the_gru(reset):
    """In both conventions r, z and n are told apart, also where r acts on a part of n's sum only."""
    assert gates_of(net(lambda d, h: GRU(d, h, reset=reset), 2)) == {"r", "z", "n"}


@pytest.mark.parametrize("plot", [viz.flow, lambda none: viz.dependency(none, np.ones((2, 1)))])
def test_nothing_to_plot_is_refused(plot):
    """Without a net there is no picture, and the error says what to pass."""
    with pytest.raises(viz.errors.DrawingValueError, match="pass them by title"):
        plot({})


def _colour_bar(values, **options):
    """The words beside the colour bar of a heat map."""
    figure = Figure()
    axes = figure.subplots()
    heat = Heat(values, ["a"], ["1", "2", "3"], "", "")
    colour_bar(figure, heat_on(axes, heat, Scale()), axes, **options)
    return figure.axes[-1].get_ylabel()


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([0.1, 0.2, 1.0], ""),
        ([0.1, 0.0, 1.0], " (grey: exactly 0)"),
        ([0.1, None, 1.0], " (white: exactly 0)"),
        ([np.inf, None, 0.0], " (grey: exactly 0, white: exactly 0, orange: inf or nan)"),
    ],
)
def test_the_colours_that_are_there_are_explained(cells, words):
    """The white of `dependency` was explained as grey: each colour outside of the scale is said if it is drawn."""
    values = np.ma.array([[0.5 if one is None else one for one in cells]], mask=[[one is None for one in cells]])

    assert _colour_bar(values, white="exactly 0") == f"log10 of the norm{words}"


def test_each_plot_says_whose_rate_it_shows():
    """The Jacobian's rate stood beside a picture of the loss's gradient, unnamed: each picture says which it shows."""
    curve = Curve("measured", np.array([1.0, 0.5, 0.25]), "#0072B2")

    assert "<!-- Jacobian, in its worst direction" in lag_plot([curve], "norm").svg
    assert "<!-- gradient of the loss E (not the Jacobian" in viz.flow(net(RNN, 2)).svg
