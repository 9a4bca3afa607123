"""Which nodes are states: carried from one time step to another."""

from collections.abc import Iterable

from minigrad import Tensor
from minigrad.sweep import Edge

from .words import step_of

__all__ = ["carried_nodes", "crosses_time"]


def crosses_time(edge: Edge) -> bool:
    """Whether a value is used at another time step than its own, or outside of time."""
    return step_of(edge.source.scope) != step_of(edge.target.scope)


def carried_nodes(nodes: Iterable[Tensor]) -> frozenset[int]:
    """The serial numbers of the states: what is used at another time step, and what bears its name elsewhere."""
    listed = [node for node in nodes if step_of(node.scope) is not None]
    carried = {
        (arg.name, _outside_time(arg.scope))
        for node in listed
        for arg in node.args
        if isinstance(arg, Tensor) and step_of(arg.scope) not in (None, step_of(node.scope))
    }
    return frozenset(
        node.serial for node in listed if node.name is not None and (node.name, _outside_time(node.scope)) in carried
    )


def _outside_time(scope: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part for part in scope if step_of((part,)) is None)
