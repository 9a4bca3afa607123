"""The course of a line: points from border to border, a parallel beside it, and both as Graphviz wants them."""

from collections.abc import Sequence
from itertools import pairwise
from math import hypot

__all__ = ["Point", "beside", "clip", "spline"]

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
