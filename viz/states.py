"""Which nodes are states: carried from one time step to another."""

from collections import Counter
from collections.abc import Container, Iterable

from minigrad import Tensor
from minigrad.sweep import Edge

from .words import step_of

__all__ = ["carried_nodes", "crosses_time", "families_of"]


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


def families_of(nodes: Iterable[Tensor], states: Container[int]) -> dict[int, str]:
    """What ties each state to the one that takes its place in the next step: its name, numbered where needed.

    Layers without scopes of their own have several states of one name in a step; they are told apart by their order.
    """
    found: dict[int, str] = {}
    seen: Counter[tuple[tuple[str, ...], str]] = Counter()
    for node in nodes:
        if node.serial in states:
            name = node.name or ""
            before = seen[node.scope, name]
            seen[node.scope, name] += 1
            found[node.serial] = name if before == 0 else f"{name} {before + 1}"
    return found


def _outside_time(scope: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part for part in scope if step_of((part,)) is None)
