"""The x of every mark of a step: columns in the order in which a reader meets the marks, then no overlaps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from .blocks import Block
from .gutters import GAP

__all__ = ["ALONG", "columns_of", "separate"]

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
