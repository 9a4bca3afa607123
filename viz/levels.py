"""The levels between two rows on which lines run sideways: one above another where they would lie on each other."""

from collections import Counter
from collections.abc import Mapping
from itertools import count

__all__ = ["Levels", "levels_of"]

#: A line that leaves a step runs to its end.
END = float("inf")


class Levels:
    """The level of each detour above its row, and how many levels there are above each row.

    Attributes
    ----------
    detours : dict of (int, int) to int
    rows : dict of int to int
        For the heights of the rows: a single detour needs no room of its own.
    """

    def __init__(self, exits: Mapping[int, int], rows: Mapping[int, int]) -> None:
        self.detours: dict[tuple[int, int], int] = {}
        self.rows: dict[int, int] = dict(Counter(rows[mark] for mark in exits))


def levels_of(
    detours: Mapping[tuple[int, int], float], exits: Mapping[int, int], x: Mapping[int, float], rows: Mapping[int, int]
) -> Levels:
    """Give every detour the lowest level on which nothing is in its way; `exits` have theirs already."""
    found = Levels(exits, rows)
    taken: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for mark, level in exits.items():
        taken.setdefault((rows[mark], level), []).append((x[mark], END))
    for (tail, head), at in detours.items():
        row = rows[tail] - (rows[head] < rows[tail])
        left, right = sorted((x[tail], at))
        for level in count():
            others = taken.setdefault((row, level), [])
            if not any(left < end and start < right for start, end in others):
                others.append((left, right))
                found.detours[tail, head] = level
                found.rows[row] = max(found.rows.get(row, 0), level)
                break
    return found
