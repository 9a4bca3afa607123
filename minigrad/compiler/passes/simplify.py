"""Common subexpressions, constant folding, and identities that make operations disappear."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ...primitive import PRIMITIVES
from ..ir import Builder, Node, Program, rewrite

__all__ = ["copied", "first_index", "simplified"]

#: Larger arrays are not made when planning, they would only take memory.
_FOLD_LIMIT = 4096


def simplified(program: Program, builder: Builder) -> Program:
    """Each node by the first identity that fits; the builder shares equal operations."""
    return rewrite(program, _simplify, builder)


def copied(program: Program, builder: Builder) -> Program:
    """The same program of other nodes."""
    return rewrite(program, lambda builder, node, args: None, builder)


def _simplify(builder: Builder, node: Node, args: tuple[Any, ...]) -> Node | None:
    identity = _IDENTITIES.get(node.op)
    found = None if identity is None else identity(builder, node, args)
    return _fold(builder, node, args) if found is None else found


def _fold(builder: Builder, node: Node, args: tuple[Any, ...]) -> Node | None:
    """An operation on constants is a constant."""
    for arg in args:
        if type(arg) is Node and arg.op != "constant":
            return None
    if not args or node.size > _FOLD_LIMIT or node.op not in PRIMITIVES:
        return None
    values = [arg.params["value"] if type(arg) is Node else arg for arg in args]
    with np.errstate(all="ignore"):
        value = np.asarray(PRIMITIVES[node.op].value(*values, **node.params))
    return builder.constant(value) if np.all(np.isfinite(value)) else None


def _same_value(builder: Builder, node: Node, args: tuple[Any, ...]) -> Node | None:
    """alias(x) = stop_gradient(x) = x."""
    return args[0]


def _same_shape(builder: Builder, node: Node, args: tuple[Any, ...]) -> Node | None:
    """Reshaping or broadcasting to the shape that is there: x."""
    return args[0] if args[0].shape == node.shape else None


def _linear(builder: Builder, node: Node, args: tuple[Any, ...]) -> Node | None:
    """(Wᵀ) x without transposing: `linear_t` (W, x), whose rows are X W."""
    W, x = args
    if W.op == "transpose" and len(W.shape) == 2 and W.params["axes"] in (None, (1, 0)):
        return builder.make("linear_t", (W.args[0], x), shape=node.shape, dtype=node.dtype)
    return None


def _stack(builder: Builder, node: Node, args: tuple[Any, ...]) -> Node | None:
    """stack(x[0], x[1], …) = x."""
    source = args[0].args[0] if args[0].op == "getitem" else None
    if node.params["axis"] != 0 or source is None or len(args) != source.shape[0]:
        return None
    for i, part in enumerate(args):
        if part.op != "getitem" or part.args[0] is not source or first_index(part) != i:
            return None
    return source


def first_index(node: Node) -> int | None:
    """i if the node is x[i], a non-negative number on the first axis alone."""
    index = node.params["index"]
    if isinstance(index, tuple):
        if len(index) != 1:
            return None
        index = index[0]
    if isinstance(index, bool) or not isinstance(index, int | np.integer):
        return None
    return int(index) % node.args[0].shape[0]


def _getitem(builder: Builder, node: Node, args: tuple[Any, ...]) -> Node | None:
    """stack(x₀, x₁, …)[i] = xᵢ; and a single index is written in one way."""
    source = args[0]
    i = first_index(node) if source.shape else None
    if i is None:
        return None
    if source.op == "stack" and source.params["axis"] == 0 and source.args[i].dtype == node.dtype:
        return source.args[i]
    return builder.make("getitem", (source,), {"index": (i,)}, shape=node.shape, dtype=node.dtype)


def _scatter(builder: Builder, node: Node, args: tuple[Any, ...]) -> Node | None:
    """Zeros with a part added at every index 0 … n − 1 once are the stack of the parts."""
    indices = [index[0] if isinstance(index, tuple) and len(index) == 1 else index for index in node.params["indices"]]
    if not all(isinstance(index, int | np.integer) and not isinstance(index, bool) for index in indices):
        return None
    length = node.shape[0]
    places = [int(index) % length for index in indices]
    if sorted(places) != list(range(length)) or any(part.dtype != node.dtype for part in args):
        return None
    parts = [part for _, part in sorted(zip(places, args, strict=True), key=lambda pair: pair[0])]
    made = builder.make("stack", parts, {"axis": 0}, shape=node.shape, dtype=node.dtype)
    return _stack(builder, made, made.args) or made


def _sum(builder: Builder, node: Node, args: tuple[Any, ...]) -> Node | None:
    """A sum over axes of length 1 is a reshape."""
    lengths = [args[0].shape[i] for i in node.params["axis"]]
    if prod(lengths) == 1 and args[0].dtype == node.dtype:
        return builder.make("reshape", (args[0],), {"shape": node.shape}, shape=node.shape, dtype=node.dtype)
    return None


_IDENTITIES: dict[str, Callable[[Builder, Node, tuple[Any, ...]], Node | None]] = {
    "alias": _same_value,
    "stop_gradient": _same_value,
    "reshape": _same_shape,
    "broadcast_to": _same_shape,
    "linear": _linear,
    "stack": _stack,
    "getitem": _getitem,
    "scatter": _scatter,
    "sum": _sum,
}
