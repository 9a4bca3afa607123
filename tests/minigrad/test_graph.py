"""trace and Graph: nodes in order, names of inputs and outputs, edges, routes, the first NaN."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import minigrad as mg
from minigrad.errors import NonScalarOutputError, TreeError, UnknownNodeError
from minigrad.testing import strategies


def model(params: Any, xs: Any) -> Any:
    """Two steps of a small recurrent net, with names and scopes."""
    h = mg.named("h", np.zeros(2))
    for t, x in enumerate(xs, 1):
        with mg.scope(f"t={t}"):
            h = mg.named("h", mg.tanh(mg.linear(params["W"], h) + x))
    return {"loss": h.sum().named("E"), "states": [h]}


def traced() -> mg.Graph:
    """The graph of the model."""
    return mg.trace(model, {"W": np.eye(2)}, np.ones((2, 2)))


def test_inputs_and_outputs_have_the_callers_names() -> None:
    """Inputs are called as the function's parameters and their paths, outputs by their path in the result."""
    graph = traced()

    assert list(graph.inputs) == ['params["W"]', "xs"]
    assert list(graph.outputs) == ['["loss"]', '["states"][0]']
    assert [node.name for node in graph.inputs.values()] == ['params["W"]', "xs"]
    assert repr(graph) == f'<Graph of {len(graph)} nodes: (params["W"], xs) -> (["loss"], ["states"][0])>'
    assert list(mg.trace(lambda *args: args[0] + args[1], 1.0, 2.0).inputs) == ["args[0]", "args[1]"]
    assert list(mg.trace(lambda s: strategies.Pair(s.h, s.c * 2), strategies.Pair(1.0, 2.0)).outputs) == ["h", "c"]


def test_other_arguments_are_passed_as_they_are() -> None:
    """Integers, text and None are settings, not inputs; integer arrays are inputs."""
    graph = mg.trace(lambda x, n, mode, nothing, i: mg.take(x, i) * n, np.ones(3), 2, "train", None, np.array([0, 2]))

    assert list(graph.inputs) == ["x", "i"]
    assert graph.outputs["out"].value.tolist() == [2.0, 2.0]


@given(strategies.expressions())
def test_nodes_are_complete_and_in_order(case: Any) -> None:
    """A graph holds every input and every argument of its nodes, parents first, each once."""
    f, args = case
    graph = mg.trace(f, *args)
    position = {node: i for i, node in enumerate(graph.nodes)}

    assert len(position) == len(graph)
    assert all(node in graph for node in graph.inputs.values())
    for node in graph.nodes:
        for arg in node.args:
            if isinstance(arg, mg.Tensor):
                assert position[arg] < position[node]
    assert next(iter(graph.outputs.values())).value == f(*args)


def test_what_the_function_closes_over_comes_first() -> None:
    """Nodes are in the order in which they were made, those that are older than the inputs included."""
    w = mg.tensor(2.0) * 1.5
    graph = mg.trace(lambda x: x * w, 1.0)

    assert [node.serial for node in graph.nodes] == sorted(node.serial for node in graph.nodes)
    assert graph.nodes.index(w) < graph.nodes.index(graph.inputs["x"])


def test_scopes_in_order_of_appearance() -> None:
    """Scopes are listed as they first appear; nodes outside have the empty scope."""
    assert traced().scopes == ((), ("t=1",), ("t=2",))


def test_find() -> None:
    """A node is found by name, and by scope where names repeat; what is not there is answered with what is."""
    graph = traced()

    assert graph.find("E").primitive.name == "sum"
    assert graph.find("h", "t=1").scope == ("t=1",)
    assert graph.find("h", ("t=2",)) is graph.outputs['["states"][0]']
    assert graph.node("xs") is graph.inputs["xs"]
    with pytest.raises(UnknownNodeError, match=r"2 nodes are named 'h'; name the scope: \[\('t=1',\), \('t=2',\)\]"):
        graph.find("h")
    with pytest.raises(UnknownNodeError, match="no node is named 'g' at t=1; the names are: "):
        graph.find("g", "t=1")
    with pytest.raises(UnknownNodeError, match="is not part of <Graph of"):
        graph.node(mg.tensor(1.0))


