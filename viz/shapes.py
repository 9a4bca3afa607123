"""Where the marks of one time step stand: computed once for a step and used for all that are like it.

Rows count upwards: what only needs the step's input and its old state stands in row 0, everything else
above what it is computed from. The *highway*, on which a state goes from one step to the next through
nothing but entrywise operations, is the straight top row; what depends on it hangs down from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .blocks import BUS, Block, input_drop
from .columns import ALONG, columns_of, separate
from .gutters import GAP, Arrangement, Entries, Entry, entries
from .levels import Levels, levels_of
from .rows import EXIT, ROW, heights_of, rows_of, sources_of, tops_of

__all__ = ["Shape", "arrange"]


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
