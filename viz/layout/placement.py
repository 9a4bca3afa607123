"""Time from left to right: a column for each step, a lane for each layer or direction, states in between.

The place of every node follows from its step and from the arrangement of one step, so the work grows
linearly with the number of steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count
from typing import Protocol

from ..scene.picture import Node
from .channels import GAP, Entry
from .sizes import size
from .step import BUS, Port, StepBlock
from .step_layout import Shape, arrange
from .timeline import CellPaths, LaneKey, Timeline, block_of, find_cell_paths, origin_of

__all__ = ["EXITS", "HEAD", "SIDE", "TRACK", "Box", "Lane", "Placement", "lanes_of", "place", "tracks_of"]


#: Points from row 0 down to the first track, between tracks, between tracks with nodes on them, and to the inputs.
TRACK_DEPTH, TRACK_STEP, MARKED, INPUT = 38.0, 16.0, 34.0, 46.0
#: Points from the inputs down to the bus of far connections, and from there to the frame.
BUS_HEIGHT, FLOOR = 26.0, 12.0
#: Points from the bus's end to row 0 where there is nothing between.
ALONE = 8.0
#: Points above the top row, for the frame's title; between lanes.
HEAD, LANE_GAP = 40.0, 44.0
#: Points between states that have a cell path.
STATES = 34.0


@dataclass(frozen=True)
class Lane:
    """The levels of a lane, as y.

    Attributes
    ----------
    tracks : dict
        For each state, by family, where it runs under the nodes.
    states : dict
        For each state, by family, where its nodes are: on its cell path or on its track.
    inputs, bus, bottom, top : float
    base : float
        Row 0.
    forward : bool
        Whether time runs to the right.
    """

    tracks: dict[str, float]
    states: dict[str, float]
    inputs: float
    bus: float
    bottom: float
    top: float
    base: float
    forward: bool

    @property
    def on_tracks(self) -> list[str]:
        """The families whose nodes are on their tracks."""
        return [family for family, y in self.states.items() if y == self.tracks[family]]

    @property
    def on_cell_paths(self) -> list[str]:
        """The families that have a cell path."""
        return [family for family in self.states if family not in self.on_tracks]

    @property
    def cell_path(self) -> float:
        """The top row."""
        return self.top - HEAD


def lanes_of(time: Timeline, cell_paths: CellPaths, tops: dict[LaneKey, float]) -> dict[LaneKey, Lane]:
    """Stack the lanes, the first at the bottom; `tops` has the height of the highest step of each."""
    lanes = {}
    floor = 0.0
    for key, forward in time.forward.items():
        families = list(dict.fromkeys(family for family, _ in time.states.get(key, {})))
        on_top = cell_paths.families[key]
        low = [family for family in families if family not in on_top]
        inputs = floor + FLOOR + BUS_HEIGHT
        depth = (
            TRACK_DEPTH + MARKED * max(len(low) - 1, 0) + TRACK_STEP * (len(on_top) if low else max(len(on_top) - 1, 0))
        )
        depth = max(depth, STATES * len(on_top) - tops.get(key, 0.0))
        base = inputs + (INPUT + depth if families or _reads_inputs(time, key) else ALONE)
        tracks = {family: base - TRACK_DEPTH - MARKED * i for i, family in enumerate(low)}
        lowest = min(tracks.values(), default=base - TRACK_DEPTH + TRACK_STEP)
        tracks |= {family: lowest - TRACK_STEP * i for i, family in enumerate(on_top, start=1)}
        top = base + tops.get(key, 0.0) + HEAD
        states = tracks | {family: top - HEAD - STATES * i for i, family in enumerate(on_top)}
        lanes[key] = Lane(tracks, states, inputs, inputs - BUS_HEIGHT, floor, top, base, forward)
        floor = top + LANE_GAP
    return lanes


def _reads_inputs(time: Timeline, lane: LaneKey) -> bool:
    """True if inputs stand under the nodes of a lane."""
    return any(node.kind == "input" for (key, _), nodes in time.blocks.items() if key == lane for node in nodes)


class _Place(Protocol):
    """An object with a height in the drawing."""

    @property
    def y(self) -> float: ...


def tracks_of(boxes: Mapping[str, _Place], time: Timeline) -> dict[str, int]:
    """For each node with edges to other lanes its place among those, 0 nearest to the frame.

    Nodes of one column share a place unless the heights that their edges cover overlap.
    """
    found: dict[str, int] = {}
    taken: dict[tuple[int, bool, int], list[tuple[float, float]]] = {}
    for tail, (low, high) in _spans(boxes, time).items():
        node = time.nodes[tail]
        column = (node.step or 0, time.forward[node.lane])
        for place in count():
            others = taken.setdefault((*column, place), [])
            if not any(low < top and bottom < high for bottom, top in others):
                others.append((low, high))
                found[tail] = place
                break
    return found


def _spans(boxes: Mapping[str, _Place], time: Timeline) -> dict[str, tuple[float, float]]:
    """The lowest and the highest point of a node's edges to other lanes."""
    found: dict[str, tuple[float, float]] = {}
    for edge in time.edges:
        tail, head = time.nodes[edge.tail], time.nodes[edge.head]
        if tail.step is None or head.step is None or tail.carried or head.carried or tail.lane == head.lane:
            continue
        heights = (boxes[edge.tail].y, boxes[edge.head].y)
        low, high = found.get(edge.tail, (heights[0], heights[0]))
        found[edge.tail] = (min(low, *heights), max(high, *heights))
    return found


