"""Where lines run between the marks of a step: a free strip, a *gutter*, for each line that would cross marks.

Lines come up from under all rows, from states and inputs, or lead from one row past others. Where there
is no room for one, everything to its right moves on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .step import is_input

__all__ = ["GAP", "Arrangement", "Entries", "Entry", "crosses", "entries", "feet_width"]

#: Points between marks of a row.
GAP = 12.0
#: Points that a line and its gradient need between marks, and how far the line is right of their middle.
GUTTER, RIGHT = 18.0, 3.0
#: Points between the lines that come to the foot of a mark from different states, and from the middle to the first.
APART, FOOT = 12.0, 5.0
#: How often lines are looked at again that are in the way of marks after these have moved.
ROUNDS = 4
#: How close to its corners a mark can be entered from below.
CORNER = 6.0

Pair = tuple[float, float]
#: What comes up, and the mark that it comes to.
Drop = tuple[str, int]


@dataclass(frozen=True)
class Arrangement:
    """Marks in rows: their sizes, the x of each but the inputs, the row of each, and the y of each row."""

    sizes: Sequence[tuple[float, float]]
    x: dict[int, float]
    rows: Mapping[int, int]
    heights: Sequence[float]


@dataclass(frozen=True)
class Entry:
    """The x at which a line comes up, and how far above the middle of the mark it enters from the side."""

    x: float
    rise: float = 0.0


@dataclass(frozen=True)
class Entries:
    """The x of every mark after all have moved, of every drop, and of every detour."""

    x: dict[int, float]
    drops: dict[Drop, Entry]
    detours: dict[tuple[int, int], float]


@dataclass
class _Strip:
    """A gutter from one row to another, both included."""

    middle: float
    first: int
    last: int


class _Room:
    """The marks and the gutters that have been given away; they move to the right together."""

    def __init__(self, given: Arrangement) -> None:
        self.sizes, self.rows = given.sizes, given.rows
        self.x = dict(given.x)
        self.strips: list[_Strip] = []

    def past(self, line: tuple[int, int]) -> _Strip:
        """A gutter for a line from a mark to one in a higher or lower row."""
        tail, head = (self.rows[end] for end in line)
        first, last = (tail + 1, head) if tail < head else (head, tail - 1)
        return self.reserve(line[1], first, last, line[0])

    def reserve(self, mark: int, first: int, last: int, start: int | None = None) -> _Strip:
        """A gutter through these rows, as near to a mark and to where the line starts as there is room."""
        own = self.rows[mark]
        taken = sorted(
            [self._sides(other) for other in self.x if first <= self.rows[other] <= last and other != mark]
            + [_around(strip) for strip in self.strips if strip.first <= last and first <= strip.last]
        )
        beside = [self._sides(other) for other in self.x if self.rows[other] == own and other != mark]
        beside += [_around(strip) for strip in self.strips if strip.first <= own <= strip.last]
        here = self.x[mark]
        there = here if start is None else self.x[start]
        low = max((right for _, right in beside if right <= here), default=float("-inf"))
        high = min((left for left, _ in beside if left >= here), default=float("inf"))
        gaps = _gaps(taken, low, high, here) or _gaps(taken, float("-inf"), float("inf"), here)
        middle, end = min(gaps, key=lambda gap: round(_cost(gap[0], gap[1], here, there), 3))
        missing = middle + GUTTER / 2 - end
        if missing > 0:
            self._move(end, missing)
        strip = _Strip(middle, first, last)
        self.strips.append(strip)
        return strip

    def _sides(self, mark: int) -> tuple[float, float]:
        half = self.sizes[mark][0] / 2
        return self.x[mark] - half, self.x[mark] + half

    def _move(self, start: float, by: float) -> None:
        """Everything whose middle is right of a place."""
        for mark, at in self.x.items():
            if at >= start:
                self.x[mark] = at + by
        for strip in self.strips:
            if strip.middle >= start:
                strip.middle += by


def _around(strip: _Strip) -> tuple[float, float]:
    return strip.middle - GUTTER / 2, strip.middle + GUTTER / 2


def _gaps(taken: Sequence[tuple[float, float]], low: float, high: float, here: float) -> list[tuple[float, float]]:
    """For each gap between what is taken: the middle of a gutter in it, and where the gap ends."""
    found = []
    start = float("-inf")
    for left, right in [*taken, (float("inf"), float("inf"))]:
        begin, end = max(start, low), min(left, high)
        if begin <= end and left >= start:
            nearest = min(max(here, begin + GUTTER / 2), max(end - GUTTER / 2, begin + GUTTER / 2))
            found.append((nearest, end))
        start = max(start, right)
    return found


def _cost(middle: float, end: float, here: float, there: float) -> float:
    """How far a gutter is from both ends of its line, and how far others have to move for it."""
    return abs(middle - here) + abs(middle - there) + 2 * max(middle + GUTTER / 2 - end, 0.0)


def entries(given: Arrangement, lines: Sequence[tuple[int, int]], drops: Sequence[Drop]) -> Entries:
    """A gutter for each line that needs one; marks of row 0 are entered from below without one."""
    blocked: list[tuple[int, int]] = []
    for _ in range(ROUNDS):
        found = _entries(given, blocked, drops)
        new = [line for line in lines if line not in blocked and _is_blocked(line, given, found.x)]
        if not new:
            break
        blocked += new
    return found


def _entries(given: Arrangement, blocked: Sequence[tuple[int, int]], drops: Sequence[Drop]) -> Entries:
    room = _Room(given)
    detours = {line: room.past(line) for line in blocked}
    wanted = sorted((drop for drop in drops if given.rows[drop[1]] > 0), key=lambda drop: given.rows[drop[1]])
    strips = {drop: room.reserve(drop[1], 0, given.rows[drop[1]]) for drop in wanted}
    found = {drop: Entry(strip.middle + RIGHT) for drop, strip in strips.items()}
    for mark in dict.fromkeys(mark for _, mark in drops):
        own = [drop for drop in drops if drop[1] == mark]
        if given.rows[mark] == 0:
            found |= _feet(own, room.x[mark])
        else:
            found |= _one_above_another(own, found, room, mark)
    return Entries(room.x, found, {line: strip.middle + RIGHT for line, strip in detours.items()})


def feet_width(states: int) -> float:
    """How wide a mark must be so that the lines of so many states come up at its foot."""
    return 2 * (FOOT + APART * (states - 1) + CORNER + 2)


def _feet(drops: Sequence[Drop], middle: float) -> dict[Drop, Entry]:
    """States come up left of the middle of a mark, inputs right of it."""
    states = [drop for drop in drops if not is_input(drop[0])]
    inputs = [drop for drop in drops if is_input(drop[0])]
    found = {drop: Entry(middle - FOOT - APART * i) for i, drop in enumerate(states)}
    return found | {drop: Entry(middle + FOOT + APART * i) for i, drop in enumerate(inputs)}


def _one_above_another(drops: Sequence[Drop], found: Mapping[Drop, Entry], room: _Room, mark: int) -> dict[Drop, Entry]:
    """What enters a mark from the same side: the nearest gutter lowest, so that no two cross."""
    half, moved = room.sizes[mark][0] / 2 - CORNER, {}
    for side in (1, -1):
        own = [drop for drop in drops if side * (found[drop].x - room.x[mark]) > half]
        own.sort(key=lambda drop: side * found[drop].x)
        for i, drop in enumerate(own):
            moved[drop] = Entry(found[drop].x, APART * (i - (len(own) - 1) / 2))
    return moved


def _is_blocked(line: tuple[int, int], given: Arrangement, x: Mapping[int, float]) -> bool:
    """Whether a line to another row would cross a mark; to the next row down there is a way round its corner."""
    tail, head = line
    if tail not in x or head not in x or given.rows[head] in (given.rows[tail], given.rows[tail] - 1):
        return False
    place = {mark: (x[mark], given.heights[given.rows[mark]]) for mark in x}
    return any(crosses(place[tail], place[head], place[mark], given.sizes[mark]) for mark in x if mark not in line)


def crosses(p: Pair, q: Pair, centre: Pair, box: Pair) -> bool:
    """Whether the piece from p to q comes within a box, or two points of it (slab by slab)."""
    reach, rise = box[0] / 2 + 2, box[1] / 2 + 2
    if not (min(p[0], q[0]) < centre[0] + reach and max(p[0], q[0]) > centre[0] - reach):
        return False
    if not (min(p[1], q[1]) < centre[1] + rise and max(p[1], q[1]) > centre[1] - rise):
        return False
    low, high = 0.0, 1.0
    for axis, extent in ((0, reach), (1, rise)):
        start, delta = p[axis], q[axis] - p[axis]
        if abs(delta) < 1e-9:
            if abs(start - centre[axis]) > extent:
                return False
            continue
        first, last = sorted(((centre[axis] - extent - start) / delta, (centre[axis] + extent - start) / delta))
        low, high = max(low, first), min(high, last)
    return low < high
