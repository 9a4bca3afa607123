from itertools import combinations

import numpy as np
import pytest
from drawn import assert_no_edge_crosses_a_node, net, net_of, read
from hypothesis import given
from hypothesis import strategies as st

import viz
from cells import GRU, LSTM, RNN, AttentionCell, Bidirectional, Stacked
from viz.layout.layout import lay_out
from viz.layout.placement import place
from viz.layout.routing import beside, clip, route
from viz.layout.step import StepBlock, cell_path_of
from viz.layout.step_layout import arrange
from viz.layout.timeline import timeline
from viz.scene.build import picture_of

NETS = {
    "rnn": lambda: RNN(2, 2),
    "lstm": lambda: LSTM(2, 2),
    "peephole": lambda: LSTM(2, 2, peephole=True),
    "coupled": lambda: LSTM(2, 2, coupled=True),
    "gru": lambda: GRU(2, 2),
    "gru_after": lambda: GRU(2, 2, reset="after", update="write"),
    "stacked": lambda: Stacked((LSTM(2, 2), GRU(2, 2))),
    "bidirectional": lambda: Bidirectional(LSTM(2, 2), LSTM(2, 2)),
    "attention": lambda: AttentionCell(RNN(2, 2)),
    "attention_after": lambda: AttentionCell(RNN(2, 2), when="after"),
    "full_gates": lambda: LSTM.variant("FGR", 2, 2),
    "deep": lambda: Stacked((LSTM(2, 2), GRU(2, 2), RNN(2, 2))),
}
DETAILS = ["op", "gate", "cell"]


def picture(name, detail, steps=3):
    """A net's picture in time, with its gradients."""
    graph = net_of(NETS[name](), steps)
    return graph, picture_of(graph, graph.adjoints(), detail=detail, in_time=True)


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("name", NETS)
def test_every_cell_is_drawn(name, detail):
    """Each node and edge of each cell at each level is in the SVG, which Graphviz takes as placed."""
    graph, shown = picture(name, detail)

    drawn = read(viz.draw(graph, detail=detail).svg)

    assert len(drawn.nodes) == len(shown.nodes) + 1  # the legend
    assert len(drawn.edges) == len(shown.edges)
    assert len(drawn.gradients) == sum(edge.share is not None for edge in shown.edges)


@pytest.mark.parametrize("name", NETS)
def test_at_op_level_each_use_is_one_line(name):
    """Beside the edges that deliver states to their nodes there is one edge for each edge of the graph."""
    graph, shown = picture(name, "op")

    uses = [edge for edge in shown.edges if not edge.delivers]

    assert len(uses) == len(graph.edges)
    assert sum(edge.share is not None for edge in uses) == len(graph.adjoints().edges)


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("name", NETS)
def test_nothing_overlaps(name, detail):
    """No two nodes share a place."""
    _, shown = picture(name, detail)
    boxes = lay_out(shown).boxes

    for a, b in combinations(boxes.values(), 2):
        assert abs(a.x - b.x) >= (a.width + b.width) / 2 - 1e-6 or abs(a.y - b.y) >= (a.height + b.height) / 2 - 1e-6


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("name", NETS)
def test_no_line_crosses_a_mark(name, detail):
    """No edge runs over a node that is not one of its ends."""
    _, shown = picture(name, detail)

    assert_no_edge_crosses_a_node(shown, lay_out(shown))


@pytest.mark.parametrize(("name", "family"), [("lstm", "c"), ("peephole", "c"), ("coupled", "c"), ("gru", "h")])
def test_the_cell_path_is_straight(name, family):
    """The cell edge runs at one height through all steps, over elementwise operations only."""
    _, shown = picture(name, "gate", steps=4)
    placement = place(timeline(shown))
    nodes = {node.key: node for node in shown.nodes}

    on_it = {key for edge in placement.cell_paths for key in edge}

    assert {nodes[key].family for key in on_it if nodes[key].carried} == {family}
    assert len({placement.boxes[key].y for key in on_it}) == 1
    assert len([key for key in on_it if nodes[key].carried]) == 5
    assert {nodes[key].label for key in on_it if not nodes[key].carried} == {"⊙", "+"}
    for edge in shown.edges:
        if (edge.tail, edge.head) in placement.cell_paths:
            assert len({round(y, 9) for _, y in route(edge, nodes, placement)}) == 1


@pytest.mark.parametrize("activation", ["tanh", "identity"])
@pytest.mark.parametrize("detail", ["op", "gate"])
def test_a_plain_rnn_has_no_cell_path(activation, detail):
    """Its state always goes through W, which is not elementwise, whatever comes after."""
    graph = net_of(RNN(2, 2, activation=activation), 3)

    layout = lay_out(picture_of(graph, graph.adjoints(), detail=detail, in_time=True))

    assert not any(route.on_cell_path for route in layout.routes)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "stacked"])
