"""From a function and its arguments to a program: trace it, and make sure that the trace can be replayed.

A trace holds what the function did *this* time. If Python code looked at a value on the way (an ``if``
on a Tensor, ``.item()``, NumPy on ``.value``) the trace is wrong for other values. So the function is traced on
shapes alone: there are no values to look at. It is traced twice, and what differs has come in from outside, as
random numbers do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..context import recording, value_free_tracing
from ..errors import TreeError, ValueDependentError
from ..pytree import Structure, flatten
from ..tensor import CONSTANT, INPUT, Tensor, constant, leaf
from ..transforms import argument_names
from .abstract import Shaped, blank
from .ir import Builder, Node, Program, freeze

__all__ = ["Captured", "capture", "traced_program"]


@dataclass(frozen=True)
class Captured:
    """The result of a trace.

    Attributes
    ----------
    program : Program
    paths : tuple of str
        The inputs by the caller's names.
    structure : Structure
        Of what the function returned.
    operations, bytes : int
        How many operations were traced, and the memory of all their results.
    nodes : tuple of Node
        All of the program, in the order in which they were traced.
    """

    program: Program
    paths: tuple[str, ...]
    structure: Structure
    operations: int
    bytes: int
    nodes: tuple[Node, ...]


def capture(f: Callable[..., Any], structure: Structure, leaves: Sequence[Any]) -> Captured:
    """Trace ``f(*args, **keywords)``, where `leaves` and `structure` are the flattened pair (args, keywords).

    Parameters
    ----------
    f : callable
    structure : Structure
        Of the pair.
    leaves : sequence
        Arrays become inputs; everything else is passed as it is.

    Raises
    ------
    ValueDependentError
        If `f` asks for the values of the arrays, or is another function in a second trace.
    """
    shapes = [blank(_native(leaf)) for leaf in leaves]
    first, second = _trace(f, structure, shapes), _trace(f, structure, shapes)
    difference = _difference(first.nodes, second.nodes)
    if difference is not None:
        raise ValueDependentError(
            f"{difference} changed when the function was traced again: it uses a random generator or something else "
            "that changes from call to call. Pass random numbers as an argument, or do not compile the function."
        )
    return first


def _native(value: Any) -> Any:
    """An array in the byte order of this machine, in which plans compute."""
    is_foreign = isinstance(value, np.ndarray) and not value.dtype.isnative
    return value.astype(value.dtype.newbyteorder("=")) if is_foreign else value


def _trace(f: Callable[..., Any], structure: Structure, leaves: Sequence[Any]) -> Captured:
    paths = _paths(f, structure)
    lifted = list(leaves)
    inputs: list[Tensor] = []
    for i, value in enumerate(leaves):
        if type(value) is Shaped:
            lifted[i] = leaf(value, paths[i])
            inputs.append(lifted[i])
    args, keywords = structure.unflatten(lifted)
    with recording(alone=True), value_free_tracing() as trace:
        returned, out_structure = flatten(f(*args, **keywords))
    if not returned:
        raise TreeError("the compiled function returned nothing; return a Tensor or a tree of Tensors")
    outputs = [value if isinstance(value, Tensor) else constant(value) for value in (*returned, *trace.checked)]
    names_of_inputs = tuple(path for path, value in zip(paths, lifted, strict=True) if isinstance(value, Tensor))
    program, nodes = traced_program(inputs, outputs)
    made = [node for node in nodes if node.op not in ("input", "constant")]
    size = sum(node.size * node.dtype.itemsize for node in made)
    return Captured(program, names_of_inputs, out_structure, len(made), size, nodes)


def _paths(f: Callable[..., Any], structure: Structure) -> list[str]:
    """The leaves of positional and keyword arguments by the caller's names."""
    args, keywords = structure.children
    names = (*argument_names(f, len(args.children)), *keywords.keys)
    children = (*args.children, *keywords.children)
    return [path for name, child in zip(names, children, strict=True) for path in child.paths(name)]


def _between(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Tensor]:
    """The inputs and what the outputs were computed from, but nothing that lies behind an input; parents first."""
    found = {node.serial: node for node in (*inputs, *outputs)}
    stack = [node for node in found.values() if all(node is not source for source in inputs)]
    while stack:
        for arg in stack.pop().args:
            if type(arg) is Tensor and arg.serial not in found:
                found[arg.serial] = arg
                stack.append(arg)
    return [found[serial] for serial in sorted(found)]


def traced_program(inputs: list[Tensor], outputs: list[Tensor]) -> tuple[Program, tuple[Node, ...]]:
    """Nodes for Tensors, one for one, and all of them in the order in which they were traced."""
    builder = Builder(share=False)
    new: dict[int, Node] = {}
    for i, tensor in enumerate(inputs):
        new[tensor.serial] = builder.make("input", (), {"index": i}, shape=tensor.shape, dtype=tensor.dtype)
    for order, tensor in enumerate(_between(inputs, outputs)):
        builder.order = order
        if tensor.serial in new:
            continue
        if tensor.primitive is INPUT or tensor.primitive is CONSTANT:
            if type(tensor.value) is Shaped:
                raise ValueDependentError(f"the value of a Tensor of shape {tensor.shape} became a constant")
            new[tensor.serial] = builder.constant(tensor.value)
            continue
        args = tuple(new[arg.serial] if type(arg) is Tensor else arg for arg in tensor.args)
        params = dict(tensor.params)
        new[tensor.serial] = builder.make(tensor.primitive.name, args, params, shape=tensor.shape, dtype=tensor.dtype)
    program = Program(tuple(new[x.serial] for x in inputs), tuple(new[y.serial] for y in outputs))
    return program, tuple(new.values())


def _difference(ours: Sequence[Node], theirs: Sequence[Node]) -> str | None:
    """The difference between two traces of one function; None if nothing differs."""
    if len(ours) != len(theirs):
        return "the number of operations"
    twin: dict[Any, Node] = {}
    for a, b in zip(ours, theirs, strict=True):
        twin[a] = b
        same = a.op == b.op and a.shape == b.shape and a.dtype == b.dtype and len(a.args) == len(b.args)
        if not same or ((a.params or b.params) and freeze(a.params) != freeze(b.params)):
            return f"a {a.op} of shape {a.shape}"
        for x, y in zip(a.args, b.args, strict=True):
            if type(x) is Node:
                if twin[x] is not y:
                    return f"an operand of a {a.op} of shape {a.shape}"
            elif type(x) is not type(y) or (x != y and freeze(x) != freeze(y)):
                return f"the number {x!r} in a {a.op} of shape {a.shape}"
    return None
