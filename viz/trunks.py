"""Lines to other lanes go up or down inside a frame: side by side where they would lie on each other."""

from collections.abc import Mapping
from itertools import count
from typing import Protocol

from .timeline import Timeline

__all__ = ["trunks_of"]


class _Place(Protocol):
    """What has a height in the drawing."""

    @property
    def y(self) -> float: ...


def trunks_of(spots: Mapping[str, _Place], time: Timeline) -> dict[str, int]:
    """For each mark with lines to other lanes its place among those, 0 nearest to the frame.

    Marks of one column share a place unless the heights that their lines cover overlap.
    """
    found: dict[str, int] = {}
    taken: dict[tuple[int, bool, int], list[tuple[float, float]]] = {}
    for tail, (low, high) in _spans(spots, time).items():
        mark = time.marks[tail]
        column = (mark.step or 0, time.forward[mark.lane])
        for place in count():
            others = taken.setdefault((*column, place), [])
            if not any(low < top and bottom < high for bottom, top in others):
                others.append((low, high))
                found[tail] = place
                break
    return found


def _spans(spots: Mapping[str, _Place], time: Timeline) -> dict[str, tuple[float, float]]:
    """The lowest and the highest point of a mark's lines to other lanes."""
    found: dict[str, tuple[float, float]] = {}
    for line in time.lines:
        tail, head = time.marks[line.tail], time.marks[line.head]
        if tail.step is None or head.step is None or tail.carried or head.carried or tail.lane == head.lane:
            continue
        heights = (spots[line.tail].y, spots[line.head].y)
        low, high = found.get(line.tail, (heights[0], heights[0]))
        found[line.tail] = (min(low, *heights), max(high, *heights))
    return found