#: Points inside a frame at both sides, and the narrowest column of states between frames.
SIDE, BETWEEN = 32.0, 60.0
#: Points between the edges of states that leave a frame side by side.
EXITS = 10.0
#: Points between edges to other lanes that go up or down in a frame side by side.
TRACK = 12.0
#: Points between a state's node and the frames at both sides.
MARGIN = 18.0

_arrange = lru_cache(maxsize=256)(arrange)


@dataclass(frozen=True)
class Box:
    """The centre and size of a node."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Placement:
    """All places.

    Attributes
    ----------
    boxes : dict
        By the node's key.
    lanes : dict
        By the scopes that make a lane.
    columns : dict
        Left and right end of each step's frame.
    between : float
        The width of the columns of states.
    after : float
        Where what is outside of time begins, to the right of the steps.
    outside : float
        y of the first row of what is outside of time and made of what is in it.
    upwards : bool
        Whether its other rows are above that.
    cell_paths : set of (str, str)
        Tail and head of the edges on which a state passes straight through.
    on_cell_paths : set of str
        Their ends.
    ports : dict of (str, str) to Entry
        Where edges come up, by tail and head.
    detours : dict of (str, str) to (float, float)
        The x of the channel of an edge that would cross nodes, and the y at which it goes there.
    exits : dict of str to float
        The y at which edges leave a step, for nodes from which they cannot leave sideways.
    tracks : dict of str to int
        For nodes with edges to other lanes, how many edges from other nodes go up or down nearer to the frame.
    aside : float
        How much further inside states leave for these.
    """

    boxes: dict[str, Box] = field(default_factory=dict)
    lanes: dict[LaneKey, Lane] = field(default_factory=dict)
    columns: dict[int, tuple[float, float]] = field(default_factory=dict)
    between: float = BETWEEN
    after: float = 0.0
    outside: float = 0.0
    upwards: bool = True
    cell_paths: frozenset[tuple[str, str]] = frozenset()
    on_cell_paths: frozenset[str] = frozenset()
    ports: dict[tuple[str, str], Entry] = field(default_factory=dict)
    detours: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    exits: dict[str, float] = field(default_factory=dict)
    tracks: dict[str, int] = field(default_factory=dict)
    aside: float = 0.0


def place(time: Timeline) -> Placement:
    """Give every node its place; once more where edges to other lanes need more room beside the nodes."""
    placement = _place(time, 0.0)
    tracks = tracks_of(placement.boxes, time)
    aside = TRACK * max(tracks.values(), default=0)
    return replace(_place(time, aside) if aside else placement, tracks=tracks, aside=aside)


def _place(time: Timeline, aside: float) -> Placement:
    cell_paths = find_cell_paths(time)
    blocks = {place: block_of(time, cell_paths, *place) for place in time.blocks}
    shapes = {place: _arrange(block) for place, block in blocks.items()}
    tops: dict[LaneKey, float] = {}
    for (lane, _), shape in shapes.items():
        tops[lane] = max(tops.get(lane, 0.0), shape.top)
    lanes = lanes_of(time, cell_paths, tops)
    widest = max((size(node)[0] for states in time.states.values() for node in states.values()), default=0.0)
    between = max(BETWEEN, widest + 2 * MARGIN)
    leaving = max((len(lane.on_tracks) for lane in lanes.values()), default=0)
    columns = _columns(shapes, between, SIDE + aside + EXITS * max(leaving - 1, 0))
    after = max((end for _, end in columns.values()), default=0.0) + between
    placement = Placement(
        lanes=lanes,
        columns=columns,
        between=between,
        after=after,
        cell_paths=frozenset(cell_paths.edges),
        on_cell_paths=frozenset(key for edge in cell_paths.edges for key in edge),
    )
    for place, shape in shapes.items():
        _place_block(placement, time, place, blocks[place].sizes, shape)
    for lane, states in time.states.items():
        for (family, step), node in states.items():
            placement.boxes[node.key] = _state_box(placement, node, placement.lanes[lane].states[family], step)
    return _with_outside(placement, time)


def _columns(
    shapes: Mapping[tuple[LaneKey, int], Shape], between: float, side: float
) -> dict[int, tuple[float, float]]:
    widths: dict[int, float] = {}
    for (_, step), shape in shapes.items():
        widths[step] = max(widths.get(step, 0.0), shape.width + 2 * side)
    columns = {}
    left = between
    for step in sorted(widths):
        columns[step] = (left, left + widths[step])
        left += widths[step] + between
    return columns


def _place_block(
    placement: Placement, time: Timeline, place: tuple[LaneKey, int], sizes: Sequence[tuple[float, float]], shape: Shape
) -> None:
    """The nodes of one step, and what is known of the edges to them; mirrored where time runs to the left."""
    nodes, lane = time.blocks[place], placement.lanes[place[0]]
    left, right = placement.columns[place[1]]
    start = (left + right - shape.width) / 2

    def across(x: float) -> float:
        return start + (x if lane.forward else shape.width - x)

    def level(node: Node, y: float) -> float:
        is_top = node.key in placement.on_cell_paths or (lane.on_cell_paths and 0 < y == shape.top)
        return lane.cell_path if is_top else lane.base + y

    for node, (x, y), (width, height) in zip(nodes, shape.places, sizes, strict=True):
        at = lane.inputs if node.kind == "input" else level(node, y)
        if node.kind == "fold":
            low = min(lane.tracks.values(), default=lane.base)
            at, height = (low + lane.cell_path) / 2, lane.cell_path - low + 3 * GAP
        if node.kind == "step":
            at -= STATES * max(len(lane.on_cell_paths) - 1, 0) / 2
        placement.boxes[node.key] = Box(across(x), at, width, height)
    number = {node.key: i for i, node in enumerate(nodes)}
    for node in nodes:
        for edge in time.incoming.get(node.key, []):
            origin = origin_of(time.nodes[edge.tail], node, number)
            entry = shape.ports.get(Port(origin, number[node.key])) if origin is not None else None
            if entry is not None:
                placement.ports[edge.tail, edge.head] = Entry(across(entry.x), entry.rise)
            detour = shape.detours.get((number.get(edge.tail, -1), number[node.key]))
            if detour is not None:
                placement.detours[edge.tail, edge.head] = (across(detour[0]), lane.base + detour[1])
    placement.exits.update({nodes[i].key: lane.base + y for i, y in shape.exits.items()})


def _state_box(placement: Placement, node: Node, y: float, step: int) -> Box:
    """Between the frames: at the height of its cell path, or on its track."""
    width, height = size(node)
    half, columns = placement.between / 2, placement.columns
    if placement.lanes[node.lane].forward:
        x = columns[step][1] + half if step in columns else columns[min(columns)][0] - half
    else:
        x = columns[step][0] - half if step in columns else columns[max(columns)][1] + half
    return Box(x, y, width, height)


def _with_outside(placement: Placement, time: Timeline) -> Placement:
    """Place the nodes outside of time: left of the steps if some step needs it, else right of it; upwards or down."""
    needed = set()
    for edge in reversed(time.edges):
        if time.nodes[edge.tail].step is None and (time.nodes[edge.head].step is not None or edge.head in needed):
            needed.add(edge.tail)
    low = min((lane.bus for lane in placement.lanes.values()), default=0.0)
    high = max((lane.top for lane in placement.lanes.values()), default=0.0)
    for on_left in (True, False):
        nodes = [node for node in time.outside if (node.key in needed) == on_left]
        if not nodes:
            continue
        number = {node.key: i for i, node in enumerate(nodes)}
        local = tuple(
            (number[x.tail], number[m.key]) for m in nodes for x in time.incoming.get(m.key, []) if x.tail in number
        )
        ports = {
            (x.tail, m.key): Port(BUS, number[m.key])
            for m in nodes
            for x in time.incoming.get(m.key, [])
            if x.tail not in number and not on_left
        }
        shape = _arrange(StepBlock(tuple(map(size, nodes)), local, ports=tuple(dict.fromkeys(ports.values()))))
        start = -shape.width - GAP if on_left else placement.after + GAP
        base = _level_outside(placement, time, {node.key for node in nodes})
        upwards = base - low <= high - base
        for node, (x, y) in zip(nodes, shape.places, strict=True):
            placement.boxes[node.key] = Box(start + x, base + (y if upwards else -y), *size(node))
        for ends, port in ports.items():
            placement.ports[ends] = Entry(start + shape.ports[port].x)
        if not on_left:
            placement = replace(placement, outside=base, upwards=upwards)
    return placement


def _level_outside(placement: Placement, time: Timeline, keys: set[str]) -> float:
    """The height of the lowest row outside of time: that of the last state it is connected with, or of a bus."""
    ends = [edge.tail for edge in time.edges if edge.head in keys and edge.tail not in keys]
    if not ends:
        return min((lane.bus for lane in placement.lanes.values()), default=0.0)
    nearest = max(ends, key=lambda key: placement.boxes[key].x)
    node = time.nodes[nearest]
    return placement.boxes[nearest].y if node.carried else placement.lanes[node.lane].bus
