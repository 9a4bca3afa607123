"""The two sweeps: adjoints and shares, order, memory, and very long chains."""

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import minigrad as mg
from minigrad.primitive import PRIMITIVES, Primitive, register
from minigrad.sweep import Edge, SparseCotangent, ancestors, forward_sweep, reverse_sweep
from minigrad.tensor import bind
from minigrad.testing import strategies


def dense(share: Any) -> Any:
    """A share as an array, also where indexing left a piece."""
    return share.result() if isinstance(share, SparseCotangent) else share


@given(strategies.expressions())
def test_shares_add_up_to_adjoints(case: Any) -> None:
    """The adjoint of every node is the sum of the shares of the edges that leave it."""
    f, args = case
    graph = mg.trace(f, *args)
    adjoints = graph.adjoints()

    output = next(iter(graph.outputs.values()))
    sums = {node: np.zeros(node.shape) for node in adjoints.nodes}
    sums[output] = sums[output] + 1.0
    for edge, share in adjoints.edges.items():
        sums[edge.source] = sums[edge.source] + dense(share)
    for node, adjoint in adjoints.nodes.items():
        assert adjoint.shape == node.shape
        np.testing.assert_allclose(sums[node], adjoint, rtol=1e-9, atol=1e-9)


@given(strategies.expressions())
def test_adjoints_are_derivatives_by_every_node(case: Any) -> None:
    """⟨adjoint of a node, its tangent⟩ summed over the inputs' edges equals the derivative at the output."""
    f, args = case
    graph = mg.trace(f, *args)
    (output,) = graph.outputs.values()
    tangents = {node: np.cos(np.arange(node.size)).reshape(node.shape) for node in graph.inputs.values()}

    moving = forward_sweep([output], tangents)
    adjoints = graph.adjoints().nodes

    expected = sum(float(np.sum(adjoints[node] * t)) for node, t in tangents.items() if node in adjoints)
    assert float(moving.get(output, 0.0)) == pytest.approx(expected, rel=1e-8, abs=1e-8)


@given(strategies.expressions())
def test_order_is_the_same_in_every_run(case: Any) -> None:
    """Two traces of a function list the same operations, edges and adjoints in the same order, to the last bit."""
    f, args = case
    first, second = mg.trace(f, *args), mg.trace(f, *args)

    assert [n.primitive.name for n in first.nodes] == [n.primitive.name for n in second.nodes]
    numbers = [{node: i for i, node in enumerate(graph.nodes)} for graph in (first, second)]
    edges = [
        [(number[e.source], number[e.target], e.position) for e in graph.edges]
        for graph, number in zip((first, second), numbers, strict=True)
    ]
    assert edges[0] == edges[1]
    one, two = first.adjoints(), second.adjoints()
    assert [numbers[0][n] for n in one.nodes] == [numbers[1][n] for n in two.nodes]
    for a, b in zip(one.nodes.values(), two.nodes.values(), strict=True):
        assert np.array_equal(a, b)


def test_a_node_used_twice_is_two_edges() -> None:
    """y · y has an edge for each position, and each carries its own share."""
    graph = mg.trace(lambda y: y * y, 3.0)
    (y,) = graph.inputs.values()
    (output,) = graph.outputs.values()

    adjoints = graph.adjoints()

    assert graph.edges == [Edge(y, output, 0), Edge(y, output, 1)]
    assert {edge.position: float(share) for edge, share in adjoints.edges.items()} == {0: 3.0, 1: 3.0}
    assert float(adjoints.nodes[y]) == 6.0


def test_adjoints_twice() -> None:
    """Sweeping a graph again gives the same numbers, and touches neither nodes nor .grad."""
    graph = mg.trace(lambda x: (mg.tanh(x) * x).sum(), np.array([0.5, -1.0]))
    x = graph.inputs["x"]

    first, second = graph.adjoints(), graph.adjoints()

    assert first.nodes[x].tolist() == second.nodes[x].tolist()
    assert x.grad is None


def test_shares_of_indexing_are_pieces() -> None:
    """A slice's share is kept as a piece of the whole, not as an array of zeros."""
    graph = mg.trace(lambda x: (x[1] * x[1:]).sum(), np.arange(3.0))

    shares = [share for edge, share in graph.adjoints().edges.items() if edge.source is graph.inputs["x"]]

    assert all(isinstance(share, SparseCotangent) for share in shares)
    assert sum(share.result() for share in shares).tolist() == [0.0, 4.0, 1.0]


def test_plain_sweeps_do_not_write_into_what_they_were_given() -> None:
    """Adding up in place never touches a share that something else still holds."""
    x = mg.tensor(np.ones(2))
    parts = [x + float(k) for k in range(5)]
    out = sum(parts[1:], parts[0])
    seed = np.ones(2)

    adjoints = reverse_sweep([(out, seed)], keep_all=True)

    assert seed.tolist() == [1.0, 1.0]
    assert adjoints.nodes[x].tolist() == [5.0, 5.0]
    assert all(share.tolist() == [1.0, 1.0] for share in adjoints.edges.values())


