"""From a function and its arguments to a program: trace it, and make sure that the trace can be replayed.

A trace holds what the function did *this* time. If Python code looked at a value on the way (an ``if``
on a Tensor, ``.item()``, a loop whose length depends on data) the trace is wrong for other values. So the
function is traced on shapes alone: there are no values to look at. A function that cannot do without is
traced with numbers, where branching is seen when it happens, and again with quite different ones. Either way
it is traced at least twice, and what differs has come in from outside, from a random generator or from values.
"""

from collections.abc import Callable, Iterator, Sequence
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
    """What a trace gave.

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
    """Trace ``f(*args)``, where `leaves` and `structure` are the flattened arguments.

    Parameters
    ----------
    f : callable
    structure : Structure
        Of the tuple of arguments.
    leaves : sequence
        Arrays become inputs; everything else is passed as it is.

    Raises
    ------
    ValueDependentError
        If the course of `f` depends on the values of the arrays.
    """
    leaves = [_native(leaf) for leaf in leaves]
    try:
        shapes = [blank(leaf) for leaf in leaves]
        first, second = _trace(f, structure, shapes), _trace_again(f, structure, shapes)
        if _difference(first.nodes, second.nodes) is None:
            return first
    except RecursionError:  # Tried again at every depth it would take for ever.
        raise
    except Exception:  # Whatever it was, the trace with numbers says it better, or does not need to.
        pass
    return _capture_with_numbers(f, structure, leaves)


def _native(value: Any) -> Any:
    """An array in the byte order of this machine, in which plans compute."""
    is_foreign = isinstance(value, np.ndarray) and not value.dtype.isnative
    return value.astype(value.dtype.newbyteorder("=")) if is_foreign else value


def _trace_again(f: Callable[..., Any], structure: Structure, shapes: Sequence[Any]) -> "Captured":
    """The trace with other integers, in case their values were looked at; with the same, if others raise."""
    try:
        return _trace(f, structure, [_changed(value, 1.0) for value in shapes])
    except Exception:  # Others may be out of range.
        return _trace(f, structure, shapes)


def _capture_with_numbers(f: Callable[..., Any], structure: Structure, leaves: Sequence[Any]) -> Captured:
    """The trace with the arguments' values, refused if it differs from that with others."""
    first = _trace(f, structure, leaves)
    try:
        with np.errstate(all="ignore"):
            second = _trace(f, structure, [_moved(leaf) for leaf in leaves])
    except Exception as error:
        raise ValueDependentError(
            f"traced again with slightly different numbers, the function raised {type(error).__name__}: {error}. "
            "A compiled function is replayed for any values, so it must not check or branch on them."
        ) from error
    traces = [second, *_traces_with_others(f, structure, leaves)]
    difference = next(filter(None, (_difference(first.nodes, other.nodes) for other in traces)), None)
    if difference is not None:
        raise ValueDependentError(
            f"{difference} changed when the arguments' values changed: a number left the graph on the way, through "
            ".value or a random generator. Keep it a Tensor, pass it as an argument, or do not compile the function."
        )
    return first


def _moved(value: Any) -> Any:
    """Other values of the same sign near the given ones; integers and booleans stay, they may be indices."""
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.kind != "f":
        return value
    numbers: Any = value
    return (numbers * (1 + 2.0**-9) + 2.0**-20).astype(numbers.dtype)


def _traces_with_others(f: Callable[..., Any], structure: Structure, leaves: Sequence[Any]) -> Iterator["Captured"]:
    """Traces with quite other values, for what only a jump changes: a sign, a rounded number, an index."""
    for factor in (-1.0, 64.0, 1 / 64, 0.0):
        try:
            with np.errstate(all="ignore"):
                yield _trace(f, structure, [_changed(leaf, factor) for leaf in leaves])
        except Exception:  # A check that the given values pass is no dependence on them.
            continue


def _changed(value: Any, factor: float) -> Any:
    """Floats times a factor; other integers, in the range of the given ones if that has more than one."""
    if not isinstance(value, np.ndarray | np.generic) or not value.size:
        return value
    numbers: Any = value
    if numbers.dtype.kind == "b":
        return ~numbers
    if numbers.dtype.kind in "iu":
        least, most = numbers.min(), numbers.max()
        return most - (numbers - least) if most > least else numbers - 1 if least > 0 else numbers + 1
    return numbers if factor == 1 else (numbers * factor).astype(numbers.dtype)


def _trace(f: Callable[..., Any], structure: Structure, leaves: Sequence[Any]) -> Captured:
    names = argument_names(f, len(structure.children))
    paths = [path for name, child in zip(names, structure.children, strict=True) for path in child.paths(name)]
    lifted = list(leaves)
    inputs: list[Tensor] = []
    for i, value in enumerate(leaves):
        if isinstance(value, np.ndarray | np.generic):
            lifted[i] = leaf(value, paths[i])
            inputs.append(lifted[i])
    with recording(alone=True), value_free_tracing():
        result = f(*structure.unflatten(lifted))
    returned, out_structure = flatten(result)
    if not returned:
        raise TreeError("the compiled function returned nothing; return a Tensor or a tree of Tensors")
    outputs = [value if isinstance(value, Tensor) else constant(value) for value in returned]
    names_of_inputs = tuple(path for path, value in zip(paths, lifted, strict=True) if isinstance(value, Tensor))
    program, nodes = traced_program(inputs, outputs)
    made = [node for node in nodes if node.op not in ("input", "constant")]
    size = sum(node.size * node.dtype.itemsize for node in made)
    return Captured(program, names_of_inputs, out_structure, len(made), size, nodes)


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
    """What is not the same in two traces of one function; None if nothing differs."""
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
