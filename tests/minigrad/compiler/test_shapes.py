"""Tracing on shapes alone finds the shapes and dtypes that computing would have."""

import numpy as np
import pytest
from hypothesis import given
from test_agreement import CELLS, training_step

import minigrad as mg
from minigrad.compiler import trace as capture
from minigrad.compiler.abstract import Shaped, blank, shaped
from minigrad.context import recording
from minigrad.errors import ValueDependentError
from minigrad.pytree import flatten
from minigrad.tensor import leaf
from minigrad.testing import strategies


def traces(f, args):
    """The trace on shapes, as the compiler makes it, and the nodes of the engine's own trace with numbers."""
    leaves, structure = flatten((args, {}))
    shapes = capture._trace(f, structure, [blank(value) for value in leaves]).nodes
    inputs = [leaf(value) for value in leaves]
    with recording(alone=True):
        outputs = flatten(f(*structure.unflatten(inputs)[0]))[0]
    return shapes, capture.traced_program(inputs, outputs)[1]


@given(strategies.expressions(dtype=strategies.dtypes()))
def test_random_expressions(example):
    """Value and gradient of a random graph of primitives leave the same trace on shapes as with numbers."""
    f, args = example
    shapes, numbers = traces(mg.value_and_grad(f, wrt=tuple(range(len(args)))), args)
    assert capture._difference(shapes, numbers) is None


@pytest.mark.parametrize("name", CELLS)
def test_every_cell(name):
    """A training step of every cell is traced on shapes, operation by operation as with numbers."""
    shapes, numbers = traces(*training_step(CELLS[name], np.float32, steps=3))
    assert capture._difference(shapes, numbers) is None


@pytest.mark.parametrize(
    "look", [float, int, bool, list, np.sum, np.exp, lambda x: x[0], lambda x: x + 1, lambda x: x.tolist(), len]
)
def test_entries_cannot_be_looked_at(look):
    """Everything that would read an entry raises; the length is known."""
    value = shaped((1,), np.dtype(float))
    if look is len:
        assert look(value) == 1
    else:
        with pytest.raises(ValueDependentError):
            look(value)


def test_a_value_that_becomes_a_constant_is_refused():
    """A Tensor made from another's value has no numbers to keep."""
    with pytest.raises(ValueDependentError, match="became a constant"):
        mg.compile(lambda x: x * mg.tensor(x.value))(np.array([1.0, 2.0]))


def test_nothing_is_computed():
    """A trace takes no memory for values: a sum over 10¹² entries is traced."""
    program = capture._trace(lambda x: (x * x).sum(), *_arguments((10**6, 10**6))).program
    assert program.outputs[0].shape == ()


def _arguments(shape):
    leaves, structure = flatten(((shaped(shape, np.dtype(float)),), {}))
    assert type(leaves[0]) is Shaped
    return structure, leaves
