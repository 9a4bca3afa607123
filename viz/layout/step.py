"""One time step in numbers, so that steps that are alike are equal; and the cell path through it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["BUS", "Origin", "Port", "StepBlock", "cell_path_of"]


class Origin(NamedTuple):
    """The origin of edges that come up from under a step: a state by its family, an input by its number, or the bus."""

    kind: Literal["bus", "state", "input"]
    which: str | int = ""


#: All that comes from far away, in one place.
BUS = Origin("bus")


class Port(NamedTuple):
    """The way from an origin up to a node of the step."""

    origin: Origin
    node: int


@dataclass(frozen=True)
class StepBlock:
    """One step to be arranged, in numbers: nodes are 0, 1, 2, … in the order of the computation.

    Hashable, so that equal steps are arranged once.

    Attributes
    ----------
    sizes : tuple of (width, height)
    edges : tuple of (int, int)
        From one node to another.
    cell_paths : tuple of tuple of int
        The nodes on each cell path, in the order of time.
    inputs : frozenset of int
        Nodes that stand below everything else.
    ports : tuple of Port
        Where edges come up from under all rows.
    exits : frozenset of int
        Nodes from which an edge leaves for the next step, other than on a cell path.
    """

    sizes: tuple[tuple[float, float], ...]
    edges: tuple[tuple[int, int], ...]
    cell_paths: tuple[tuple[int, ...], ...] = ()
    inputs: frozenset[int] = frozenset()
    ports: tuple[Port, ...] = ()
    exits: frozenset[int] = frozenset()


def cell_path_of(
    start: Iterable[int], end: int, edges: Sequence[tuple[int, int]], elementwise: frozenset[int]
) -> tuple[int, ...]:
    """The shortest way from the users of a state to where its next value is made, over elementwise nodes only."""
    after: dict[int, list[int]] = {}
    for tail, head in edges:
        after.setdefault(tail, []).append(head)
    ways: dict[int, tuple[int, ...]] = {node: (node,) for node in start if node in elementwise}
    queue = list(ways)
    for node in queue:
        if node == end:
            return ways[node]
        for head in after.get(node, []):
            if head in elementwise and head not in ways:
                ways[head] = (*ways[node], head)
                queue.append(head)
    return ()
