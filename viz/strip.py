"""Time as one strip: a column for each step, a lane for each layer or direction, states in between.

The place of every mark follows from its step and from the arrangement of one step, so the work grows
linearly with the number of steps.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from .blocks import GAP, Block, Shape, arrange, highway_of
from .picture import Line, Mark, Picture
from .sizes import size

__all__ = ["Lane", "Spot", "Strip", "lay_out"]

#: Points between row 0 and the first rail, between rails, and from the last rail to the inputs.
RAIL, RAIL_STEP, INPUT = 38.0, 16.0, 46.0
#: Points from the inputs down to the bus of far connections, and from there to the frame.
BUS, FLOOR = 26.0, 12.0
#: Points above the top row, for the frame's title.
HEAD = 40.0
#: Points inside a frame at both sides, and the width of the column of states between frames.
SIDE, BETWEEN = 22.0, 56.0
LANE_GAP = 26.0
#: Points between states that pass through one mark side by side.
STATES = 26.0

_arrange = lru_cache(maxsize=256)(arrange)


@dataclass(frozen=True)
class Spot:
    """Where a mark stands: its centre, size, and whether something of its step is below it."""

    x: float
    y: float
    width: float
    height: float
    low: bool = True


@dataclass(frozen=True)
class Lane:
    """The levels of a lane, as y.

    Attributes
    ----------
    rails : dict
        For each state, by family, where it runs under the marks.
    """

    rails: dict[str, float]
    inputs: float
    bus: float
    bottom: float
    top: float
    forward: bool


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
    after : float
        Where what is outside of time begins, to the right of the steps.
    highways : set of (str, str)
        Tail and head of the lines on which a state passes straight through.
    """

    spots: dict[str, Spot]
    lanes: dict[tuple[str, ...], Lane]
    columns: dict[int, tuple[float, float]]
    after: float
    highways: frozenset[tuple[str, str]]


LaneKey = tuple[str, ...]


