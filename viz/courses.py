"""Which way a line takes through the strip: straight, along a rail, through a gutter, or by the bus."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import dist

from .blocks import GAP
from .picture import Line, Mark
from .strip import SIDE, Lane, Spot, Strip
from .wires import Point, clip

__all__ = ["Surroundings", "course", "surroundings"]

#: How far lines keep from the marks they pass, and from each other at the foot of a mark.
CLEAR, FOOT = 7.0, 5.0


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What stands in a frame, as seen from its left end: one object for all steps that are alike."""

    spots: tuple[Spot, ...]


#: One object for equal spots, so that what is known of it is found by identity.
_alike = lru_cache(maxsize=256)(Surroundings)


def surroundings(spots: Iterable[Spot]) -> tuple[float, Surroundings]:
    """The left end of a frame, and what stands in it."""
    inside = list(spots)
    left = min((spot.x for spot in inside), default=0.0)
    return left, _alike(tuple(_moved(spot, -left) for spot in inside))


def _moved(spot: Spot, by: float) -> Spot:
    """Rounded, so that equal steps stay equal wherever they are."""
    return Spot(round(spot.x + by, 4), spot.y, spot.width, spot.height, spot.low)


def course(
    line: Line, marks: dict[str, Mark], strip: Strip, around: tuple[float, Surroundings] | None = None
) -> list[Point]:
    """The points of the forward line, from border to border.

    Parameters
    ----------
    line : Line
    marks : dict
        All marks by key.
    strip : Strip
    around : (float, Surroundings), optional
        What a straight line must not cross, see `surroundings`.
    """
    tail, head = marks[line.tail], marks[line.head]
    a, b = strip.spots[line.tail], strip.spots[line.head]
    points = _between(tail, head, a, b, strip, around or surroundings(()))
    return clip(points, (a.width, a.height), (b.width, b.height))


def _between(tail: Mark, head: Mark, a: Spot, b: Spot, strip: Strip, around: tuple[float, Surroundings]) -> list[Point]:
    start, end = (a.x, a.y), (b.x, b.y)
    through_fold = (tail.carried and head.kind == "fold") or (head.carried and tail.kind == "fold")
    if (tail.key, head.key) in strip.highways or through_fold:
        y = a.y if tail.carried else b.y
        return [(a.x, y), (b.x, y)]
    if tail.step is None or head.step is None:
        return _outside(tail, a, b, strip)
    lane = strip.lanes[head.lane]
    if head.carried:
        margin = _margin(strip, tail, lane)
        return [start, (margin, a.y), (margin, b.y), end]
    if tail.carried:
        near = tail.lane == head.lane and abs(tail.step - head.step) == 1
        level = lane.rails[tail.family] if near else strip.lanes[tail.lane].bus
        return _repeated(a, b, around, level, -1 if lane.forward else 1)
    if tail.lane != head.lane:
        margin = _margin(strip, tail, strip.lanes[tail.lane]) + (CLEAR if lane.forward else -CLEAR)
        return [start, (margin, a.y), (margin, b.y), end]
    if tail.kind == "input" and head.kind != "input":
        return _repeated(a, b, around, a.y + a.height / 2 + 2 * CLEAR, 1)
    return _repeated(a, b, around)


def _repeated(
    a: Spot, b: Spot, around: tuple[float, Surroundings], level: float | None = None, side: int = 0
) -> list[Point]:
    """The course that was found in the first step like this one, moved here."""
    left, frame = around
    points = _found(_moved(a, -left), _moved(b, -left), frame, level, side)
    return [(x + left, y) for x, y in points]


@lru_cache(maxsize=4096)
def _found(a: Spot, b: Spot, frame: Surroundings, level: float | None, side: int) -> tuple[Point, ...]:
    """Under the marks if there is a level for it, else straight."""
    around = list(frame.spots)
    return tuple(_straight(a, b, around) if level is None else _from_below(a, b, level, side, around))


def _margin(strip: Strip, mark: Mark, lane: Lane) -> float:
    """The x at which lines leave a frame, just inside of it."""
    left, right = strip.columns[mark.step or 0]
    return right - SIDE / 2 if lane.forward else left + SIDE / 2


