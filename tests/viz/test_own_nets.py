from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from drawn import assert_no_edge_crosses_a_node, net_of, read, routes

import minigrad as mg
import viz
from cells import LSTM, RNN, AttentionCell, Bidirectional, Stacked
from viz.layout.layout import lay_out
from viz.layout.placement import place, tracks_of
from viz.layout.step import StepBlock
from viz.layout.step_layout import arrange
from viz.layout.timeline import timeline
from viz.scene.build import picture_of

RNG = np.random.default_rng(0)
P = {name: RNG.normal(size=(3, 3)) for name in "ABCD"}
XS = RNG.normal(size=(5, 3))


def two_states(p, xs):
    """Own names, states from outside of time, and a second state that is added to the first."""
    h = mg.named("state", mg.tanh(p["A"] @ xs[0]))
    m = mg.named("memory", h * 0.1)
    for t in range(1, 4):
        with mg.scope(f"t={t}"):
            gate = mg.named("gate", mg.sigmoid(mg.linear(p["A"], xs[t]) + mg.linear(p["B"], h)))
            m = mg.named("memory", gate * m + (1 - gate) * mg.tanh(mg.linear(p["C"], xs[t])))
            h = mg.named("state", mg.relu(m) + h)
    return mg.named("cost", (h * h).sum())


def running_loss(p, xs):
    """A loss that is added up outside of the steps, before the next step begins."""
    h, loss = xs[0], 0.0
    for t in range(1, 4):
        with mg.scope(f"t={t}"):
            h = mg.named("h", mg.tanh(mg.linear(p["A"], h) + mg.linear(p["B"], xs[t])))
        loss = loss + (h**2).sum()
    return loss


def parts_of_steps(p, xs):
    """Scopes inside of steps: what one part hands on, another reads in the next step."""
    h = xs[0]
    for t in range(1, 4):
        with mg.scope(f"t={t}"):
            with mg.scope("encoder"):
                a = mg.named("a", mg.tanh(mg.linear(p["A"], h)))
            with mg.scope("decoder"):
                h = mg.named("h", mg.tanh(mg.linear(p["B"], a)))
    return (h**2).sum()


def one_name(p, xs):
    """Two layers without scopes of their own, whose states have the same name."""
    h, k = (mg.named("h", xs[i] * 1.0) for i in (0, 1))
    for t in range(1, 4):
        with mg.scope(f"t={t}"):
            h = mg.named("h", mg.tanh(mg.linear(p["A"], xs[t]) + mg.linear(p["B"], h)))
            k = mg.named("h", mg.tanh(mg.linear(p["C"], h) + mg.linear(p["D"], k)))
    return (k**2).sum()


def skipping(p, xs):
    """A state that is read two steps later as well."""
    hs = [mg.named("h", xs[0] * 1.0)]
    for t in range(1, 5):
        with mg.scope(f"t={t}"):
            skip = hs[-2] if len(hs) > 1 else 0.0
            hs.append(mg.named("h", mg.tanh(mg.linear(p["A"], xs[t]) + mg.linear(p["B"], hs[-1]) + skip)))
    return (hs[-1] ** 2).sum()


def from_outside(p, xs):
    """Two lanes that begin with values from outside of time, which stand side by side: the later one further out."""
    k, h = xs[0], xs[1]
    for t in range(1, 4):
        with mg.scope("A"), mg.scope(f"t={t}"):
            h = mg.named("h", mg.tanh(mg.linear(p["A"], h)))
        with mg.scope("B"), mg.scope(f"t={t}"):
            k = mg.named("k", mg.tanh(mg.linear(p["B"], k) + mg.linear(p["C"], h)))
    return (k**2).sum()


