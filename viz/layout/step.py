"""One time step in numbers, so that steps that are alike are equal; and the cell path through it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["BUS", "Block", "cell_path_of", "input_port", "is_input", "state_port"]

#: What comes from far away, on one edge for all.
BUS = "bus"
_INPUT, _STATE = "input ", "state "


def input_port(node: int) -> str:
    """The port of what comes from an input, by its number in the step."""
    return f"{_INPUT}{node}"


def state_port(family: str) -> str:
    """The port of what comes from a state, whatever its users have called it."""
    return f"{_STATE}{family}"


def is_input(what: str) -> bool:
    """True for the port of an input."""
    return what.startswith(_INPUT)


@dataclass(frozen=True)
class Block:
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
    ports : tuple of (str, int)
        What comes to a node from under all rows, and the node: a state, an input or the bus, see `state_port`,
        `input_port` and `BUS`.
    exits : frozenset of int
        Nodes from which an edge leaves for the next step, other than on a cell path.
    """

    sizes: tuple[tuple[float, float], ...]
    edges: tuple[tuple[int, int], ...]
    cell_paths: tuple[tuple[int, ...], ...] = ()
    inputs: frozenset[int] = frozenset()
    ports: tuple[tuple[str, int], ...] = ()
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