def _from_below(a: Spot, b: Spot, level: float, side: int, around: list[Spot]) -> list[Point]:
    """Along a level under the marks, then up: into the foot of a low mark, or through a free gutter beside it."""
    start = [(a.x, a.y)] if abs(a.y - level) < 1 else [(a.x, a.y), (a.x, level)]
    if b.low:
        foot = b.x + side * FOOT
        return [*start, (foot, level), (foot, b.y)]
    edges = [(spot.x, spot.width / 2 + GAP / 2) for spot in around if spot not in (a, b)]
    gutters = [x + way * reach for x, reach in [(b.x, b.width / 2 + CLEAR), *edges] for way in (side, -side)]
    gutters.sort(key=lambda x: round(abs(x - b.x), 1))
    ways = ([(x, level), (x, b.y), (b.x, b.y)] for x in gutters)
    gutter = next((way[0][0] for way in ways if _is_free(way, around, (a, b))), gutters[0])
    return [*start, (gutter, level), (gutter, b.y), (b.x, b.y)]


def _outside(tail: Mark, a: Spot, b: Spot, strip: Strip) -> list[Point]:
    """To or from what is outside of time: straight if it is next to it, else by the bus."""
    last = max((right for _, right in strip.columns.values()), default=0.0)
    if tail.step is None or (tail.carried and a.x > last):
        return [(a.x, a.y), (b.x, b.y)]
    bus = strip.lanes[tail.lane].bus
    start = [(a.x, a.y), (a.x, bus)]
    if abs(b.y - bus) < 1 or b.x < strip.after:
        return [*start, (b.x, bus), (b.x, b.y)] if abs(b.y - bus) >= 1 else [*start, (b.x, b.y)]
    return [*start, (strip.after, bus), (strip.after, b.y - FOOT), (b.x, b.y)]


def _straight(a: Spot, b: Spot, around: list[Spot]) -> list[Point]:
    """Straight, or by the shortest way round the first thing that would be crossed."""
    start, end = (a.x, a.y), (b.x, b.y)
    hit = next((spot for spot in around if spot not in (a, b) and _crosses(start, end, spot)), None)
    if hit is None:
        return [start, end]
    across, up = hit.width / 2 + CLEAR, hit.height / 2 + CLEAR
    corners = [(hit.x + across, hit.y), (hit.x - across, hit.y), (hit.x, hit.y + up), (hit.x, hit.y - up)]
    ways: list[list[Point]] = [[start, corner, end] for corner in corners]
    between = [s for s in around if s not in (a, b) and min(a.y, b.y) < s.y < max(a.y, b.y)]
    for x in (
        max((s.x + s.width / 2 for s in between), default=0.0) + CLEAR,
        min((s.x - s.width / 2 for s in between), default=0.0) - CLEAR,
    ):
        ways += [[start, (x, a.y), end], [start, (x, b.y), end]]
    ways.append([start, (a.x, b.y), end])
    ways.sort(key=lambda way: round(sum(dist(p, q) for p, q in pairwise(way)), 1))
    return next((way for way in ways if _is_free(way, around, (a, b))), ways[0])


def _is_free(points: list[Point], around: list[Spot], ends: tuple[Spot, Spot]) -> bool:
    """Whether a course meets nothing but its ends."""
    return not any(_crosses(p, q, spot) for p, q in pairwise(points) for spot in around if spot not in ends)


def _crosses(p: Point, q: Point, spot: Spot) -> bool:
    """Whether the piece from p to q comes within the box of a mark (slab by slab)."""
    reach, rise = spot.width / 2 + 2, spot.height / 2 + 2
    if not (min(p[0], q[0]) < spot.x + reach and max(p[0], q[0]) > spot.x - reach):
        return False
    if not (min(p[1], q[1]) < spot.y + rise and max(p[1], q[1]) > spot.y - rise):
        return False
    low, high = 0.0, 1.0
    for start, delta, centre, extent in (
        (p[0], q[0] - p[0], spot.x, reach),
        (p[1], q[1] - p[1], spot.y, rise),
    ):
        if abs(delta) < 1e-9:
            if abs(start - centre) > extent:
                return False
            continue
        first, last = sorted(((centre - extent - start) / delta, (centre + extent - start) / delta))
        low, high = max(low, first), min(high, last)
    return low < high