def two_between(p, xs):
    """Two values that are no states, each read in another lane of the same step."""
    h, k = xs[0], xs[1]
    for t in range(1, 4):
        with mg.scope("A"), mg.scope(f"t={t}"):
            u = mg.named("u", mg.sigmoid(mg.linear(p["A"], h)))
            v = mg.named("v", mg.tanh(mg.linear(p["B"], u)))
            h = mg.named("h", mg.tanh(mg.linear(p["A"], v)))
        with mg.scope("B"), mg.scope(f"t={t}"):
            k = mg.named("k", mg.tanh(mg.linear(p["C"], k) + mg.linear(p["D"], u)) * v)
    return (k**2).sum() + (h**2).sum()


OWN = (two_states, running_loss, parts_of_steps, one_name, skipping, from_outside, two_between)
DEEP = Stacked((Bidirectional(RNN(2, 2), RNN(2, 2)), Bidirectional(RNN(4, 2), RNN(4, 2))))
NETS = {
    **{f.__name__: lambda f=f: mg.trace(f, P, XS) for f in OWN},
    "deep_two_way": lambda: net_of(DEEP, 3),
    "attention_lstm": lambda: net_of(AttentionCell(LSTM(2, 2)), 3),
    "six_layers": lambda: net_of(Stacked(tuple(RNN(2, 2) for _ in range(6))), 2),
}


def drawn(name, detail="gate"):
    """A net's picture and where everything is."""
    graph = NETS[name]()
    shown = picture_of(graph, graph.adjoints(), detail=detail, in_time=True)
    return shown, lay_out(shown), {node.key: node for node in shown.nodes}


@pytest.mark.parametrize("detail", ["op", "gate", "cell"])
@pytest.mark.parametrize("name", NETS)
def test_lines_run_from_mark_to_mark(name, detail):
    """Every edge begins on the node that it leaves and ends on the node that it goes to, within a rounding."""
    shown, layout, _ = drawn(name, detail)

    for edge, points in routes(shown, layout):
        for key, (x, y) in ((edge.tail, points[0]), (edge.head, points[-1])):
            box = layout.boxes[key]
            assert abs(x - box.x) <= box.width / 2 + 0.01, edge.tooltip
            assert abs(y - box.y) <= box.height / 2 + 0.01, edge.tooltip


@pytest.mark.parametrize("name", NETS)
def test_no_line_hides_a_mark(name):
    """No edge runs over a node that is not one of its ends."""
    shown, layout, _ = drawn(name)

    assert_no_edge_crosses_a_node(shown, layout)


@pytest.mark.parametrize("name", NETS)
def test_every_net_is_drawn(name):
    """All nodes and edges are in the SVG."""
    shown, _, _ = drawn(name)

    found = read(viz.draw(NETS[name]()).svg)

    assert len(found.nodes) == len(shown.nodes) + 1
    assert len(found.edges) == len(shown.edges)


def test_a_running_loss_leaves_time_as_it_is():
    """States stand right of the step that makes them, also where something outside of time reads them first."""
    shown, layout, _ = drawn("running_loss")

    for node in shown.nodes:
        if node.carried:
            assert layout.boxes[node.key].x > place(timeline(shown)).columns[node.step][1]


def test_lines_from_different_marks_to_other_lanes_stay_apart():
    """No two nodes' edges to other lanes go up in one place: it can be read where each leads."""
    shown, layout, nodes = drawn("two_between")
    ups = {}
    for edge, points in routes(shown, layout):
        tail, head = nodes[edge.tail], nodes[edge.head]
        if tail.step is None or head.step is None or tail.carried or head.carried or tail.lane == head.lane:
            continue
        for p, q in pairwise(points):
            if p[0] == q[0]:
                ups.setdefault(p[0], []).append((edge.tail, *sorted((p[1], q[1]))))

    assert any(tracks_of(layout.boxes, timeline(shown)).values())
    for found in ups.values():
        for a, low, high in found:
            assert all(a == b or high <= bottom or top <= low for b, bottom, top in found)


