"""Time as one strip: a column for each step, a lane for each layer or direction, states in between.

The place of every mark follows from its step and from the arrangement of one step, so the work grows
linearly with the number of steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count
from typing import Protocol

from ..scene.picture import Mark, Picture
from .channels import GAP, Entry
from .sizes import size
from .step import BUS, Block
from .step_layout import Shape, arrange
from .timeline import Highways, LaneKey, Timeline, block_of, drop_of, find_highways, timeline

__all__ = ["EXITS", "HEAD", "SIDE", "TRUNK", "Lane", "Spot", "Strip", "lanes_of", "lay_out", "trunks_of"]


#: Points from row 0 down to the first rail, between rails, between rails with marks on them, and to the inputs.
RAIL, RAIL_STEP, MARKED, INPUT = 38.0, 16.0, 34.0, 46.0
#: Points from the inputs down to the bus of far connections, and from there to the frame.
BUS_HEIGHT, FLOOR = 26.0, 12.0
#: Points from the bus's end to row 0 where there is nothing between.
ALONE = 8.0
#: Points above the top row, for the frame's title; between lanes.
HEAD, LANE_GAP = 40.0, 44.0
#: Points between states that have a highway.
STATES = 34.0


@dataclass(frozen=True)
class Lane:
    """The levels of a lane, as y.

    Attributes
    ----------
    rails : dict
        For each state, by family, where it runs under the marks.
    states : dict
        For each state, by family, where its marks are: on its highway or on its rail.
    inputs, bus, bottom, top : float
    base : float
        Row 0.
    forward : bool
        Whether time runs to the right.
    """

    rails: dict[str, float]
    states: dict[str, float]
    inputs: float
    bus: float
    bottom: float
    top: float
    base: float
    forward: bool

    @property
    def on_rails(self) -> list[str]:
        """The families whose marks are on their rails."""
        return [family for family, y in self.states.items() if y == self.rails[family]]

    @property
    def on_highways(self) -> list[str]:
        """The families that have a highway."""
        return [family for family in self.states if family not in self.on_rails]

    @property
    def highway(self) -> float:
        """The top row."""
        return self.top - HEAD


def lanes_of(time: Timeline, highways: Highways, tops: dict[LaneKey, float]) -> dict[LaneKey, Lane]:
    """Stack the lanes, the first at the bottom; `tops` has the height of the highest step of each."""
    lanes = {}
    floor = 0.0
    for key, forward in time.forward.items():
        families = list(dict.fromkeys(family for family, _ in time.states.get(key, {})))
        on_top = highways.families[key]
        low = [family for family in families if family not in on_top]
        inputs = floor + FLOOR + BUS_HEIGHT
        depth = RAIL + MARKED * max(len(low) - 1, 0) + RAIL_STEP * (len(on_top) if low else max(len(on_top) - 1, 0))
        depth = max(depth, STATES * len(on_top) - tops.get(key, 0.0))
        base = inputs + (INPUT + depth if families or _reads_inputs(time, key) else ALONE)
        rails = {family: base - RAIL - MARKED * i for i, family in enumerate(low)}
        lowest = min(rails.values(), default=base - RAIL + RAIL_STEP)
        rails |= {family: lowest - RAIL_STEP * i for i, family in enumerate(on_top, start=1)}
        top = base + tops.get(key, 0.0) + HEAD
        states = rails | {family: top - HEAD - STATES * i for i, family in enumerate(on_top)}
        lanes[key] = Lane(rails, states, inputs, inputs - BUS_HEIGHT, floor, top, base, forward)
        floor = top + LANE_GAP
    return lanes


def _reads_inputs(time: Timeline, lane: LaneKey) -> bool:
    """Whether inputs stand under the marks of a lane."""
    return any(mark.kind == "input" for (key, _), marks in time.blocks.items() if key == lane for mark in marks)


class _Place(Protocol):
    """What has a height in the drawing."""

    @property
    def y(self) -> float: ...


def trunks_of(spots: Mapping[str, _Place], time: Timeline) -> dict[str, int]:
    """For each mark with lines to other lanes its place among those, 0 nearest to the frame.

    Marks of one column share a place unless the heights that their lines cover overlap.
    """
    found: dict[str, int] = {}
    taken: dict[tuple[int, bool, int], list[tuple[float, float]]] = {}
    for tail, (low, high) in _spans(spots, time).items():
        mark = time.marks[tail]
        column = (mark.step or 0, time.forward[mark.lane])
        for place in count():
            others = taken.setdefault((*column, place), [])
            if not any(low < top and bottom < high for bottom, top in others):
                others.append((low, high))
                found[tail] = place
                break
    return found


def _spans(spots: Mapping[str, _Place], time: Timeline) -> dict[str, tuple[float, float]]:
    """The lowest and the highest point of a mark's lines to other lanes."""
    found: dict[str, tuple[float, float]] = {}
    for line in time.lines:
        tail, head = time.marks[line.tail], time.marks[line.head]
        if tail.step is None or head.step is None or tail.carried or head.carried or tail.lane == head.lane:
            continue
        heights = (spots[line.tail].y, spots[line.head].y)
        low, high = found.get(line.tail, (heights[0], heights[0]))
        found[line.tail] = (min(low, *heights), max(high, *heights))
    return found


