"""Where the marks of one time step stand: computed once for a step and used for all that are like it.

Rows count upwards: what only needs the step's input and its old state stands in row 0, everything else
above what it is computed from. The *highway*, on which a state goes from one step to the next through
nothing but entrywise operations, is the straight top row; what depends on it hangs down from it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["Block", "Shape", "arrange", "highway_of"]

#: Points between marks: from row to row, from column to column, and along a highway.
ROW, GAP, ALONG = 24.0, 12.0, 26.0


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
    """

    sizes: tuple[tuple[float, float], ...]
    lines: tuple[tuple[int, int], ...]
    highways: tuple[tuple[int, ...], ...] = ()
    inputs: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Shape:
    """Where the marks stand, relative to the left end of row 0.

    Attributes
    ----------
    places : tuple of (x, y)
    width : float
    top : float
        y of the highest row.
    """

    places: tuple[tuple[float, float], ...]
    width: float
    top: float


@dataclass
class _Plan:
    block: Block
    before: Mapping[int, list[int]]
    column: dict[int, float] = field(default_factory=dict)
    edge: float = 0.0


def arrange(block: Block) -> Shape:
    """Rows by longest path, columns by the order in which a reader meets the marks, then no overlaps."""
    before = _before(block)
    rows = _rows(block, before)
    plan = _Plan(block, before)
    on_highway = [mark for highway in block.highways for mark in highway]
    last = [mark for mark in range(len(block.sizes)) if mark not in block.inputs]
    for mark in (*on_highway, *reversed(last)):
        _place(plan, mark)
    x = {mark: plan.column[mark] for mark in last}
    _align_highways(block, x)
    _separate(block, x, rows)
    bottom = min((x[mark] for mark in last), default=0.0)
    width = max((x[mark] + block.sizes[mark][0] / 2 for mark in last), default=30.0)
    for mark in sorted(block.inputs):
        users = [x[b] for a, b in block.lines if a == mark and b in x]
        x[mark] = sum(users) / len(users) if users else bottom
    _separate(block, x, dict.fromkeys(sorted(block.inputs), 0))
    left = min(x[mark] - block.sizes[mark][0] / 2 for mark in x)
    heights = _heights(block, rows)
    places = tuple((x[mark] - left, heights[rows[mark]] if mark in rows else 0.0) for mark in range(len(block.sizes)))
    right = max(x[mark] + block.sizes[mark][0] / 2 for mark in x)
    return Shape(places, max(width, right) - left, heights[-1])


def _before(block: Block) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {mark: [] for mark in range(len(block.sizes))}
    for tail, head in block.lines:
        if tail not in block.inputs:
            found[head].append(tail)
    return found


def _rows(block: Block, before: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """Longest path from the bottom; below the highway for what depends on it."""
    marks = [mark for mark in range(len(block.sizes)) if mark not in block.inputs]
    highway = {mark for path in block.highways for mark in path}
    height: dict[int, int] = {}
    depth: dict[int, int] = {}
    for mark in marks:
        if mark in highway:
            continue
        above = [depth.get(b, 0) for b in before[mark] if b in depth or b in highway]
        below = [height[b] for b in before[mark] if b in height]
        if above:
            depth[mark] = 1 + max(above)
        else:
            height[mark] = 1 + max(below, default=-1)
    needed = [max(height.values(), default=-1) + 1, max(depth.values(), default=0)]
    top = max(needed)
    rows = dict.fromkeys(highway, top) | height
    return rows | {mark: max(top - down, 0) for mark, down in depth.items()}


def _place(plan: _Plan, mark: int) -> None:
    """Put a mark over the middle of what it is computed from, and that first, from left to right."""
    waiting = [mark]
    while waiting:
        current = waiting[-1]
        if current in plan.column:
            waiting.pop()
            continue
        new = [b for b in plan.before[current] if b not in plan.column]
        if new:
            waiting += reversed(new)
            continue
        waiting.pop()
        plan.column[current] = _column(plan, current)


def _column(plan: _Plan, mark: int) -> float:
    """A column of its own for what starts a branch, the mean of its branches for what joins them."""
    highway = {m for path in plan.block.highways for m in path}
    under = [plan.column[b] for b in plan.before[mark] if b not in highway]
    width = plan.block.sizes[mark][0]
    if under:
        middle = sum(under) / len(under)
        plan.edge = max(plan.edge, middle + width / 2 + GAP)
        return middle
    place = plan.edge + width / 2
    plan.edge = place + width / 2 + GAP
    return place


def _heights(block: Block, rows: Mapping[int, int]) -> list[float]:
    """y of every row, from its tallest mark and that of the row below."""
    tallest = [0.0] * (max(rows.values(), default=0) + 1)
    for mark, row in rows.items():
        tallest[row] = max(tallest[row], block.sizes[mark][1])
    heights = [0.0]
    for below, above in pairwise(tallest):
        heights.append(heights[-1] + (below + above) / 2 + ROW)
    return heights


def _align_highways(block: Block, x: dict[int, float]) -> None:
    """Keep the marks on a highway in the order of time."""
    for highway in block.highways:
        for before, after in pairwise(highway):
            gap = (block.sizes[before][0] + block.sizes[after][0]) / 2 + ALONG
            x[after] = max(x[after], x[before] + gap)


def _separate(block: Block, x: dict[int, float], rows: Mapping[int, int]) -> None:
    """Push marks of one row to the right until none overlaps."""
    by_row: dict[int, list[int]] = {}
    for mark, row in rows.items():
        by_row.setdefault(row, []).append(mark)
    for marks in by_row.values():
        edge = float("-inf")
        for mark in sorted(marks, key=lambda m: (x[m], m)):
            half = block.sizes[mark][0] / 2
            x[mark] = max(x[mark], edge + half)
            edge = x[mark] + half + GAP


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
