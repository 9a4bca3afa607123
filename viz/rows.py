"""The rows of a step: by longest path from what it reads, or down from the highway; and how high they are."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from .blocks import Block

__all__ = ["EXIT", "ROW", "heights_of", "rows_of", "sources_of", "tops_of"]

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
