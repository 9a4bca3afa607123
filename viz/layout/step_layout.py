"""Where the marks of one time step stand: computed once for a step and used for all that are like it.

Rows count upwards: what only needs the step's input and its old state stands in row 0, everything else
above what it is computed from. The *highway*, on which a state goes from one step to the next through
nothing but entrywise operations, is the straight top row; what depends on it hangs down from it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise

from .channels import GAP, Arrangement, Entries, Entry, entries
from .step import BUS, Block, input_drop

__all__ = [
    "ALONG",
    "EXIT",
    "ROW",
    "Levels",
    "Shape",
    "arrange",
    "columns_of",
    "heights_of",
    "levels_of",
    "rows_of",
    "separate",
    "sources_of",
    "tops_of",
]


#: Points along a highway, and between a line that goes straight up to it and what stands beside that.
ALONG, BESIDE = 26.0, 14.0


@dataclass
class _Plan:
    block: Block
    before: Mapping[int, list[int]]
    column: dict[int, float] = field(default_factory=dict)
    edge: float = 0.0


def columns_of(block: Block, before: Mapping[int, list[int]], rows: Mapping[int, int]) -> dict[int, float]:
    """Over the middle of what each is computed from; nothing overlaps in a row, highways stay in order."""
    plan = _Plan(block, before)
    on_highway = [mark for highway in block.highways for mark in highway]
    last = [mark for mark in range(len(block.sizes)) if mark not in block.inputs]
    for mark in (*on_highway, *reversed(last)):
        _place(plan, mark)
    x = {mark: plan.column[mark] for mark in last}
    _align_highways(block, x)
    _stand_aside(block, x, rows)
    separate(block, x, rows)
    return x


def _place(plan: _Plan, mark: int) -> None:
    """Put a mark over the middle of what it is computed from, and that first, from left to right.

    Marks that stand for several operations may each need the other; each is waited for once.
    """
    waiting = [mark]
    asked: set[int] = set()
    while waiting:
        current = waiting[-1]
        if current in plan.column:
            waiting.pop()
            continue
        new = [] if current in asked else [b for b in plan.before[current] if b not in plan.column and b not in asked]
        asked.add(current)
        if new:
            waiting += reversed(new)
            continue
        waiting.pop()
        plan.column[current] = _column(plan, current)


def _column(plan: _Plan, mark: int) -> float:
    """A column of its own for what starts a branch, the mean of its branches for what joins them."""
    highway = {m for path in plan.block.highways for m in path}
    under = [plan.column[b] for b in plan.before[mark] if b not in highway and b in plan.column]
    width = plan.block.sizes[mark][0]
    if under:
        middle = sum(under) / len(under)
        plan.edge = max(plan.edge, middle + width / 2 + GAP)
        return middle
    place = plan.edge + width / 2
    plan.edge = place + width / 2 + GAP
    return place


def _align_highways(block: Block, x: dict[int, float]) -> None:
    """Keep the marks on a highway in the order of time."""
    for highway in block.highways:
        for before, after in pairwise(highway):
            gap = (block.sizes[before][0] + block.sizes[after][0]) / 2 + ALONG
            x[after] = max(x[after], x[before] + gap)


def _stand_aside(block: Block, x: dict[int, float], rows: Mapping[int, int]) -> None:
    """Keep the way free from a mark straight up to the highway."""
    highway = {mark for path in block.highways for mark in path}
    for tail, head in block.lines:
        if head not in highway or tail in highway or tail in block.inputs:
            continue
        for mark, row in rows.items():
            half = block.sizes[mark][0] / 2
            if rows[tail] < row < rows[head] and abs(x[mark] - x[tail]) < half + BESIDE and tail != mark != head:
                x[mark] = x[tail] + half + BESIDE


def separate(block: Block, x: dict[int, float], rows: Mapping[int, int], gap: float = GAP) -> None:
    """Push marks of one row to the right until none overlaps."""
    by_row: dict[int, list[int]] = {}
    for mark, row in rows.items():
        by_row.setdefault(row, []).append(mark)
    for marks in by_row.values():
        edge = float("-inf")
        for mark in sorted(marks, key=lambda m: (x[m], m)):
            half = block.sizes[mark][0] / 2
            x[mark] = max(x[mark], edge + half)
            edge = x[mark] + half + gap


#: Points between marks from row to row, and above a row for each line that leaves there.
ROW, EXIT = 24.0, 10.0


def sources_of(block: Block) -> dict[int, list[int]]:
    """What each mark is computed from, without the inputs."""
    found: dict[int, list[int]] = {mark: [] for mark in range(len(block.sizes))}
    for tail, head in block.lines:
        if tail not in block.inputs:
            found[head].append(tail)
    return found


def rows_of(block: Block, before: Mapping[int, Sequence[int]]) -> dict[int, int]:
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


def _tallest(block: Block, rows: Mapping[int, int]) -> list[float]:
    """The height of the tallest mark of each row."""
    tallest = [0.0] * (max(rows.values(), default=0) + 1)
    for mark, row in rows.items():
        tallest[row] = max(tallest[row], block.sizes[mark][1])
    return tallest


def heights_of(block: Block, rows: Mapping[int, int], levels: Mapping[int, int]) -> list[float]:
    """y of every row, from its tallest mark, that of the row below, and the levels of lines between them."""
    tallest = _tallest(block, rows)
    heights = [0.0]
    for row, (below, above) in enumerate(pairwise(tallest)):
        heights.append(heights[-1] + (below + above) / 2 + ROW + EXIT * levels.get(row, 0))
    return heights


def tops_of(block: Block, rows: Mapping[int, int], heights: Sequence[float]) -> list[float]:
    """y of the upper end of every row."""
    return [y + tall / 2 for y, tall in zip(heights, _tallest(block, rows), strict=True)]


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


@dataclass(frozen=True)
class Shape:
    """Where the marks stand, relative to the left end of row 0.

    Attributes
    ----------
    places : tuple of (x, y)
    width : float
    top : float
        y of the highest row.
    drops : dict of (str, int) to Entry
        Where each drop comes up.
    detours : dict of (int, int) to (float, float)
        For lines that would cross marks: the x of the gutter that they take instead, and the y below it.
    exits : dict of int to float
        For marks from which no line can leave sideways: the y above their row.
    """

    places: tuple[tuple[float, float], ...]
    width: float
    top: float
    drops: Mapping[tuple[str, int], Entry] = field(default_factory=dict)
    detours: Mapping[tuple[int, int], tuple[float, float]] = field(default_factory=dict)
    exits: Mapping[int, float] = field(default_factory=dict)


def arrange(block: Block) -> Shape:
    """Rows, columns, and then a gutter for each line that would cross a mark."""
    before = sources_of(block)
    rows = rows_of(block, before)
    x = columns_of(block, before, rows)
    exits = _blocked_exits(block, x, rows)
    heights = heights_of(block, rows, levels_of({}, exits, x, rows).rows)
    found = entries(Arrangement(block.sizes, x, rows, heights), block.lines, block.drops)
    levels = levels_of(found.detours, exits, found.x, rows)
    _place_inputs(block, found)
    return _shape(block, found, rows, heights_of(block, rows, levels.rows), exits, levels)


def _shape(
    block: Block,
    found: Entries,
    rows: Mapping[int, int],
    heights: Sequence[float],
    exits: Mapping[int, int],
    levels: Levels,
) -> Shape:
    """Everything moved so that it begins at 0."""
    x = found.x
    edges = [(x[mark] - block.sizes[mark][0] / 2, x[mark] + block.sizes[mark][0] / 2) for mark in x]
    edges += [
        (at - GAP / 2, at + GAP / 2) for at in (*(drop.x for drop in found.drops.values()), *found.detours.values())
    ]
    left, right = min(low for low, _ in edges), max(high for _, high in edges)
    places = tuple((x[mark] - left, heights[rows[mark]] if mark in rows else 0.0) for mark in range(len(block.sizes)))
    above = tops_of(block, rows, heights)
    return Shape(
        places,
        right - left,
        heights[-1],
        {drop: Entry(entry.x - left, entry.rise) for drop, entry in found.drops.items()},
        {
            (a, b): (at - left, above[rows[a] - (rows[b] < rows[a])] + ROW / 2 + EXIT * levels.detours[a, b])
            for (a, b), at in found.detours.items()
        },
        {mark: above[rows[mark]] + ROW / 2 + EXIT * rank for mark, rank in exits.items()},
    )


def _blocked_exits(block: Block, x: Mapping[int, float], rows: Mapping[int, int]) -> dict[int, int]:
    """The exits with a mark to their right in the same row, numbered from the right in each row."""
    ranks: dict[int, int] = {}
    for mark in sorted(block.exits - block.inputs, key=lambda mark: -x[mark]):
        if any(rows[other] == rows[mark] and x[other] > x[mark] for other in x if other != mark):
            ranks[mark] = sum(rows[other] == rows[mark] for other in ranks)
    return ranks


def _place_inputs(block: Block, found: Entries) -> None:
    """Every input under the lines that it feeds, beside those that come from further down."""
    x, upper = found.x, dict(found.x)
    busses = sorted(entry.x for (what, _), entry in found.drops.items() if what == BUS)
    for mark in sorted(block.inputs):
        over = [entry.x for (what, _), entry in found.drops.items() if what == input_drop(mark)]
        x[mark] = sum(over) / len(over) if over else min(upper.values(), default=0.0)
        half = block.sizes[mark][0] / 2
        for at in busses:
            if abs(x[mark] - at) < half + GAP:
                x[mark] = at + half + GAP
    separate(block, x, dict.fromkeys(sorted(block.inputs), 0), ALONG)