#: Points inside a frame at both sides, and the narrowest column of states between frames.
SIDE, BETWEEN = 32.0, 60.0
#: Points between the lines of states that leave a frame side by side.
EXITS = 10.0
#: Points between lines to other lanes that go up or down in a frame side by side.
TRUNK = 12.0
#: Points between a state's mark and the frames at both sides.
MARGIN = 18.0

_arrange = lru_cache(maxsize=256)(arrange)


@dataclass(frozen=True)
class Spot:
    """Where a mark stands: its centre and size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Strip:
    """All places.

    Attributes
    ----------
    spots : dict
        By the mark's key.
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
    highways : set of (str, str)
        Tail and head of the lines on which a state passes straight through.
    on_highways : set of str
        Their ends.
    drops : dict of (str, str) to Entry
        Where lines come up, by tail and head.
    detours : dict of (str, str) to (float, float)
        The x of the gutter of a line that would cross marks, and the y at which it goes there.
    exits : dict of str to float
        The y at which lines leave a step, for marks from which they cannot leave sideways.
    trunks : dict of str to int
        For marks with lines to other lanes, how many lines from other marks go up or down nearer to the frame.
    aside : float
        How much further inside states leave for these.
    """

    spots: dict[str, Spot] = field(default_factory=dict)
    lanes: dict[LaneKey, Lane] = field(default_factory=dict)
    columns: dict[int, tuple[float, float]] = field(default_factory=dict)
    between: float = BETWEEN
    after: float = 0.0
    outside: float = 0.0
    upwards: bool = True
    highways: frozenset[tuple[str, str]] = frozenset()
    on_highways: frozenset[str] = frozenset()
    drops: dict[tuple[str, str], Entry] = field(default_factory=dict)
    detours: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    exits: dict[str, float] = field(default_factory=dict)
    trunks: dict[str, int] = field(default_factory=dict)
    aside: float = 0.0


def lay_out(picture: Picture) -> Strip:
    """Give every mark its place; once more where lines to other lanes need more room beside the marks."""
    time = timeline(picture)
    strip = _lay_out(time, 0.0)
    trunks = trunks_of(strip.spots, time)
    aside = TRUNK * max(trunks.values(), default=0)
    return replace(_lay_out(time, aside) if aside else strip, trunks=trunks, aside=aside)


def _lay_out(time: Timeline, aside: float) -> Strip:
    highways = find_highways(time)
    blocks = {place: block_of(time, highways, *place) for place in time.blocks}
    shapes = {place: _arrange(block) for place, block in blocks.items()}
    tops: dict[LaneKey, float] = {}
    for (lane, _), shape in shapes.items():
        tops[lane] = max(tops.get(lane, 0.0), shape.top)
    lanes = lanes_of(time, highways, tops)
    widest = max((size(mark)[0] for states in time.states.values() for mark in states.values()), default=0.0)
    between = max(BETWEEN, widest + 2 * MARGIN)
    leaving = max((len(lane.on_rails) for lane in lanes.values()), default=0)
    columns = _columns(shapes, between, SIDE + aside + EXITS * max(leaving - 1, 0))
    after = max((end for _, end in columns.values()), default=0.0) + between
    strip = Strip(
        lanes=lanes,
        columns=columns,
        between=between,
        after=after,
        highways=frozenset(highways.lines),
        on_highways=frozenset(key for line in highways.lines for key in line),
    )
    for place, shape in shapes.items():
        _place_block(strip, time, place, blocks[place].sizes, shape)
    for lane, states in time.states.items():
        for (family, step), mark in states.items():
            strip.spots[mark.key] = _state_spot(strip, mark, strip.lanes[lane].states[family], step)
    return _with_outside(strip, time)


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
    strip: Strip, time: Timeline, place: tuple[LaneKey, int], sizes: Sequence[tuple[float, float]], shape: Shape
) -> None:
    """The marks of one step, and what is known of the lines to them; mirrored where time runs to the left."""
    marks, lane = time.blocks[place], strip.lanes[place[0]]
    left, right = strip.columns[place[1]]
    start = (left + right - shape.width) / 2

    def across(x: float) -> float:
        return start + (x if lane.forward else shape.width - x)

    def level(mark: Mark, y: float) -> float:
        is_top = mark.key in strip.on_highways or (lane.on_highways and 0 < y == shape.top)
        return lane.highway if is_top else lane.base + y

    for mark, (x, y), (width, height) in zip(marks, shape.places, sizes, strict=True):
        at = lane.inputs if mark.kind == "input" else level(mark, y)
        if mark.kind == "fold":
            low = min(lane.rails.values(), default=lane.base)
            at, height = (low + lane.highway) / 2, lane.highway - low + 3 * GAP
        if mark.kind == "step":
            at -= STATES * max(len(lane.on_highways) - 1, 0) / 2
        strip.spots[mark.key] = Spot(across(x), at, width, height)
    number = {mark.key: i for i, mark in enumerate(marks)}
    for mark in marks:
        for line in time.incoming.get(mark.key, []):
            entry = shape.drops.get((drop_of(time.marks[line.tail], mark, number) or "", number[mark.key]))
            if entry is not None:
                strip.drops[line.tail, line.head] = Entry(across(entry.x), entry.rise)
            detour = shape.detours.get((number.get(line.tail, -1), number[mark.key]))
            if detour is not None:
                strip.detours[line.tail, line.head] = (across(detour[0]), lane.base + detour[1])
    strip.exits.update({marks[i].key: lane.base + y for i, y in shape.exits.items()})


def _state_spot(strip: Strip, mark: Mark, y: float, step: int) -> Spot:
    """Between the frames: at the height of its highway, or on its rail."""
    width, height = size(mark)
    half = strip.between / 2
    if strip.lanes[mark.lane].forward:
        x = strip.columns[step][1] + half if step in strip.columns else strip.columns[min(strip.columns)][0] - half
    else:
        x = strip.columns[step][0] - half if step in strip.columns else strip.columns[max(strip.columns)][1] + half
    return Spot(x, y, width, height)


def _with_outside(strip: Strip, time: Timeline) -> Strip:
    """What is outside of time: left of the strip if some step needs it, else right of it; upwards or down."""
    needed = set()
    for line in reversed(time.lines):
        if time.marks[line.tail].step is None and (time.marks[line.head].step is not None or line.head in needed):
            needed.add(line.tail)
    low = min((lane.bus for lane in strip.lanes.values()), default=0.0)
    high = max((lane.top for lane in strip.lanes.values()), default=0.0)
    for on_left in (True, False):
        marks = [mark for mark in time.outside if (mark.key in needed) == on_left]
        if not marks:
            continue
        number = {mark.key: i for i, mark in enumerate(marks)}
        local = tuple(
            (number[x.tail], number[m.key]) for m in marks for x in time.incoming.get(m.key, []) if x.tail in number
        )
        drops = {
            (x.tail, m.key): (BUS, number[m.key])
            for m in marks
            for x in time.incoming.get(m.key, [])
            if x.tail not in number and not on_left
        }
        shape = _arrange(Block(tuple(map(size, marks)), local, drops=tuple(dict.fromkeys(drops.values()))))
        start = -shape.width - GAP if on_left else strip.after + GAP
        base = _level_outside(strip, time, {mark.key for mark in marks})
        upwards = base - low <= high - base
        for mark, (x, y) in zip(marks, shape.places, strict=True):
            strip.spots[mark.key] = Spot(start + x, base + (y if upwards else -y), *size(mark))
        for ends, drop in drops.items():
            strip.drops[ends] = Entry(start + shape.drops[drop].x)
        if not on_left:
            strip = replace(strip, outside=base, upwards=upwards)
    return strip


def _level_outside(strip: Strip, time: Timeline, keys: set[str]) -> float:
    """The height of the lowest row outside of time: that of the last state it is connected with, or of a bus."""
    ends = [line.tail for line in time.lines if line.head in keys and line.tail not in keys]
    if not ends:
        return min((lane.bus for lane in strip.lanes.values()), default=0.0)
    nearest = max(ends, key=lambda key: strip.spots[key].x)
    mark = time.marks[nearest]
    return strip.spots[nearest].y if mark.carried else strip.lanes[mark.lane].bus