def test_adjoints_of_one_of_several_outputs() -> None:
    """With several outputs one must be named, by path, by name or as the node; seeds have its shape."""
    graph = traced()
    W = graph.inputs['params["W"]']

    by_path = graph.adjoints(output='["loss"]').nodes[W]
    by_name = graph.adjoints(output="E").nodes[W]
    by_seed = graph.adjoints(np.ones(2), output='["states"][0]').nodes[W]

    assert by_path.tolist() == by_name.tolist() == by_seed.tolist()
    assert (
        by_path.tolist() == mg.grad(lambda p, xs: model(p, xs)["loss"])({"W": np.eye(2)}, np.ones((2, 2)))["W"].tolist()
    )
    with pytest.raises(NonScalarOutputError, match=r"this graph has 2 outputs; name one: \[\"loss\"\], "):
        graph.adjoints()
    with pytest.raises(NonScalarOutputError, match="needs a scalar output, got `h`"):
        graph.adjoints(output='["states"][0]')


def test_routes_of_a_lattice() -> None:
    """In a chain of n squarings y = y · y there are 2ⁿ routes, all listed, all different, all connected."""
    graph = mg.trace(lambda y: ((y * y) * (y * y)) ** 1, 1.5)
    assert graph.count_routes("y", graph.outputs["out"]) == 4

    def squared(y: Any) -> Any:
        for _ in range(5):
            y = y * y
        return y

    graph = mg.trace(squared, 1.001)
    source, target = graph.inputs["y"], graph.outputs["out"]
    routes = list(graph.routes(source, target))

    assert len(routes) == len(set(routes)) == graph.count_routes(source, target) == 32
    for route in routes:
        assert route[0].source is source
        assert route[-1].target is target
        assert all(a.target is b.source for a, b in itertools.pairwise(route))


@given(strategies.expressions(max_lines=5))
def test_as_many_routes_are_listed_as_counted(case: Any) -> None:
    """From every input the number of routes listed is the number counted."""
    f, args = case
    graph = mg.trace(f, *args)
    (output,) = graph.outputs.values()
    for node in graph.inputs.values():
        count = graph.count_routes(node, output)
        listed = sum(1 for _ in itertools.islice(graph.routes(node, output), 200))

        assert listed == min(count, 200)


def test_routes_from_a_node_to_itself_and_to_nowhere() -> None:
    """There is one empty route from a node to itself, and none against the arrows."""
    graph = mg.trace(lambda x: x * 2.0, 1.0)
    x, out = graph.inputs["x"], graph.outputs["out"]

    assert list(graph.routes(x, x)) == [()]
    assert graph.count_routes(x, x) == 1
    assert list(graph.routes(out, x)) == []
    assert graph.count_routes(out, x) == 0


def test_huge_numbers_of_routes_are_counted_not_listed() -> None:
    """2²⁰⁰ routes are counted exactly, and the first few listed, at once."""

    def f(y: Any) -> Any:
        for _ in range(200):
            y = y * y
        return y

    graph = mg.trace(f, 1.0)

    assert graph.count_routes("y", graph.outputs["out"]) == 2**200
    assert len(list(itertools.islice(graph.routes("y", graph.outputs["out"]), 3))) == 3


def test_first_nan() -> None:
    """The node where a NaN arose is found, not those that it spread to; a graph without NaN has none."""

    def f(x: Any) -> Any:
        with mg.scope("t=2"):
            ratio = (x / x).named("ratio")
        return (ratio * 2.0 + x).sum()

    with np.errstate(invalid="ignore"):
        found = mg.trace(f, np.array([0.0, 1.0])).first_nan()

    assert found is not None
    assert (found.name, found.scope) == ("ratio", ("t=2",))
    assert mg.trace(f, np.array([2.0, 1.0])).first_nan() is None
    given_nan = mg.trace(lambda x: x * 2.0, np.array([np.nan])).first_nan()
    assert given_nan is not None
    assert given_nan.name == "x"


def test_plain_and_missing_results() -> None:
    """A plain result becomes a constant; a function that returns nothing is refused."""
    graph = mg.trace(lambda x: (x, 3.0), 1.0)

    assert [node.value.tolist() for node in graph.outputs.values()] == [1.0, 3.0]
    with pytest.raises(TreeError, match="the traced function returned nothing; return a Tensor or a tree of Tensors"):
        mg.trace(lambda x: None, 1.0)


def test_structure_rebuilds_the_result() -> None:
    """The graph knows the tree that the function returned."""
    graph = traced()

    assert graph.structure is not None
    rebuilt = graph.structure.unflatten([node.shape for node in graph.outputs.values()])
    assert rebuilt == {"loss": (), "states": [(2,)]}


def test_tensors_are_inputs_themselves() -> None:
    """A Tensor given to trace is the input, under the parameter's name, and keeps its own."""
    x = mg.tensor(2.0, name="mine")
    graph = mg.trace(lambda x: x * x, x)

    assert graph.inputs["x"] is x
    assert x.name == "mine"