class _Builder:
    """Collects what belongs to each lane and step, then gives everything its place."""

    def __init__(self, picture: Picture) -> None:
        self.marks = {mark.key: mark for mark in picture.marks}
        self.lines = picture.lines
        self.blocks: dict[tuple[LaneKey, int], list[Mark]] = {}
        self.states: dict[LaneKey, dict[tuple[str, int], Mark]] = {}
        self.outside: list[Mark] = []
        for mark in picture.marks:
            if mark.step is None:
                self.outside.append(mark)
            elif mark.carried:
                self.states.setdefault(mark.lane, {})[mark.family, mark.step] = mark
            else:
                self.blocks.setdefault((mark.lane, mark.step), []).append(mark)
        self.incoming: dict[str, list[Line]] = {}
        for line in picture.lines:
            self.incoming.setdefault(line.head, []).append(line)
        self.delivered = {line.head: line.tail for line in picture.lines if line.delivers}
        self.lane_keys = list(dict.fromkeys([lane for lane, _ in self.blocks] + list(self.states)))
        self.forward = {lane: self._runs_forward(lane) for lane in self.lane_keys}
        self.highways: set[tuple[str, str]] = set()
        self.on_top: dict[LaneKey, list[str]] = {lane: [] for lane in self.lane_keys}

    def _runs_forward(self, lane: LaneKey) -> bool:
        """Whether states are used at a later step than their own; the first use decides."""
        for line in self.lines:
            tail, head = self.marks[line.tail], self.marks[line.head]
            if tail.carried and tail.lane == head.lane == lane and tail.step != head.step:
                return (tail.step or 0) < (head.step or 0)
        return True

    def build(self) -> Strip:
        """Arrange the blocks, then stack lanes and line up columns."""
        shapes = {place: self._shape(*place, marks) for place, marks in self.blocks.items()}
        self._note_folds()
        lanes = self._lanes(shapes)
        columns = self._columns(shapes)
        spots: dict[str, Spot] = {}
        for (lane, step), marks in self.blocks.items():
            spots |= self._spots(marks, shapes[lane, step], lanes[lane], columns[step])
        for lane, states in self.states.items():
            for (family, step), mark in states.items():
                spots[mark.key] = self._state_spot(mark, family, step, lanes[lane], columns, spots)
        self._place_outside(spots, lanes, columns)
        after = max((end for _, end in columns.values()), default=0.0) + BETWEEN
        return Strip(spots, lanes, columns, after, frozenset(self.highways))

    def _shape(self, lane: LaneKey, step: int, marks: list[Mark]) -> Shape:
        number = {mark.key: i for i, mark in enumerate(marks)}
        local = tuple(
            (number[line.tail], number[mark.key])
            for mark in marks
            for line in self.incoming.get(mark.key, [])
            if line.tail in number
        )
        highways = tuple(self._highways(lane, step, marks, number, local))
        inputs = frozenset(number[mark.key] for mark in marks if mark.kind == "input")
        block = Block(tuple(map(size, marks)), local, highways, inputs)
        return _arrange(block)

    def _highways(
        self, lane: LaneKey, step: int, marks: list[Mark], number: dict[str, int], local: tuple[tuple[int, int], ...]
    ) -> list[tuple[int, ...]]:
        """The highway of each state that has one in this step; notes its lines on the way."""
        entrywise = frozenset(number[mark.key] for mark in marks if mark.entrywise)
        found = []
        for (family, at), state in self.states.get(lane, {}).items():
            before = self.states[lane].get((family, step - 1 if self.forward[lane] else step + 1))
            end = self.delivered.get(state.key)
            if at != step or before is None or end not in number:
                continue
            users = [
                number[mark.key] for mark in marks if any(x.tail == before.key for x in self.incoming.get(mark.key, []))
            ]
            way = highway_of(users, number[end], local, entrywise)
            if not way:
                continue
            keys = [before.key, *(marks[i].key for i in way), state.key]
            self.highways |= set(pairwise(keys))
            if family not in self.on_top[lane]:
                self.on_top[lane].append(family)
            if way not in found:
                found.append(way)
        return found

    def _note_folds(self) -> None:
        """A state that has a highway passes through a fold on it as well."""
        for line in self.lines:
            for end, other in ((line.tail, line.head), (line.head, line.tail)):
                mark, fold = self.marks[end], self.marks[other]
                if mark.carried and fold.kind == "fold" and mark.family in self.on_top.get(mark.lane, []):
                    self.highways.add((line.tail, line.head))

    def _lanes(self, shapes: dict[tuple[LaneKey, int], Shape]) -> dict[LaneKey, Lane]:
        """Levels of every lane, the first at the bottom."""
        lanes = {}
        floor = 0.0
        for key in self.lane_keys:
            families = list(dict.fromkeys(family for family, _ in self.states.get(key, {})))
            low = [family for family in families if family not in self.on_top[key]] + self.on_top[key]
            depth = RAIL + RAIL_STEP * max(len(low) - 1, 0)
            base = floor + FLOOR + BUS + INPUT + depth
            tallest = max((shape.top for (lane, _), shape in shapes.items() if lane == key), default=0.0)
            rails = {family: base - RAIL - RAIL_STEP * i for i, family in enumerate(low)}
            top = base + tallest + HEAD
            inputs = base - depth - INPUT
            lanes[key] = Lane(rails, inputs, inputs - BUS, floor, top, self.forward[key])
            floor = top + LANE_GAP
        return lanes

    def _columns(self, shapes: dict[tuple[LaneKey, int], Shape]) -> dict[int, tuple[float, float]]:
        widths: dict[int, float] = {}
        for (_, step), shape in shapes.items():
            widths[step] = max(widths.get(step, 0.0), shape.width + 2 * SIDE)
        columns = {}
        left = BETWEEN
        for step in sorted(widths):
            columns[step] = (left, left + widths[step])
            left += widths[step] + BETWEEN
        return columns

    def _spots(self, marks: list[Mark], shape: Shape, lane: Lane, column: tuple[float, float]) -> dict[str, Spot]:
        base = lane.inputs + INPUT + RAIL + RAIL_STEP * max(len(lane.rails) - 1, 0)
        tallest = lane.top - HEAD - base
        start = (column[0] + column[1] - shape.width) / 2
        spots = {}
        for mark, (x, y) in zip(marks, shape.places, strict=True):
            width, height = size(mark)
            across = start + (x if lane.forward else shape.width - x)
            on_top = shape.top > 0 and y == shape.top
            level = lane.inputs if mark.kind == "input" else base + (tallest if on_top else y)
            if mark.kind == "fold":
                low = min(lane.rails.values(), default=base)
                level, height = (low + base + tallest) / 2, base + tallest - low + 2 * GAP
            if mark.kind == "step":
                level -= STATES * (len(self.on_top[mark.lane]) - 1) / 2
            spots[mark.key] = Spot(across, level, width, height, low=mark.kind != "input" and y == 0)
        return spots

    def _state_spot(
        self,
        mark: Mark,
        family: str,
        step: int,
        lane: Lane,
        columns: dict[int, tuple[float, float]],
        spots: dict[str, Spot],
    ) -> Spot:
        """Between the frames: at the height of its highway, or on its rail."""
        width, height = size(mark)
        first, last = min(columns), max(columns)
        if lane.forward:
            x = columns[step][1] + BETWEEN / 2 if step in columns else columns[first][0] - BETWEEN / 2
        else:
            x = columns[step][0] - BETWEEN / 2 if step in columns else columns[last][1] + BETWEEN / 2
        y = lane.rails[family]
        if family in self.on_top[mark.lane]:
            rank = self.on_top[mark.lane].index(family)
            y = self._highway_level(lane) - STATES * rank
        return Spot(x, y, width, height)

    def _highway_level(self, lane: Lane) -> float:
        return lane.top - HEAD

    def _level_outside(self, keys: set[str], lanes: dict[LaneKey, Lane], spots: dict[str, Spot]) -> float:
        """The height of the lowest row outside of time: that of the last state it is connected with, or of a bus."""
        ends = [line.tail for line in self.lines if line.head in keys and line.tail not in keys]
        if not ends:
            return min((lane.bus for lane in lanes.values()), default=0.0)
        nearest = max(ends, key=lambda key: spots[key].x)
        mark = self.marks[nearest]
        return spots[nearest].y if mark.carried else lanes[mark.lane].bus

    def _place_outside(
        self, spots: dict[str, Spot], lanes: dict[LaneKey, Lane], columns: dict[int, tuple[float, float]]
    ) -> None:
        """What is outside of time: left of the strip if some step needs it, else right of it; upwards or down."""
        needed = set()
        for line in reversed(self.lines):
            if self.marks[line.tail].step is None and (self.marks[line.head].step is not None or line.head in needed):
                needed.add(line.tail)
        before = [mark for mark in self.outside if mark.key in needed]
        after = [mark for mark in self.outside if mark.key not in needed]
        low, high = (
            min((lane.bus for lane in lanes.values()), default=0.0),
            max((lane.top for lane in lanes.values()), default=0.0),
        )
        for marks, on_left in ((before, True), (after, False)):
            if not marks:
                continue
            number = {mark.key: i for i, mark in enumerate(marks)}
            local = tuple(
                (number[x.tail], number[m.key]) for m in marks for x in self.incoming.get(m.key, []) if x.tail in number
            )
            shape = _arrange(Block(tuple(map(size, marks)), local))
            right = max((end for _, end in columns.values()), default=0.0) + BETWEEN + GAP
            start = -shape.width - GAP if on_left else right
            base = self._level_outside({mark.key for mark in marks}, lanes, spots)
            way = 1 if base - low <= high - base else -1
            for mark, (x, y) in zip(marks, shape.places, strict=True):
                width, height = size(mark)
                spots[mark.key] = Spot(start + x, base + way * y, width, height, low=y == 0)


def lay_out(picture: Picture) -> Strip:
    """Give every mark its place."""
    return _Builder(picture).build()
