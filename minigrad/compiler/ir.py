"""The program that passes rewrite: nodes with an operation, arguments, settings, a shape and a dtype.

Lighter than the graph of Tensors behind it: no values, no names, no rules. Nodes are made by a `Builder`,
which gives back the same node for the same operation on the same arguments: common subexpressions are
shared by construction. What a node computes never changes; `substitute` may give it other arguments that
have the same values.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush
from itertools import count
from math import prod
from operator import attrgetter
from typing import Any

import numpy as np

from ..primitive import PRIMITIVES

__all__ = [
    "Builder",
    "CyclicProgramError",
    "Node",
    "Program",
    "behind",
    "exchange",
    "freeze",
    "result_type",
    "rewrite",
    "schedule",
    "substitute",
]


class CyclicProgramError(Exception):
    """A rewriting under which a node would be computed from itself; the pass then leaves things as they were."""


class Node:
    """One operation.

    Attributes
    ----------
    op : str
        A primitive's name, ``"input"``, ``"constant"``, or an operation that only plans have.
    args : tuple
        Nodes, Python numbers, and None for an absent operand.
    params : dict
        Settings.
    shape, dtype
        Of the result.
    order : int
        Where the operation stood in the traced function; ties of the schedule are broken by it.
    sources : list of Node
        The arguments that are nodes.
    """

    __slots__ = ("args", "dtype", "op", "order", "params", "serial", "shape", "sources")
    _count = count()

    def __init__(
        self, op: str, args: tuple[Any, ...], params: dict[str, Any], shape: tuple[int, ...], dtype: Any, order: int
    ) -> None:
        self.op = op
        self.take(args)
        self.params = params
        self.shape = shape
        self.dtype = dtype
        self.order = order
        self.serial = next(Node._count)

    @property
    def size(self) -> int:
        """The number of entries."""
        return prod(self.shape)

    def take(self, args: tuple[Any, ...]) -> None:
        """Take other arguments of the same values."""
        self.args = args
        self.sources = [arg for arg in args if type(arg) is Node]

    def __repr__(self) -> str:
        return f"<{self.op} {self.shape} {self.dtype}>"


@dataclass(frozen=True)
class Program:
    """Inputs in the caller's order, outputs in the order returned."""

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]

    def nodes(self) -> list[Node]:
        """Every node behind an output, arguments first, otherwise in the order of the traced function.

        What no output needs is not in the list: dead code is dropped by not being reached.
        """
        return schedule(self.outputs)

    def uses(self) -> dict[Node, list[Node]]:
        """For every node the nodes that take it, once for each time; in the order of the traced function.

        Found once: a pass that changes nodes goes on with another program.
        """
        return self._uses

    @cached_property
    def _uses(self) -> dict[Node, list[Node]]:
        ordered = sorted(behind(self.outputs), key=_by_order)
        uses: dict[Node, list[Node]] = {node: [] for node in ordered}
        for node in ordered:
            for arg in node.sources:
                uses[arg].append(node)
        return uses


_by_order = attrgetter("order", "serial")


def schedule(outputs: Iterable[Node]) -> list[Node]:
    """Topological order; of those that are ready, the one that came first in the traced function."""
    stack = list(dict.fromkeys(outputs))
    users: dict[Node, list[Node]] = {node: [] for node in stack}
    waiting: dict[Node, int] = {}
    while stack:
        node = stack.pop()
        waiting[node] = len(node.sources)
        for arg in node.sources:
            known = users.get(arg)
            if known is None:
                users[arg] = [node]
                stack.append(arg)
            else:
                known.append(node)
    ready = [(node.order, node.serial, node) for node, missing in waiting.items() if not missing]
    heapify(ready)
    result = []
    while ready:
        node = heappop(ready)[2]
        result.append(node)
        for user in users[node]:
            waiting[user] -= 1
            if not waiting[user]:
                heappush(ready, (user.order, user.serial, user))
    if len(result) < len(users):
        raise CyclicProgramError("a node would be computed from itself")
    return result


def behind(nodes: Iterable[Node]) -> set[Node]:
    """Everything that some nodes are computed from, themselves included."""
    found = set(nodes)
    stack = list(found)
    while stack:
        for arg in stack.pop().sources:
            if arg not in found:
                found.add(arg)
                stack.append(arg)
    return found


#: Most settings are of these types, and equal if and only if they compare as equal.
_HASHABLE = frozenset((int, bool, str, type(None)))


def freeze(value: Any) -> Any:
    """A hashable stand-in for a setting, equal for equal settings."""
    if type(value) in _HASHABLE:
        return (type(value), value)
    if isinstance(value, np.ndarray):
        return ("array", value.shape, value.dtype.str, value.tobytes())
    if isinstance(value, slice):
        return ("slice", freeze(value.start), freeze(value.stop), freeze(value.step))
    if isinstance(value, tuple | list):
        return (type(value).__name__, *map(freeze, value))
    if isinstance(value, dict):
        return tuple((key, freeze(entry)) for key, entry in value.items())
    if isinstance(value, float | np.floating) and (value == 0 or value != value):
        return (type(value), str(value))
    return (type(value), value)