@pytest.mark.parametrize("name", ["attention_lstm", "two_states"])
def test_detours_do_not_lie_on_each_other(name):
    """Lines that go round nodes run sideways on levels of their own, where they would else be one edge."""
    shown, layout, _ = drawn(name)
    found = [
        points for edge, points in routes(shown, layout) if (edge.tail, edge.head) in place(timeline(shown)).detours
    ]
    sideways = [(p[1], *sorted((p[0], q[0]))) for points in found for p, q in pairwise(points[:3]) if p[1] == q[1]]

    assert len(sideways) >= 3
    for (y, left, right), (z, start, end) in combinations(sideways, 2):
        assert y != z or right <= start or end <= left


def test_labels_say_which_part_and_stop_at_the_step():
    """A part of a sequence is called by its index; the formula of what has no name does not repeat earlier steps."""

    def unnamed(p, xs):
        h = xs[0]
        for t in range(1, 4):
            with mg.scope(f"t={t}"):
                h = mg.tanh(mg.linear(p["A"], xs[t]) + mg.linear(p["B"], h))
        return (h**2).sum()

    graph = mg.trace(unnamed, P, XS)
    labels = [node.label for node in picture_of(graph, None, detail="gate", in_time=True).nodes]

    assert {"xs[0]", "xs[3]", "A xs[3] + B …"} <= set(labels)


def test_time_inside_of_time_is_laid_out_by_dot():
    """Steps within steps are no timeline; they are nested frames, with every edge drawn."""

    def nested(p, xs):
        h = xs[0]
        for t in (1, 2):
            for u in (1, 2):
                with mg.scope(f"t={t}"), mg.scope(f"t={u}"):
                    h = mg.named("h", mg.tanh(mg.linear(p["A"], h)))
        return (h**2).sum()

    graph = mg.trace(nested, P, XS)

    assert len(read(viz.draw(graph).svg).edges) == len(graph.edges)


@pytest.mark.parametrize("names", [("bus", "k"), ("h", "bus"), ("0", "k"), ("h", "1"), ("input 0", "state h")])
def test_the_layout_does_not_depend_on_what_states_are_called(names):
    """States called by a word of the layout's own, or by a number, stand and are read where others would be."""

    def places(first, second):
        def two_layers(p, xs):
            h, k = mg.named(first, xs[0] * 1.0), mg.named(second, xs[1] * 1.0)
            for t in range(1, 4):
                with mg.scope(f"t={t}"):
                    x = mg.named("x", xs[t])
                    h = mg.named(first, mg.tanh(mg.linear(p["A"], x) + mg.linear(p["B"], h) + mg.linear(p["C"], k)))
                    k = mg.named(second, mg.tanh(mg.linear(p["C"], h) + mg.linear(p["D"], k)))
            return (k**2).sum()

        shown = picture_of(mg.trace(two_layers, P, XS), None, detail="gate", in_time=True)
        return lay_out(replace(shown, nodes=tuple(replace(node, label="") for node in shown.nodes)))

    found, usual = places(*names), places("h", "k")

    assert found.boxes == usual.boxes
    assert found.routes == usual.routes


def test_a_name_in_the_middle_of_a_step():
    """At the level of steps a value that is named twice on its way stays inside of its step's node."""

    def renamed(p, xs):
        h = xs[0]
        for t in range(1, 4):
            with mg.scope(f"t={t}"):
                a = mg.named("a", mg.named("b", mg.tanh(mg.linear(p["A"], h))))
                h = mg.named("h", mg.tanh(a + mg.linear(p["B"], xs[t])))
        return (h**2).sum()

    graph = mg.trace(renamed, P, XS)
    shown = picture_of(graph, graph.adjoints(), detail="cell", in_time=True)

    assert [node.kind for node in shown.nodes].count("step") == 3
    assert len(read(viz.draw(graph, detail="cell").svg).edges) == len(shown.edges)


def test_marks_that_need_each_other_are_placed():
    """Marks of several operations may be computed from one another; they get places, and the layout ends."""
    shape = arrange(StepBlock(((30.0, 20.0),) * 3, ((0, 1), (1, 0), (1, 2))))

    assert len(set(shape.places)) == 3