def test_steps_repeat(name):
    """Every step is arranged like the first, one column further to the right."""
    _, shown = picture(name, "gate", steps=5)
    placement = place(timeline(shown))
    by_step = {}
    for node in shown.nodes:
        if node.step and not node.carried:
            by_step.setdefault(node.step, []).append(placement.boxes[node.key])
    shifts = {t: {round(b.x - a.x, 6) for a, b in zip(by_step[1], by_step[t], strict=True)} for t in (2, 3, 4, 5)}

    assert all(len(found) == 1 for found in shifts.values())
    assert [min(shifts[t]) for t in (2, 3, 4, 5)] == pytest.approx([min(shifts[2]) * k for k in (1, 2, 3, 4)])


def test_backward_lanes_run_to_the_left():
    """In a bidirectional net the states of the backward lane stand left of the step that makes them."""
    _, shown = picture("bidirectional", "gate")
    placement = place(timeline(shown))
    left = {
        node.lane: placement.columns[2][0] - placement.boxes[node.key].x
        for node in shown.nodes
        if node.carried and node.step == 2
    }

    assert left[("forward",)] < 0 < left[("backward",)]


def test_gate_level_carries_the_shares_of_the_graph():
    """The gradients into h_{t−1} from a step's four gates add up to the sweep's adjoint of that state."""
    graph, _ = picture("lstm", "gate", steps=2)
    adjoints = graph.adjoints()
    shown = picture_of(graph, adjoints, detail="gate", in_time=True)
    h1 = graph.find("h", "t=1")

    (edge,) = [
        x for x in shown.edges if x.delivers and x.tail == f"n{[node is h1 for node in graph.nodes].index(True)}"
    ]

    assert edge.share == pytest.approx(np.linalg.norm(adjoints.nodes[h1]), rel=1e-12)


@st.composite
def blocks(draw):
    """Random steps: nodes of random sizes and edges from earlier to later ones."""
    count = draw(st.integers(1, 9))
    sizes = tuple((draw(st.integers(10, 80)) * 1.0, draw(st.integers(10, 40)) * 1.0) for _ in range(count))
    pairs = [(i, j) for j in range(count) for i in range(j)]
    edges = tuple(sorted(draw(st.sets(st.sampled_from(pairs))), key=lambda p: (p[1], p[0]))) if pairs else ()
    sources = [i for i in range(count) if all(head != i for _, head in edges)]
    inputs = frozenset(draw(st.sets(st.sampled_from(sources), max_size=2)))
    end = draw(st.integers(0, count - 1))
    elementwise = frozenset(draw(st.sets(st.integers(0, count - 1)))) - inputs
    way = cell_path_of(draw(st.lists(st.integers(0, count - 1))), end, edges, elementwise)
    return StepBlock(sizes, edges, (way,) if way else (), inputs)


@given(blocks())
def test_any_step_can_be_arranged(block):
    """Marks of a row keep apart, every node is inside the width, and a cell path is level and in order."""
    shape = arrange(block)

    upper = [i for i in range(len(block.sizes)) if i not in block.inputs]
    for group in (upper, sorted(block.inputs)):
        for a, b in combinations(group, 2):
            (xa, ya), (xb, yb) = shape.places[a], shape.places[b]
            apart = abs(xa - xb) >= (block.sizes[a][0] + block.sizes[b][0]) / 2 - 1e-6
            assert apart or abs(ya - yb) >= (block.sizes[a][1] + block.sizes[b][1]) / 2 - 1e-6
    for (x, _), (width, _) in zip(shape.places, block.sizes, strict=True):
        assert width / 2 - 1e-6 <= x <= shape.width - width / 2 + 1e-6
    for cell_path in block.cell_paths:
        assert len({shape.places[i][1] for i in cell_path}) == 1
        xs = [shape.places[i][0] for i in cell_path]
        assert xs == sorted(xs)


points = st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=2, max_size=5, unique=True)


@given(points, st.sampled_from([-5.0, 5.0]))
def test_a_parallel_keeps_its_distance(course_points, distance):
    """The ends of the edge beside are exactly so far away, at right angles."""
    moved = beside(course_points, distance)

    for i, j in ((0, 1), (-1, -2)):
        p, q, m = np.array(course_points[i]), np.array(course_points[j]), np.array(moved[i])
        assert np.linalg.norm(m - p) == pytest.approx(5.0)
        assert np.dot(m - p, q - p) == pytest.approx(0.0, abs=1e-6)


def test_lines_start_at_borders():
    """A edge between two boxes is cut where it leaves the one and enters the other."""
    assert clip([(0, 0), (100, 0)], (20, 10), (40, 10)) == [(10, 0), (80, 0)]
    assert clip([(0, 0), (0, 60)], (20, 10), (40, 20)) == [(0, 5), (0, 50)]


def test_drawing_time_does_not_blow_up():
    """Twice the steps are about twice the DOT text: nothing in it grows faster."""
    short, long = (len(viz.draw(net(RNN, steps), detail="op", fold=False).dot) for steps in (10, 20))

    assert long < 2.1 * short
