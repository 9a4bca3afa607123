"""Memory is not written while what lies there is still to be read."""

import numpy as np
import pytest
from hypothesis import given
from planned import subsets
from test_agreement import CELLS, training_step

import minigrad as mg
from minigrad.compiler import PASSES
from minigrad.compiler.buffers import Storage, is_view
from minigrad.compiler.kernels import ELEMENTWISE
from minigrad.testing import strategies

GIVEN = ("input", "constant")


def conflicts(storage, outputs):
    """Pairs (what is written, whose memory it falls into while that is still to be read).

    Found from addresses and from who reads what; of the storage's own account of lifetimes nothing is used.
    """
    born, read, extents = {}, {}, {}
    for place, node in enumerate(storage.order):
        root = storage.roots[node]
        born.setdefault(root, -1 if node.op in GIVEN else place)
        for source in node.sources:
            read[storage.roots[source]] = place
    for node in outputs:
        read[storage.roots[node]] = len(storage.order)
    roots = [root for root in read if root.size]
    for root in roots:
        extents[root] = np.lib.array_utils.byte_bounds(storage.arrays[root])
    low, high = np.array([extents[root] for root in roots]).reshape(-1, 2).T
    first, last = np.array([(born[root], read[root]) for root in roots]).reshape(-1, 2).T
    found = []
    for place, node in enumerate(storage.order):
        if is_view(node) or node.op in GIVEN or not node.size:
            continue
        start, stop = np.lib.array_utils.byte_bounds(storage.arrays[node])
        for i in np.flatnonzero((first < place) & (place <= last) & (low < stop) & (start < high)):
            root = roots[i]
            in_place = node.op in ELEMENTWISE and last[i] == place and (start, stop) == extents[root]
            if root is not storage.roots[node] and not in_place:
                found.append((node, root))
    return found


@pytest.mark.parametrize("name", CELLS)
def test_cells_overwrite_nothing_that_is_read_later(name):
    """A training step of every cell and switch writes into no memory that is still to be read."""
    f, args = training_step(CELLS[name], np.float64)
    plan = mg.compile(f, passes=frozenset(PASSES)).plan(*args)
    assert not conflicts(plan.storage, plan.program.outputs)


@given(strategies.expressions(), subsets)
def test_random_graphs_overwrite_nothing_that_is_read_later(example, passes):
    """The plan of a random graph and its gradient writes into no memory that is still to be read."""
    f, args = example
    plan = mg.compile(mg.value_and_grad(f, wrt=tuple(range(len(args)))), passes=passes).plan(*args)
    assert not conflicts(plan.storage, plan.program.outputs)


@pytest.mark.parametrize("part", [lambda m: m.T, lambda m: m[0], lambda m: m[:, -1:], lambda m: m[0, 0], lambda m: m])
def test_no_result_is_written_over_a_part_of_an_operand(part):
    """A result takes its operand's memory only if the other operand is no other view of the same memory."""

    def f(m):
        m = mg.tanh(m)
        return mg.exp(m + part(m))

    plan = mg.compile(f).plan(np.ones((3, 3)))
    arrays = plan.storage.arrays
    total = next(node for node in plan.storage.order if node.op == "add")
    for source in total.sources:
        same_place = arrays[source].strides == arrays[total].strides and arrays[source].shape == arrays[total].shape
        assert same_place or not np.shares_memory(arrays[source], arrays[total])


@pytest.mark.parametrize("early", [1, 2])
def test_memory_freed_too_early_is_noticed(monkeypatch, early):
    """Freeing every block one or two operations before its last reader is seen as a conflict."""
    lifetimes = Storage._lifetimes

    def shorter(self, program):
        forever = len(self.order)
        deaths = lifetimes(self, program)
        return {root: last if last >= forever else last - early for root, last in deaths.items()}

    monkeypatch.setattr(Storage, "_lifetimes", shorter)
    f, args = training_step(CELLS["LSTM vanilla"], np.float64)
    plan = mg.compile(f, passes=frozenset(PASSES)).plan(*args)
    assert conflicts(plan.storage, plan.program.outputs)
