"""From a graph and its adjoints to a picture, operation by operation."""

import re
from collections.abc import Container, Iterable, Mapping
from typing import Any

from minigrad import Graph, Tensor
from minigrad.sweep import Adjoints, Edge, Piece
from minigrad.tensor import CONSTANT

from .picture import Line, Mark, Picture
from .scale import Scale
from .words import describe_factor, formula, norm, number, short_name, step_of, title

__all__ = ["kind_of", "picture_of", "share_norm", "states_of"]

_ENTRYWISE = ("multiply", "add", "subtract", "divide", "negative")
_DICT_KEY = re.compile(r'\["[^"\[\]]+"\]$')


def picture_of(graph: Graph, adjoints: Adjoints | None = None, remark: str = "") -> Picture:
    """One mark for each node, one line for each edge.

    A leaf outside all scopes that is used inside some (a parameter) gets one mark in each of them: that
    keeps lines short and layouts fast, and adds no line.

    Parameters
    ----------
    graph : Graph
    adjoints : Adjoints, optional
        What flows back; without it no gradients are drawn.
    remark : str
        What to write under the drawing.
    """
    order = {node.serial: i for i, node in enumerate(graph.nodes)}
    places = _places(graph)
    keys = {
        (node.serial, place): f"n{order[node.serial]}" if len(found) == 1 else f"n{order[node.serial]}_{copy}"
        for node, found in places.items()
        for copy, place in enumerate(found)
    }
    states = states_of(graph.nodes)
    outputs = {node.serial: name for name, node in graph.outputs.items()}
    marks = [
        Mark(
            keys[node.serial, place],
            title(node, outputs.get(node.serial)),
            kind_of(node, states, outputs),
            _tooltip(node, adjoints, len(found)),
            place,
        )
        for node, found in places.items()
        for place in found
    ]
    shares = {} if adjoints is None else {edge: share_norm(share) for edge, share in adjoints.shares.items()}

    def key(node: Tensor, user: Tensor) -> str:
        return keys[node.serial, user.scope if len(places[node]) > 1 else places[node][0]]

    lines = [_line(edge, key(edge.source, edge.target), key(edge.target, edge.target), shares) for edge in graph.edges]
    known = [share for share in shares.values() if share is not None]
    return Picture(tuple(marks), tuple(lines), repr(graph).strip("<>"), remark, Scale.over(known))


def _places(graph: Graph) -> dict[Tensor, list[tuple[str, ...]]]:
    """The scopes in which each node is drawn: its own, or for a leaf outside of scopes those of its users."""
    users: dict[int, dict[tuple[str, ...], None]] = {}
    for edge in graph.edges:
        if edge.source.is_leaf and not edge.source.scope:
            users.setdefault(edge.source.serial, {})[edge.target.scope] = None
    return {node: list(users.get(node.serial, {node.scope: None})) for node in graph.nodes}


def states_of(nodes: Iterable[Tensor]) -> set[int]:
    """The serial numbers of what is carried through time.

    A state is used at a later time step than its own; what bears its name at other steps is one too.
    """
    listed = list(nodes)
    carried = set()
    for node in listed:
        step = step_of(node.scope)
        for arg in node.args if step is not None else ():
            made = step_of(arg.scope) if isinstance(arg, Tensor) else None
            if made is not None and step is not None and made < step:
                carried.add((arg.name, _outside_time(arg.scope)))
    return {
        node.serial
        for node in listed
        if node.name is not None
        and step_of(node.scope) is not None
        and (node.name, _outside_time(node.scope)) in carried
    }


def _outside_time(scope: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part for part in scope if step_of((part,)) is None)


def kind_of(node: Tensor, states: Container[int], outputs: Container[int]) -> str:
    """The row of the style table for a node."""
    name = node.primitive.name
    if node.serial in states:
        return "state"
    if node.primitive is CONSTANT:
        return "constant"
    if node.is_leaf:
        return "parameter" if node.name is not None and _DICT_KEY.search(node.name) else "input"
    if node.serial in outputs:
        return "output"
    if name == "getitem" and node.args[0].is_leaf:
        return "input"
    if name in ("sigmoid", "tanh"):
        return name
    return "elementwise" if name in _ENTRYWISE and node.name is None else "operation"


def share_norm(share: Any) -> float | None:
    """The Euclidean norm of what an edge carries, without building the zeros around a `Piece`."""
    if type(share) is not Piece:
        return norm(share)
    indices = share.index if isinstance(share.index, tuple) else (share.index,)
    plain = all(isinstance(index, int | slice) or index is None or index is Ellipsis for index in indices)
    return norm(share.g if plain else share.result())


def _tooltip(node: Tensor, adjoints: Adjoints | None, copies: int) -> str:
    full = node.name if node.is_leaf and node.name is not None else short_name(node)
    words = formula(node)
    lines = [full if node.is_leaf and full else words if full is None else f"{full} = {words}"]
    lines.append(f"shape {node.shape}")
    size = norm(node.value)
    if size is not None:
        lines.append(f"norm of the value: {number(size)}")
    adjoint = None if adjoints is None else norm(adjoints.nodes.get(node))
    if adjoint is not None:
        lines.append(f"norm of its gradient: {number(adjoint)}")
    factor = describe_factor(node)
    if factor is not None:
        lines.append(f"local factor {factor}")
    if copies > 1:
        lines.append(f"one node, drawn at {copies} places")
    return "\n".join(lines)


def _line(edge: Edge, tail: str, head: str, shares: Mapping[Edge, float | None]) -> Line:
    source, target = _called(edge.source), _called(edge.target)
    share = shares.get(edge)
    note = "" if share is None else f"gradient {target} → {source}: norm {number(share)}{_remark(share)}"
    return Line(tail, head, share, f"{source} → {target}", note)


def _called(node: Tensor) -> str:
    return short_name(node) or formula(node, 2)


def _remark(share: float) -> str:
    if share != share:
        return " (not a number)"
    if share == float("inf"):
        return " (overflowed)"
    return " (exactly zero)" if share == 0 else ""