@contextmanager
def counted() -> Iterator[tuple[Primitive, list[int]]]:
    """For the length of a test, a primitive that changes nothing, and one entry for each time its rules are run."""
    calls: list[int] = []

    def rule(g: Any, y: Any, x: Any) -> Any:
        calls.append(1)
        return g

    record = register("counted", lambda x: x + 0.0, vjps=(rule,), jvps=(rule,))
    try:
        yield record, calls
    finally:
        del PRIMITIVES["counted"]


def test_sweep_stops_at_targets() -> None:
    """Rules behind the targets are not run: the adjoint of a node in the middle costs what lies after it."""
    with counted() as (record, calls):
        x = mg.tensor(1.0)
        middle = bind(record, (bind(record, (x,)),))
        out = bind(record, (middle,))
        found = reverse_sweep([(out, np.ones(()))], targets=[middle])

    assert len(calls) == 1
    assert list(found.nodes) == [middle]


def test_targets_that_depend_on_each_other() -> None:
    """Each target's adjoint is the partial derivative with the other targets held fixed."""
    x = mg.tensor(2.0)
    y = x * 3.0
    out = x * y

    found = reverse_sweep([(out, np.ones(()))], targets=[x, y]).nodes

    assert float(found[x]) == 6.0
    assert float(found[y]) == 2.0


def test_an_inner_gradient_stays_out_of_the_outer_graph() -> None:
    """An inner gradient does not run the rules of what it closes over: its cost is that of its own function."""
    with counted() as (record, calls):
        outer = bind(record, (mg.tensor(1.0),))
        gradient = mg.grad(lambda x: x * outer)(3.0)

    assert float(getattr(gradient, "value", gradient)) == 1.0
    assert calls == []


def test_several_seeds() -> None:
    """Seeds at several nodes, or twice at one, add up."""
    x = mg.tensor(2.0)
    y, z = x * 3.0, x * x

    found = reverse_sweep([(y, np.ones(())), (z, np.ones(())), (z, np.ones(()))], targets=[x])

    assert float(found.nodes[x]) == 3.0 + 4.0 + 4.0


def test_ancestors_are_in_order_and_once_each() -> None:
    """Ancestors come parents first, each once, however often it is used."""
    x = mg.tensor(1.0)
    y = x * x
    z = (y + x) * y

    found = ancestors([z, z, y])

    assert [node.serial for node in found] == sorted({node.serial for node in found})
    assert found[0] is x
    assert found[-1] is z
    assert len(found) == 4


LENGTH = 100_000


def chain(x: Any) -> Any:
    """100,000 operations in a row, mixing some kinds."""
    y = x
    for i in range(LENGTH // 4):
        y = mg.tanh(y) * 1.0001
        y = y + x if i % 1000 == 0 else y + 0.001
        y = -y
    return y.sum()


@pytest.mark.nightly
@pytest.mark.nightly
def test_a_very_long_chain_is_traced_differentiated_and_freed() -> None:
    """100,000 operations need no recursion in any direction, and their memory comes back."""
    x = np.array([0.1, -0.2])
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        value, gradient = mg.value_and_grad(chain)(x)
        largest = tracemalloc.get_traced_memory()[1]
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert largest - before > 10_000_000
    assert after - before < 100_000


@pytest.mark.nightly
@pytest.mark.nightly
def test_a_very_long_graph_can_be_handled() -> None:
    """The graph of 100,000 operations is listed, swept both ways, searched for NaN, counted and let go."""
    graph = mg.trace(chain, np.array([0.1, -0.2]))
    x, out = graph.inputs["x"], graph.outputs["out"]

    pulled = graph.adjoints().nodes[x]
    pushed = forward_sweep([out], {x: np.ones(2)})[out]

    assert len(graph) > LENGTH
    assert float(pushed) == pytest.approx(float(np.sum(pulled)), rel=1e-9)
    assert graph.first_nan() is None
    assert graph.count_routes("x", out) > 0
    assert "sum" in repr(out.primitive)
    del graph, out
    gc.collect()


def test_a_chain_is_freed_without_the_garbage_collector() -> None:
    """Graphs have no reference cycles: memory returns as soon as the last reference goes."""
    gc.disable()
    try:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        x = mg.tensor(np.ones(8))
        y = x
        for _ in range(20_000):
            y = mg.tanh(y)
        y.sum().backward()
        del x, y
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()

    assert after - before < 200_000  # Python keeps 2000 empty tuples for later


def test_slices_of_a_long_array_take_linear_memory() -> None:
    """Reading T rows of an array, differentiated, needs memory for a few arrays, not for T of them."""
    xs = np.ones((500, 50))
    tracemalloc.start()
    try:
        mg.grad(lambda xs: sum(xs[t].sum() for t in range(500)))(xs)
        largest = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert largest < 20 * xs.nbytes