class Builder:
    """Makes nodes.

    Parameters
    ----------
    share : bool
        Give back the same node for the same operation on the same arguments.
    """

    def __init__(self, share: bool = True) -> None:
        self.share = share
        self.known: dict[Any, Node] = {}
        self.order = 0

    def make(
        self,
        op: str,
        args: Sequence[Any],
        params: dict[str, Any] | None = None,
        *,
        shape: Any = None,
        dtype: Any = None,
    ) -> Node:
        """A node; shape and dtype are worked out unless they are given."""
        params = {} if params is None else params
        args = tuple(args)
        if not self.share or op == "input":
            return self._fresh(op, args, params, shape, dtype)
        key = (op, tuple(arg if type(arg) is Node else freeze(arg) for arg in args), freeze(params) if params else ())
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self._fresh(op, args, params, shape, dtype)
        elif self.order < found.order:
            found.order = self.order
        return found

    def _fresh(self, op: str, args: tuple[Any, ...], params: dict[str, Any], shape: Any, dtype: Any) -> Node:
        if shape is None:
            shape, dtype = result_type(op, args, params)
        return Node(op, args, params, tuple(shape), np.dtype(dtype), self.order)

    def constant(self, value: np.ndarray) -> Node:
        """A node for a known array."""
        return self.make("constant", (), {"value": value}, shape=value.shape, dtype=value.dtype)

    def copy(self, node: Node, args: tuple[Any, ...]) -> Node:
        """The same operation on other arguments of the same shapes."""
        if args == node.args:
            return node
        return self.make(node.op, args, node.params, shape=node.shape, dtype=node.dtype)


def result_type(op: str, args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[int, ...], Any]:
    """Shape and dtype of an operation's result; elementwise and product operations by rule, others by trying."""
    if op in _SHAPES:
        nodes = [arg for arg in args if type(arg) is Node]
        dtype = np.result_type(*(arg if type(arg) in (int, float) else arg.dtype for arg in args))
        return _SHAPES[op](nodes, params), dtype
    stand_ins = [np.broadcast_to(np.ones((), arg.dtype), arg.shape) if type(arg) is Node else arg for arg in args]
    value = np.asarray(PRIMITIVES[op].value(*stand_ins, **params))
    return value.shape, value.dtype


def _broadcast(nodes: list[Node], params: dict[str, Any]) -> tuple[int, ...]:
    return np.broadcast_shapes(*(node.shape for node in nodes))


def _stacked(nodes: list[Node], params: dict[str, Any]) -> tuple[int, ...]:
    axis = params["axis"]
    return (*nodes[0].shape[:axis], len(nodes), *nodes[0].shape[axis:])


def _joined(nodes: list[Node], params: dict[str, Any]) -> tuple[int, ...]:
    axis = params["axis"]
    return (*nodes[0].shape[:axis], sum(node.shape[axis] for node in nodes), *nodes[0].shape[axis + 1 :])


_SHAPES: dict[str, Callable[[list[Node], dict[str, Any]], tuple[int, ...]]] = {
    **dict.fromkeys(("add", "subtract", "multiply", "divide", "tanh", "negative"), _broadcast),
    "linear": lambda nodes, params: (*nodes[1].shape[:-1], nodes[0].shape[0]),
    "linear_t": lambda nodes, params: (*nodes[1].shape[:-1], nodes[0].shape[1]),
    "outer": lambda nodes, params: (nodes[0].shape[-1], nodes[1].shape[-1]),
    "stack": _stacked,
    "concatenate": _joined,
}

Rule = Callable[[Builder, Node, tuple[Any, ...]], Node | None]


def rewrite(program: Program, rule: Rule, builder: Builder) -> Program:
    """A program in which each node is what `rule` makes of it; None keeps the operation as it is."""
    new: dict[Node, Node] = {}
    for node in program.inputs:
        new[node] = node
    for node in program.nodes():
        if node in new:
            continue
        builder.order = node.order
        args = tuple(new[arg] if type(arg) is Node else arg for arg in node.args)
        made = rule(builder, node, args)
        new[node] = builder.copy(node, args) if made is None else made
    return Program(program.inputs, tuple(new[node] for node in program.outputs))


def substitute(program: Program, replacement: dict[Node, Node]) -> Program:
    """A program in which some nodes are replaced by others of the same value.

    The others may take nodes that are replaced themselves. Nodes are changed in place, so the program before
    is no longer of use.
    """
    if all(old is new for old, new in replacement.items()):
        return program
    return Program(program.inputs, exchange(program.outputs, program.uses(), replacement))


def exchange(
    outputs: tuple[Node, ...], uses: dict[Node, list[Node]], replacement: dict[Node, Node]
) -> tuple[Node, ...]:
    """Let all users of some nodes take others of the same value; gives the outputs.

    `uses` is kept up with what is new, so that it serves for the next exchange; nodes that nothing needs any
    more stay in it.
    """
    replacement = {old: new for old, new in replacement.items() if old is not new}

    def resolve(node: Node) -> Node:
        while node in replacement:
            node = replacement[node]
        return node

    changed = {user: None for old in replacement for user in uses.get(old, ())}
    fresh = _enter(replacement.values(), uses)
    changed |= dict.fromkeys(fresh)
    for node in changed:
        if not replacement.keys().isdisjoint(node.sources):
            node.take(tuple(resolve(arg) if type(arg) is Node else arg for arg in node.args))
            for arg in node.sources:
                uses[arg].append(node)
    return tuple(map(resolve, outputs))


def _enter(nodes: Iterable[Node], uses: dict[Node, list[Node]]) -> list[Node]:
    """Enter new nodes, and the new nodes behind them, as users of what they take."""
    fresh = []
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if node in uses:
            continue
        uses[node] = []
        fresh.append(node)
        stack += node.sources
    for node in fresh:
        for arg in node.sources:
            uses[arg].append(node)
    return fresh
