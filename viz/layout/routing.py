"""Which way a line takes through the strip: straight, along a rail, through a gutter, or by the bus."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import dist, hypot

from ..scene.picture import Line, Mark
from .channels import CORNER, Entry, crosses
from .placement import EXITS, HEAD, SIDE, TRUNK, Lane, Spot, Strip
from .step import BUS
from .timeline import drop_of, is_handed_over

__all__ = ["Point", "Surroundings", "beside", "clip", "course", "spline", "surroundings"]


Point = tuple[float, float]
#: The length of an arrow's head at arrowsize 1.
_ARROW = 10.0


def clip(points: Sequence[Point], start: tuple[float, float], end: tuple[float, float]) -> list[Point]:
    """Shorten a course between two centres so that it runs between the borders of boxes of the given sizes."""
    first = _border(points[0], points[1], start)
    last = _border(points[-1], points[-2], end)
    return [first, *points[1:-1], last]


def _border(centre: Point, towards: Point, size: tuple[float, float]) -> Point:
    dx, dy = towards[0] - centre[0], towards[1] - centre[1]
    if dx == dy == 0:
        return centre
    reach = min(size[0] / 2 / abs(dx) if dx else float("inf"), size[1] / 2 / abs(dy) if dy else float("inf"))
    reach = min(reach, 0.5)
    return centre[0] + dx * reach, centre[1] + dy * reach


def beside(points: Sequence[Point], distance: float) -> list[Point]:
    """The parallel course at a distance to the left of the direction of travel."""
    kept = [points[0], *(b for a, b in pairwise(points) if hypot(b[0] - a[0], b[1] - a[1]) > 1e-9)]
    if len(kept) < 2:
        return list(points)
    normals = [_normal(a, b) for a, b in pairwise(kept)]
    moved = [_shift(kept[0], normals[0], distance)]
    for i in range(1, len(kept) - 1):
        moved.append(_corner(kept[i], normals[i - 1], normals[i], distance))
    return [*moved, _shift(kept[-1], normals[-1], distance)]


def _normal(a: Point, b: Point) -> Point:
    length = hypot(b[0] - a[0], b[1] - a[1])
    return (a[1] - b[1]) / length, (b[0] - a[0]) / length


def _shift(p: Point, normal: Point, distance: float) -> Point:
    return p[0] + normal[0] * distance, p[1] + normal[1] * distance


def _corner(p: Point, before: Point, after: Point, distance: float) -> Point:
    """Where the two shifted pieces meet; never further off than at a right angle."""
    along = 1 + before[0] * after[0] + before[1] * after[1]
    scale = distance / max(along, 1.0)
    return p[0] + (before[0] + after[0]) * scale, p[1] + (before[1] + after[1]) * scale


def spline(points: Sequence[Point], arrowsize: float) -> str:
    """A course of straight pieces as the `pos` of an edge, with an arrow at its end."""
    (ax, ay), (bx, by) = points[-2], points[-1]
    length = hypot(bx - ax, by - ay)
    head = min(_ARROW * arrowsize, 0.7 * length)
    base = (bx + (ax - bx) * head / length, by + (ay - by) * head / length) if length else (bx, by)
    corners = [*points[:-1], base]
    controls = [corners[0]]
    for (px, py), (qx, qy) in pairwise(corners):
        controls += [
            (px + (qx - px) / 3, py + (qy - py) / 3),
            (px + (qx - px) * 2 / 3, py + (qy - py) * 2 / 3),
            (qx, qy),
        ]
    pairs = " ".join([f"{x:.1f},{y:.1f}" for x, y in controls])
    return f"e,{bx:.1f},{by:.1f} {pairs}".replace("-0.0", "0.0")


#: How far lines keep from the marks they pass, and from the middle of a mark that others leave straight up.
CLEAR, OFF = 7.0, 10.0
#: How far above a state a line to another lane turns to the side: over the number that stands there.
HANDED = 16.0
#: A line that comes up nearer than this beside a mark has no room to turn into its side.
TURN = 2.0
#: How far inside of a frame a state leaves it, and a line to another lane.
STATE_EXIT, LANE_EXIT = SIDE - 10.0, 4.0


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
    return Spot(round(spot.x + by, 4), spot.y, spot.width, spot.height)


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
    points = _between(tail, head, strip) or _straight_between(a, b, around or surroundings(()))
    return clip(points, (a.width, a.height), (b.width, b.height))


def _between(tail: Mark, head: Mark, strip: Strip) -> list[Point] | None:
    """The points from centre to centre; None if the line stays inside of a frame and nothing is in its way."""
    a, b = strip.spots[tail.key], strip.spots[head.key]
    through_fold = _is_near(tail, head) and "fold" in (tail.kind, head.kind) and (tail.carried or head.carried)
    if (tail.key, head.key) in strip.highways or through_fold:
        y = a.y if tail.carried else b.y
        return [(a.x, y), (b.x, y)]
    if head.step is None:
        return _to_outside(tail, head, strip)
    if (tail.key, head.key) in strip.detours:
        return _detour(a, b, *strip.detours[tail.key, head.key])
    if (tail.key, head.key) in strip.drops:
        below = _down(tail, head, strip)
        return [*below, *_up(strip.drops[tail.key, head.key], b, below[-1][1], head.key in strip.on_highways)]
    if head.carried:
        return [*_leave(tail, a, b.y, strip, STATE_EXIT + strip.aside + _rank(head, strip)), (b.x, b.y)]
    if is_handed_over(tail, head):
        return _hand_over(tail, a, b, strip)
    if tail.step is None or tail.carried:
        return [(a.x, a.y), (b.x, b.y)]
    return [*_leave(tail, a, b.y, strip, _trunk(tail, strip)), (b.x, b.y)] if tail.lane != head.lane else None


def _hand_over(tail: Mark, a: Spot, b: Spot, strip: Strip) -> list[Point]:
    """From a state to another lane: out of its upper or lower side, along the frame of its step, and in sideways."""
    up = 1 if b.y > a.y else -1
    towards_frame = -1 if strip.lanes[tail.lane].forward else 1
    out = a.x + towards_frame * (a.width / 2 - (CLEAR if towards_frame * up < 0 else 2))
    beside = a.x + towards_frame * (strip.between / 2 - CLEAR)
    gaps = (up * (y - a.y) for y in strip.lanes[tail.lane].states.values() if up * (y - a.y) > 0)
    level = a.y + up * (a.height / 2 + min(HANDED, min(gaps, default=HANDED + a.height) - a.height - CORNER))
    return [(out, a.y), (out, level), (beside, level), (beside, b.y), (b.x, b.y)]


def _rank(state: Mark, strip: Strip) -> float:
    """States that are not on a highway leave side by side, the lowest outermost."""
    lane = strip.lanes[state.lane]
    on_rails = sorted(lane.on_rails, key=lambda family: lane.rails[family])
    return EXITS * on_rails.index(state.family) if state.family in on_rails else 0.0


def _trunk(tail: Mark, strip: Strip) -> float:
    """How far inside of its frame a line to another lane goes up or down."""
    return LANE_EXIT + TRUNK * strip.trunks.get(tail.key, 0)


def _is_near(tail: Mark, head: Mark) -> bool:
    return tail.lane == head.lane and tail.step is not None and head.step is not None and abs(tail.step - head.step) < 2


def _down(tail: Mark, head: Mark, strip: Strip) -> list[Point]:
    """From a mark to the level under the rows on which its line runs."""
    a = strip.spots[tail.key]
    lane = strip.lanes[head.lane if tail.step is None else tail.lane]
    if drop_of(tail, head) == BUS:
        if tail.step is None:
            return _down_outside(a, lane.bus, strip)
        below = _down_beside(tail, a, lane.bus, lane, strip.between)
        return below if tail.lane == head.lane else [*below, *_to_other_bus(head, lane.bus, strip)]
    if tail.carried:
        return _down_beside(tail, a, lane.rails[tail.family], lane, strip.between)
    return [(a.x, a.y), (a.x, a.y + a.height / 2 + 2 * CLEAR)]


def _to_other_bus(head: Mark, level: float, strip: Strip) -> list[Point]:
    """From the bus of one lane to that of another, beside the frame of the step where the line is needed."""
    left, right = strip.columns[head.step or 0]
    lane = strip.lanes[head.lane]
    x = left - OFF if lane.forward else right + OFF
    return [(x, level), (x, lane.bus)]


def _down_outside(a: Spot, level: float, strip: Strip) -> list[Point]:
    """Straight down, or beside what else stands to the left of the steps, or above its row."""
    others = [spot for spot in strip.spots.values() if spot.x < 0]
    over = a.y + a.height / 2 + OFF
    down = [(a.x, a.y), (a.x, level)]
    if _is_free([*down, (0.0, level)], others, (a, a)):
        return down
    beside = [(a.x, a.y), (0.0, a.y), (0.0, level)]
    return beside if _is_free(beside, others, (a, a)) else [(a.x, a.y), (a.x, over), (0.0, over), (0.0, level)]


def _down_beside(tail: Mark, a: Spot, level: float, lane: Lane, between: float) -> list[Point]:
    """Straight down, or beside the states of other families that stand there."""
    if abs(a.y - level) < 1:
        return [(a.x, a.y)]
    others = (y for family, y in lane.states.items() if family != tail.family)
    if tail.carried and any(level - CLEAR < y < a.y for y in others):
        beside = a.x + (1 if lane.forward else -1) * (between / 2 - CLEAR)
        return [(a.x, a.y - CLEAR), (beside, a.y - CLEAR), (beside, level)]
    return [(a.x, a.y), (a.x, level)]


def _up(entry: Entry, b: Spot, level: float, on_highway: bool) -> list[Point]:
    """Up to a mark: into its foot, or through a gutter beside it and in from the side."""
    outside = abs(entry.x - b.x) - b.width / 2
    if outside <= -CORNER:
        return [(entry.x, level), (entry.x, b.y)]
    if outside < TURN:  # round the corner, into the foot
        under = b.y - b.height / 2 - CLEAR
        foot = b.x + (1 if entry.x > b.x else -1) * (b.width / 2 - CORNER)
        return [(entry.x, level), (entry.x, under), (foot, under), (foot, b.y)]
    if on_highway:
        under = b.y - b.height / 2 - 2 * CLEAR
        return [(entry.x, level), (entry.x, under), (b.x, under), (b.x, b.y)]
    return [(entry.x, level), (entry.x, b.y + entry.rise), (b.x, b.y + entry.rise)]


def _detour(a: Spot, b: Spot, x: float, level: float) -> list[Point]:
    """Up out of a mark, along the free space above its row, through a gutter, and in from the side or from below."""
    out = a.x + (_aside(a) if x > a.x else -_aside(a))
    return [(out, a.y), (out, level), *_up(Entry(x), b, level, on_highway=False)]


def _aside(a: Spot) -> float:
    """How far from its middle a line leaves a mark upwards or down, beside another that leaves straight."""
    return min(OFF, a.width / 2 - CORNER)


def _leave(tail: Mark, a: Spot, to: float, strip: Strip, inside: float) -> list[Point]:
    """Out of a step at its side, sideways or from above a row, and along the inside of its frame to a level."""
    left, right = strip.columns[tail.step or 0]
    margin = right - inside if strip.lanes[tail.lane].forward else left + inside
    over = a.y + max(HEAD / 2, a.height / 2 + OFF) if tail.key in strip.on_highways else None
    level = strip.exits.get(tail.key, over)
    out = a.x + (_aside(a) if margin > a.x else -_aside(a))
    start = [(a.x, a.y)] if level is None else [(out, a.y), (out, level)]
    return [*start, (margin, start[-1][1]), (margin, to)]


def _to_outside(tail: Mark, head: Mark, strip: Strip) -> list[Point] | None:
    """To what is outside of time: by the bus, if it is not next to it."""
    a, b = strip.spots[tail.key], strip.spots[head.key]
    last = max((right for _, right in strip.columns.values()), default=0.0)
    if tail.step is None:
        return None
    after = (spot for spot in strip.spots.values() if spot.x > a.x and spot != b)
    if tail.carried and a.x > last and not any(_crosses((a.x, a.y), (b.x, b.y), spot) for spot in after):
        return [(a.x, a.y), (b.x, b.y)]
    lane = strip.lanes[tail.lane]
    if tail.carried:
        start = _down_beside(tail, a, lane.bus, lane, strip.between)
    else:
        start = _leave(tail, a, lane.bus, strip, _trunk(tail, strip))
    below = strip.outside - (1 if strip.upwards else -1) * (b.height / 2 + 2 * CLEAR)
    start += [(strip.after, lane.bus), (strip.after, below)]
    return [*start, *_up(strip.drops.get((tail.key, head.key), Entry(b.x)), b, below, on_highway=False)]


def _straight_between(a: Spot, b: Spot, around: tuple[float, Surroundings]) -> list[Point]:
    """The course that was found in the first step like this one, moved here."""
    left, frame = around
    return [(x + left, y) for x, y in _found(_moved(a, -left), _moved(b, -left), frame)]


@lru_cache(maxsize=4096)
def _found(a: Spot, b: Spot, frame: Surroundings) -> tuple[Point, ...]:
    return tuple(_straight(a, b, list(frame.spots)))


def _straight(a: Spot, b: Spot, around: list[Spot]) -> list[Point]:
    """Straight, or by the shortest way round the first thing that would be crossed."""
    start, end = (a.x, a.y), (b.x, b.y)
    hit = next((spot for spot in around if spot not in (a, b) and _crosses(start, end, spot)), None)
    if hit is None:
        return [start, end]
    across, up = hit.width / 2 + CLEAR, hit.height / 2 + CLEAR
    sides = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)]
    corners = [(hit.x + i * across, hit.y + j * up) for i, j in sides]
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
    return crosses(p, q, (spot.x, spot.y), (spot.width, spot.height))
