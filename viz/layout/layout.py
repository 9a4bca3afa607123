"""The finished layout of a picture in time: a box for each node, nested frames, and a route for each edge."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..scene.labels import printable
from ..scene.picture import Frames, Node, Picture, Scope, frames_of
from .placement import SIDE, Box, Placement, place
from .routing import Point, Surroundings, beside, route, surroundings
from .timeline import is_handed_over, timeline

__all__ = ["Bounds", "Frame", "Layout", "Route", "lay_out", "neighbours", "routes_of"]

#: Left, lower, right and upper end.
Bounds = tuple[float, float, float, float]

#: Points between an edge and its gradient.
APART = 5.0
#: Points between a frame and what it is drawn round.
_PAD = 9.0
#: Points that the middle of the legend stands right of the drawing's left end, about half its width, and below it.
_LEGEND = (390.0, 34.0)
#: Points from a frame's left end to its title, where all lanes run to the right and where states leave on the left;
#: from the top to the title's middle; half the width of a character in it.
_TITLE, _TITLE_ASIDE, _TITLE_DROP, _HALF_LETTER = 10.0, 30.0, 11.0, 3.2
#: Points from a state's upper end to the number over it.
_NUMBER = 6.0
#: Points that the number is moved away from an edge to another lane.
_ASIDE = 8.0


@dataclass(frozen=True)
class Frame:
    """The frame round the nodes of a scope, and the frames in it.

    Attributes
    ----------
    scope : tuple of str
    number : int
        The same for the same picture.
    bounds : (left, lower, right, upper)
    title : str
    title_at : (x, y)
        The middle of the title.
    nodes : tuple of Node
        Those that stand in the frame itself.
    children : tuple of Frame
    """

    scope: Scope
    number: int
    bounds: Bounds
    title: str
    title_at: Point
    nodes: tuple[Node, ...]
    children: tuple["Frame", ...]


@dataclass(frozen=True)
class Route:
    """The corners of an edge from border to border, and those of its gradient in the other direction.

    Attributes
    ----------
    forward, back : tuple of (x, y)
    on_cell_path : bool
        A state passes straight through a step on it.
    """

    forward: tuple[Point, ...]
    back: tuple[Point, ...]
    on_cell_path: bool


@dataclass(frozen=True)
class Layout:
    """All that a renderer prints, in points; y runs upwards.

    Attributes
    ----------
    boxes : mapping
        Centre and size of each node, by its key.
    frames : tuple of Frame
        The outermost ones.
    outside : tuple of Node
        The nodes in no frame.
    routes : tuple of Route
        One for each edge of the picture, in its order.
    numbers : mapping
        The place of the norm over each state, by its key.
    legend : (x, y)
    """

    boxes: Mapping[str, Box]
    frames: tuple[Frame, ...]
    outside: tuple[Node, ...]
    routes: tuple[Route, ...]
    numbers: Mapping[str, Point]
    legend: Point


def lay_out(picture: Picture) -> Layout:
    """Give every node, frame and edge of a picture in time its place."""
    time = timeline(picture)
    placement = place(time)
    aside = {edge.tail for edge in picture.edges if is_handed_over(time.nodes[edge.tail], time.nodes[edge.head])}
    return Layout(
        placement.boxes,
        _frames(picture.nodes, placement),
        tuple(node for node in picture.nodes if node.scope == () or node.carried),
        routes_of(picture, placement),
        {node.key: _number(node, placement, node.key in aside) for node in picture.nodes if node.carried},
        _legend(placement),
    )


def routes_of(picture: Picture, placement: Placement) -> tuple[Route, ...]:
    """The route of every edge, in the order of the edges."""
    nodes = {node.key: node for node in picture.nodes}
    frames = neighbours(picture.nodes, placement)
    found = []
    for edge in picture.edges:
        points = route(edge, nodes, placement, frames.get(nodes[edge.tail].scope))
        back = beside(points, APART)[::-1] if edge.share is not None else []
        found.append(Route(tuple(points), tuple(back), (edge.tail, edge.head) in placement.cell_paths))
    return tuple(found)


def neighbours(nodes: Iterable[Node], placement: Placement) -> dict[Scope, tuple[float, Surroundings]]:
    """The nodes of each frame, which edges inside of it must not cross."""
    found: dict[Scope, list[Box]] = {}
    for node in nodes:
        if not node.carried:
            found.setdefault(node.scope, []).append(placement.boxes[node.key])
    return {scope: surroundings(boxes) for scope, boxes in found.items()}


def _number(state: Node, placement: Placement, aside: bool) -> Point:
    """The place of the norm of what flows back into a state: over it, beside an edge that leaves it upwards."""
    box = placement.boxes[state.key]
    by = _ASIDE if placement.lanes[state.lane].forward else -_ASIDE
    return box.x + (by if aside else 0.0), box.y + box.height / 2 + _NUMBER


def _frames(nodes: tuple[Node, ...], placement: Placement) -> tuple[Frame, ...]:
    """Nested frames round the nodes of each scope; states stand between them."""
    frames = frames_of(node for node in nodes if node.scope and not node.carried)
    return tuple(_frame(scope, frames, placement) for scope in frames.children.get((), []))


def _frame(scope: Scope, frames: Frames, placement: Placement) -> Frame:
    """A frame round its nodes, or round the frames in it."""
    own = frames.inside.get(scope, [])
    children = tuple(_frame(child, frames, placement) for child in frames.children.get(scope, []))
    parts = [_round(own, placement)] if own else []
    parts += [_padded(child.bounds) for child in children]
    lefts, lowers, rights, uppers = zip(*parts, strict=True)
    bounds = (min(lefts), min(lowers), max(rights), max(uppers))
    title = printable(scope[-1], 40)
    title_at = (_title_middle(own, bounds, _HALF_LETTER * len(title), placement), bounds[3] - _TITLE_DROP)
    return Frame(scope, frames.numbers[scope], bounds, title, title_at, tuple(own), children)


def _padded(bounds: Bounds) -> Bounds:
    """With room around, and for a title above."""
    left, lower, right, upper = bounds
    return left - _PAD, lower - _PAD, right + _PAD, upper + 2 * _PAD


def _title_middle(own: list[Node], bounds: Bounds, half: float, placement: Placement) -> float:
    """The middle of a frame's title: not where edges leave lanes that run to the left."""
    lane = placement.lanes.get(own[0].lane) if own and own[0].step is not None else None
    if lane is not None and not lane.forward:
        return bounds[2] - SIDE - placement.aside - half
    return bounds[0] + (_TITLE if all(lane.forward for lane in placement.lanes.values()) else _TITLE_ASIDE) + half


def _round(nodes: list[Node], placement: Placement) -> Bounds:
    """The column of a step in its lane; round the nodes themselves outside of time."""
    step, lane = nodes[0].step, placement.lanes.get(nodes[0].lane)
    if step is not None and lane is not None:
        left, right = placement.columns[step]
        return left, lane.bottom, right, lane.top
    boxes = [placement.boxes[node.key] for node in nodes]
    return _padded(
        (
            min(box.x - box.width / 2 for box in boxes),
            min(box.y - box.height / 2 for box in boxes),
            max(box.x + box.width / 2 for box in boxes),
            max(box.y + box.height / 2 for box in boxes),
        )
    )


def _legend(placement: Placement) -> Point:
    """Under the left end of the drawing."""
    floor = min((box.y - box.height / 2 for box in placement.boxes.values()), default=0.0)
    floor = min([floor, *(lane.bottom for lane in placement.lanes.values())])
    left = min((box.x for box in placement.boxes.values()), default=0.0)
    right, down = _LEGEND
    return left + right, floor - down
