"""The arrangement of the nodes of one time step: computed once for a step and used for all that are like it.

Rows count upwards: what only needs the step's input and its old state stands in row 0, everything else
above what it is computed from. The *cell path*, on which a state goes from one step to the next through
nothing but elementwise operations, is the straight top row; what depends on it hangs down from it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise

from .channels import GAP, Arrangement, Entries, Entry, entries
from .step import BUS, Origin, Port, StepBlock

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


#: Points along a cell path, and between an edge that goes straight up to it and what stands beside that.
ALONG, BESIDE = 26.0, 14.0


@dataclass
class _Plan:
    block: StepBlock
    before: Mapping[int, list[int]]
    column: dict[int, float] = field(default_factory=dict)
    right: float = 0.0


def columns_of(block: StepBlock, before: Mapping[int, list[int]], rows: Mapping[int, int]) -> dict[int, float]:
    """Over the middle of what each is computed from; nothing overlaps in a row, cell paths stay in order."""
    plan = _Plan(block, before)
    on_cell_path = [node for cell_path in block.cell_paths for node in cell_path]
    last = [node for node in range(len(block.sizes)) if node not in block.inputs]
    for node in (*on_cell_path, *reversed(last)):
        _place(plan, node)
    x = {node: plan.column[node] for node in last}
    _align_cell_paths(block, x)
    _stand_aside(block, x, rows)
    separate(block, x, rows)
    return x


def _place(plan: _Plan, node: int) -> None:
    """Put a node over the middle of what it is computed from, and that first, from left to right.

    Nodes that stand for several operations may each need the other; each is waited for once.
    """
    waiting = [node]
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


def _column(plan: _Plan, node: int) -> float:
    """A column of its own for what starts a branch, the mean of its branches for what joins them."""
    cell_path = {m for path in plan.block.cell_paths for m in path}
    under = [plan.column[b] for b in plan.before[node] if b not in cell_path and b in plan.column]
    width = plan.block.sizes[node][0]
    if under:
        middle = sum(under) / len(under)
        plan.right = max(plan.right, middle + width / 2 + GAP)
        return middle
    place = plan.right + width / 2
    plan.right = place + width / 2 + GAP
    return place


def _align_cell_paths(block: StepBlock, x: dict[int, float]) -> None:
    """Keep the nodes on a cell path in the order of time."""
    for cell_path in block.cell_paths:
        for before, after in pairwise(cell_path):
            gap = (block.sizes[before][0] + block.sizes[after][0]) / 2 + ALONG
            x[after] = max(x[after], x[before] + gap)


def _stand_aside(block: StepBlock, x: dict[int, float], rows: Mapping[int, int]) -> None:
    """Keep the way free from a node straight up to the cell path."""
    cell_path = {node for path in block.cell_paths for node in path}
    for tail, head in block.edges:
        if head not in cell_path or tail in cell_path or tail in block.inputs:
            continue
        for node, row in rows.items():
            half = block.sizes[node][0] / 2
            if rows[tail] < row < rows[head] and abs(x[node] - x[tail]) < half + BESIDE and tail != node != head:
                x[node] = x[tail] + half + BESIDE


def separate(block: StepBlock, x: dict[int, float], rows: Mapping[int, int], gap: float = GAP) -> None:
    """Push nodes of one row to the right until none overlaps."""
    by_row: dict[int, list[int]] = {}
    for node, row in rows.items():
        by_row.setdefault(row, []).append(node)
    for nodes in by_row.values():
        edge = float("-inf")
        for node in sorted(nodes, key=lambda m: (x[m], m)):
            half = block.sizes[node][0] / 2
            x[node] = max(x[node], edge + half)
            edge = x[node] + half + gap


#: Points between nodes from row to row, and above a row for each edge that leaves there.
ROW, EXIT = 24.0, 10.0


def sources_of(block: StepBlock) -> dict[int, list[int]]:
    """The nodes that each node is computed from, without the inputs."""
    found: dict[int, list[int]] = {node: [] for node in range(len(block.sizes))}
    for tail, head in block.edges:
        if tail not in block.inputs:
            found[head].append(tail)
    return found


def rows_of(block: StepBlock, before: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """Longest path from the bottom; below the cell path for what depends on it."""
    nodes = [node for node in range(len(block.sizes)) if node not in block.inputs]
    cell_path = {node for path in block.cell_paths for node in path}
    height: dict[int, int] = {}
    depth: dict[int, int] = {}
    for node in nodes:
        if node in cell_path:
            continue
        above = [depth.get(b, 0) for b in before[node] if b in depth or b in cell_path]
        below = [height[b] for b in before[node] if b in height]
        if above:
            depth[node] = 1 + max(above)
        else:
            height[node] = 1 + max(below, default=-1)
    needed = [max(height.values(), default=-1) + 1, max(depth.values(), default=0)]
    top = max(needed)
    rows = dict.fromkeys(cell_path, top) | height
    return rows | {node: max(top - down, 0) for node, down in depth.items()}


def _tallest(block: StepBlock, rows: Mapping[int, int]) -> list[float]:
    """The height of the tallest node of each row."""
    tallest = [0.0] * (max(rows.values(), default=0) + 1)
    for node, row in rows.items():
        tallest[row] = max(tallest[row], block.sizes[node][1])
    return tallest


def heights_of(block: StepBlock, rows: Mapping[int, int], levels: Mapping[int, int]) -> list[float]:
    """y of every row, from its tallest node, that of the row below, and the levels of edges between them."""
    tallest = _tallest(block, rows)
    heights = [0.0]
    for row, (below, above) in enumerate(pairwise(tallest)):
        heights.append(heights[-1] + (below + above) / 2 + ROW + EXIT * levels.get(row, 0))
    return heights


def tops_of(block: StepBlock, rows: Mapping[int, int], heights: Sequence[float]) -> list[float]:
    """y of the upper end of every row."""
    return [y + tall / 2 for y, tall in zip(heights, _tallest(block, rows), strict=True)]


#: A edge that leaves a step runs to its end.
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
        self.rows: dict[int, int] = dict(Counter(rows[node] for node in exits))


def levels_of(
    detours: Mapping[tuple[int, int], float], exits: Mapping[int, int], x: Mapping[int, float], rows: Mapping[int, int]
) -> Levels:
    """Give every detour the lowest level on which nothing is in its way; `exits` have theirs already."""
    found = Levels(exits, rows)
    taken: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for node, level in exits.items():
        taken.setdefault((rows[node], level), []).append((x[node], END))
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
    """The arrangement of a step: places of its nodes relative to the left end of row 0.

    Attributes
    ----------
    places : tuple of (x, y)
    width : float
    top : float
        y of the highest row.
    ports : dict of Port to Entry
        Where each port comes up.
    detours : dict of (int, int) to (float, float)
        For edges that would cross nodes: the x of the channel that they take instead, and the y below it.
    exits : dict of int to float
        For nodes from which no edge can leave sideways: the y above their row.
    """

    places: tuple[tuple[float, float], ...]
    width: float
    top: float
    ports: Mapping[Port, Entry] = field(default_factory=dict)
    detours: Mapping[tuple[int, int], tuple[float, float]] = field(default_factory=dict)
    exits: Mapping[int, float] = field(default_factory=dict)


def arrange(block: StepBlock) -> Shape:
    """Rows, columns, and then a channel for each edge that would cross a node."""
    before = sources_of(block)
    rows = rows_of(block, before)
    x = columns_of(block, before, rows)
    exits = _blocked_exits(block, x, rows)
    heights = heights_of(block, rows, levels_of({}, exits, x, rows).rows)
    found = entries(Arrangement(block.sizes, x, rows, heights), block.edges, block.ports)
    levels = levels_of(found.detours, exits, found.x, rows)
    _place_inputs(block, found)
    return _shape(block, found, rows, heights_of(block, rows, levels.rows), exits, levels)


def _shape(
    block: StepBlock,
    found: Entries,
    rows: Mapping[int, int],
    heights: Sequence[float],
    exits: Mapping[int, int],
    levels: Levels,
) -> Shape:
    """Everything moved so that it begins at 0."""
    x = found.x
    sides = [(x[node] - block.sizes[node][0] / 2, x[node] + block.sizes[node][0] / 2) for node in x]
    sides += [
        (at - GAP / 2, at + GAP / 2) for at in (*(port.x for port in found.ports.values()), *found.detours.values())
    ]
    left, right = min(low for low, _ in sides), max(high for _, high in sides)
    places = tuple((x[node] - left, heights[rows[node]] if node in rows else 0.0) for node in range(len(block.sizes)))
    above = tops_of(block, rows, heights)
    return Shape(
        places,
        right - left,
        heights[-1],
        {port: Entry(entry.x - left, entry.rise) for port, entry in found.ports.items()},
        {
            (a, b): (at - left, above[rows[a] - (rows[b] < rows[a])] + ROW / 2 + EXIT * levels.detours[a, b])
            for (a, b), at in found.detours.items()
        },
        {node: above[rows[node]] + ROW / 2 + EXIT * rank for node, rank in exits.items()},
    )


def _blocked_exits(block: StepBlock, x: Mapping[int, float], rows: Mapping[int, int]) -> dict[int, int]:
    """The exits with a node to their right in the same row, numbered from the right in each row."""
    ranks: dict[int, int] = {}
    for node in sorted(block.exits - block.inputs, key=lambda node: -x[node]):
        if any(rows[other] == rows[node] and x[other] > x[node] for other in x if other != node):
            ranks[node] = sum(rows[other] == rows[node] for other in ranks)
    return ranks


def _place_inputs(block: StepBlock, found: Entries) -> None:
    """Every input under the edges that it feeds, beside those that come from further down."""
    x, upper = found.x, dict(found.x)
    busses = sorted(entry.x for port, entry in found.ports.items() if port.origin == BUS)
    for node in sorted(block.inputs):
        over = [entry.x for port, entry in found.ports.items() if port.origin == Origin("input", node)]
        x[node] = sum(over) / len(over) if over else min(upper.values(), default=0.0)
        half = block.sizes[node][0] / 2
        for at in busses:
            if abs(x[node] - at) < half + GAP:
                x[node] = at + half + GAP
    separate(block, x, dict.fromkeys(sorted(block.inputs), 0), ALONG)
