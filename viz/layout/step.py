"""One time step in numbers, so that steps that are alike are equal; and the highway through it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["BUS", "Block", "highway_of", "input_drop", "is_input", "state_drop"]

#: What comes from far away, on one line for all.
BUS = "bus"
_INPUT, _STATE = "input ", "state "


def input_drop(mark: int) -> str:
    """What comes from an input, by its number in the step."""
    return f"{_INPUT}{mark}"


def state_drop(family: str) -> str:
    """What comes from a state, whatever its users have called it."""
    return f"{_STATE}{family}"


def is_input(what: str) -> bool:
    """Whether this comes from an input."""
    return what.startswith(_INPUT)


@dataclass(frozen=True)
class Block:
    """One step to be arranged, in numbers: marks are 0, 1, 2, … in the order of the computation.

    Hashable, so that equal steps are arranged once.

    Attributes
    ----------
    sizes : tuple of (width, height)
    lines : tuple of (int, int)
        From one mark to another.
    highways : tuple of tuple of int
        The marks on each highway, in the order of time.
    inputs : frozenset of int
        Marks that stand below everything else.
    drops : tuple of (str, int)
        What comes to a mark from under all rows, and the mark: a state, an input or the bus, see `state_drop`,
        `input_drop` and `BUS`.
    exits : frozenset of int
        Marks from which a line leaves for the next step, other than on a highway.
    """

    sizes: tuple[tuple[float, float], ...]
    lines: tuple[tuple[int, int], ...]
    highways: tuple[tuple[int, ...], ...] = ()
    inputs: frozenset[int] = frozenset()
    drops: tuple[tuple[str, int], ...] = ()
    exits: frozenset[int] = frozenset()


def highway_of(
    start: Iterable[int], end: int, lines: Sequence[tuple[int, int]], entrywise: frozenset[int]
) -> tuple[int, ...]:
    """The shortest way from the users of a state to where its next value is made, over entrywise marks only."""
    after: dict[int, list[int]] = {}
    for tail, head in lines:
        after.setdefault(tail, []).append(head)
    ways: dict[int, tuple[int, ...]] = {mark: (mark,) for mark in start if mark in entrywise}
    queue = list(ways)
    for mark in queue:
        if mark == end:
            return ways[mark]
        for head in after.get(mark, []):
            if head in entrywise and head not in ways:
                ways[head] = (*ways[mark], head)
                queue.append(head)
    return ()
