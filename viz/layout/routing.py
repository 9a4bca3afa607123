"""Routes of edges between placed nodes: straight, along a track, through a channel, or by the bus."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import dist, hypot

from ..scene.picture import Edge, Node
from .channels import CORNER, Entry, crosses
from .placement import EXITS, HEAD, SIDE, TRACK, Box, Lane, Placement
from .step import BUS
from .timeline import is_handed_over, origin_of

__all__ = ["Point", "Surroundings", "beside", "clip", "route", "surroundings"]


Point = tuple[float, float]


def clip(points: Sequence[Point], start: tuple[float, float], end: tuple[float, float]) -> list[Point]:
    """Shorten a route between two centres so that it runs between the borders of boxes of the given sizes."""
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
    """The parallel route at a distance to the left of the direction of travel."""
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
    """The point where the two shifted pieces meet; never further off than at a right angle."""
    along = 1 + before[0] * after[0] + before[1] * after[1]
    scale = distance / max(along, 1.0)
    return p[0] + (before[0] + after[0]) * scale, p[1] + (before[1] + after[1]) * scale


#: How far edges keep from the nodes they pass, and from the middle of a node that others leave straight up.
CLEAR, OFF = 7.0, 10.0
#: How far above a state an edge to another lane turns to the side: over the number that stands there.
HANDED = 16.0
#: A edge that comes up nearer than this beside a node has no room to turn into its side.
TURN = 2.0
#: How far inside of a frame a state leaves it, and an edge to another lane.
STATE_EXIT, LANE_EXIT = SIDE - 10.0, 4.0


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The nodes of a frame, relative to its left end: one object for all steps that are alike."""

    boxes: tuple[Box, ...]


#: One object for equal boxes, so that what is known of it is found by identity.
_alike = lru_cache(maxsize=256)(Surroundings)


def surroundings(boxes: Iterable[Box]) -> tuple[float, Surroundings]:
    """The left end of a frame, and what stands in it."""
    inside = list(boxes)
    left = min((box.x for box in inside), default=0.0)
    return left, _alike(tuple(_moved(box, -left) for box in inside))


def _moved(box: Box, by: float) -> Box:
    """Rounded, so that equal steps stay equal wherever they are."""
    return Box(round(box.x + by, 4), box.y, box.width, box.height)


def route(
    edge: Edge, nodes: dict[str, Node], placement: Placement, around: tuple[float, Surroundings] | None = None
) -> list[Point]:
    """The points of the forward edge, from border to border.

    Parameters
    ----------
    edge : Edge
    nodes : dict
        All nodes by key.
    placement : Placement
    around : (float, Surroundings), optional
        What a straight edge must not cross, see `surroundings`.
    """
    tail, head = nodes[edge.tail], nodes[edge.head]
    a, b = placement.boxes[edge.tail], placement.boxes[edge.head]
    points = _between(tail, head, placement) or _straight_between(a, b, around or surroundings(()))
    return clip(points, (a.width, a.height), (b.width, b.height))


def _between(tail: Node, head: Node, placement: Placement) -> list[Point] | None:
    """The points from centre to centre; None if the edge stays inside of a frame and nothing is in its way."""
    a, b = placement.boxes[tail.key], placement.boxes[head.key]
    through_fold = _is_near(tail, head) and "fold" in (tail.kind, head.kind) and (tail.carried or head.carried)
    if (tail.key, head.key) in placement.cell_paths or through_fold:
        y = a.y if tail.carried else b.y
        return [(a.x, y), (b.x, y)]
    if head.step is None:
        return _to_outside(tail, head, placement)
    if (tail.key, head.key) in placement.detours:
        return _detour(a, b, *placement.detours[tail.key, head.key])
    if (tail.key, head.key) in placement.ports:
        below = _down(tail, head, placement)
        return [*below, *_up(placement.ports[tail.key, head.key], b, below[-1][1], head.key in placement.on_cell_paths)]
    if head.carried:
        return [*_leave(tail, a, b.y, placement, STATE_EXIT + placement.aside + _rank(head, placement)), (b.x, b.y)]
    if is_handed_over(tail, head):
        return _hand_over(tail, a, b, placement)
    if tail.step is None or tail.carried:
        return [(a.x, a.y), (b.x, b.y)]
    return [*_leave(tail, a, b.y, placement, _track(tail, placement)), (b.x, b.y)] if tail.lane != head.lane else None


def _hand_over(tail: Node, a: Box, b: Box, placement: Placement) -> list[Point]:
    """From a state to another lane: out of its upper or lower side, along the frame of its step, and in sideways."""
    up = 1 if b.y > a.y else -1
    towards_frame = -1 if placement.lanes[tail.lane].forward else 1
    out = a.x + towards_frame * (a.width / 2 - (CLEAR if towards_frame * up < 0 else 2))
    beside = a.x + towards_frame * (placement.between / 2 - CLEAR)
    gaps = (up * (y - a.y) for y in placement.lanes[tail.lane].states.values() if up * (y - a.y) > 0)
    level = a.y + up * (a.height / 2 + min(HANDED, min(gaps, default=HANDED + a.height) - a.height - CORNER))
    return [(out, a.y), (out, level), (beside, level), (beside, b.y), (b.x, b.y)]


def _rank(state: Node, placement: Placement) -> float:
    """States that are not on a cell path leave side by side, the lowest outermost."""
    lane = placement.lanes[state.lane]
    on_tracks = sorted(lane.on_tracks, key=lambda family: lane.tracks[family])
    return EXITS * on_tracks.index(state.family) if state.family in on_tracks else 0.0


def _track(tail: Node, placement: Placement) -> float:
    """The distance inside of its frame at which an edge to another lane goes up or down."""
    return LANE_EXIT + TRACK * placement.tracks.get(tail.key, 0)


def _is_near(tail: Node, head: Node) -> bool:
    return tail.lane == head.lane and tail.step is not None and head.step is not None and abs(tail.step - head.step) < 2


def _down(tail: Node, head: Node, placement: Placement) -> list[Point]:
    """From a node to the level under the rows on which its edge runs."""
    a = placement.boxes[tail.key]
    lane = placement.lanes[head.lane if tail.step is None else tail.lane]
    if origin_of(tail, head) == BUS:
        if tail.step is None:
            return _down_outside(a, lane.bus, placement)
        below = _down_beside(tail, a, lane.bus, lane, placement.between)
        return below if tail.lane == head.lane else [*below, *_to_other_bus(head, lane.bus, placement)]
    if tail.carried:
        return _down_beside(tail, a, lane.tracks[tail.family], lane, placement.between)
    return [(a.x, a.y), (a.x, a.y + a.height / 2 + 2 * CLEAR)]


def _to_other_bus(head: Node, level: float, placement: Placement) -> list[Point]:
    """From the bus of one lane to that of another, beside the frame of the step where the edge is needed."""
    left, right = placement.columns[head.step or 0]
    lane = placement.lanes[head.lane]
    x = left - OFF if lane.forward else right + OFF
    return [(x, level), (x, lane.bus)]


def _down_outside(a: Box, level: float, placement: Placement) -> list[Point]:
    """Straight down, or beside what else stands to the left of the steps, or above its row."""
    others = [box for box in placement.boxes.values() if box.x < 0]
    over = a.y + a.height / 2 + OFF
    down = [(a.x, a.y), (a.x, level)]
    if _is_free([*down, (0.0, level)], others, (a, a)):
        return down
    beside = [(a.x, a.y), (0.0, a.y), (0.0, level)]
    return beside if _is_free(beside, others, (a, a)) else [(a.x, a.y), (a.x, over), (0.0, over), (0.0, level)]


def _down_beside(tail: Node, a: Box, level: float, lane: Lane, between: float) -> list[Point]:
    """Straight down, or beside the states of other families that stand there."""
    if abs(a.y - level) < 1:
        return [(a.x, a.y)]
    others = (y for family, y in lane.states.items() if family != tail.family)
    if tail.carried and any(level - CLEAR < y < a.y for y in others):
        beside = a.x + (1 if lane.forward else -1) * (between / 2 - CLEAR)
        return [(a.x, a.y - CLEAR), (beside, a.y - CLEAR), (beside, level)]
    return [(a.x, a.y), (a.x, level)]


def _up(entry: Entry, b: Box, level: float, on_cell_path: bool) -> list[Point]:
    """Up to a node: into its foot, or through a channel beside it and in from the side."""
    outside = abs(entry.x - b.x) - b.width / 2
    if outside <= -CORNER:
        return [(entry.x, level), (entry.x, b.y)]
    if outside < TURN:  # round the corner, into the foot
        under = b.y - b.height / 2 - CLEAR
        foot = b.x + (1 if entry.x > b.x else -1) * (b.width / 2 - CORNER)
        return [(entry.x, level), (entry.x, under), (foot, under), (foot, b.y)]
    if on_cell_path:
        under = b.y - b.height / 2 - 2 * CLEAR
        return [(entry.x, level), (entry.x, under), (b.x, under), (b.x, b.y)]
    return [(entry.x, level), (entry.x, b.y + entry.rise), (b.x, b.y + entry.rise)]


def _detour(a: Box, b: Box, x: float, level: float) -> list[Point]:
    """Up out of a node, along the free space above its row, through a channel, and in from the side or from below."""
    out = a.x + (_aside(a) if x > a.x else -_aside(a))
    return [(out, a.y), (out, level), *_up(Entry(x), b, level, on_cell_path=False)]


def _aside(a: Box) -> float:
    """The distance from the middle at which an edge leaves a node upwards or down, beside one that leaves straight."""
    return min(OFF, a.width / 2 - CORNER)


def _leave(tail: Node, a: Box, to: float, placement: Placement, inside: float) -> list[Point]:
    """Out of a step at its side, sideways or from above a row, and along the inside of its frame to a level."""
    left, right = placement.columns[tail.step or 0]
    margin = right - inside if placement.lanes[tail.lane].forward else left + inside
    over = a.y + max(HEAD / 2, a.height / 2 + OFF) if tail.key in placement.on_cell_paths else None
    level = placement.exits.get(tail.key, over)
    out = a.x + (_aside(a) if margin > a.x else -_aside(a))
    start = [(a.x, a.y)] if level is None else [(out, a.y), (out, level)]
    return [*start, (margin, start[-1][1]), (margin, to)]


def _to_outside(tail: Node, head: Node, placement: Placement) -> list[Point] | None:
    """To what is outside of time: by the bus, if it is not next to it."""
    a, b = placement.boxes[tail.key], placement.boxes[head.key]
    last = max((right for _, right in placement.columns.values()), default=0.0)
    if tail.step is None:
        return None
    after = (box for box in placement.boxes.values() if box.x > a.x and box != b)
    if tail.carried and a.x > last and not any(_crosses((a.x, a.y), (b.x, b.y), box) for box in after):
        return [(a.x, a.y), (b.x, b.y)]
    lane = placement.lanes[tail.lane]
    if tail.carried:
        start = _down_beside(tail, a, lane.bus, lane, placement.between)
    else:
        start = _leave(tail, a, lane.bus, placement, _track(tail, placement))
    below = placement.outside - (1 if placement.upwards else -1) * (b.height / 2 + 2 * CLEAR)
    start += [(placement.after, lane.bus), (placement.after, below)]
    return [*start, *_up(placement.ports.get((tail.key, head.key), Entry(b.x)), b, below, on_cell_path=False)]


def _straight_between(a: Box, b: Box, around: tuple[float, Surroundings]) -> list[Point]:
    """The route that was found in the first step like this one, moved here."""
    left, frame = around
    return [(x + left, y) for x, y in _found(_moved(a, -left), _moved(b, -left), frame)]


@lru_cache(maxsize=4096)
def _found(a: Box, b: Box, frame: Surroundings) -> tuple[Point, ...]:
    return tuple(_straight(a, b, list(frame.boxes)))


def _straight(a: Box, b: Box, around: list[Box]) -> list[Point]:
    """Straight, or by the shortest way round the first thing that would be crossed."""
    start, end = (a.x, a.y), (b.x, b.y)
    hit = next((box for box in around if box not in (a, b) and _crosses(start, end, box)), None)
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


def _is_free(points: list[Point], around: list[Box], ends: tuple[Box, Box]) -> bool:
    """True if a route meets nothing but its ends."""
    return not any(_crosses(p, q, box) for p, q in pairwise(points) for box in around if box not in ends)


def _crosses(p: Point, q: Point, box: Box) -> bool:
    return crosses(p, q, (box.x, box.y), (box.width, box.height))
