"""What belongs to each lane and step of a picture, and which states have a highway through the steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from ..scene.picture import Line, Mark, Picture
from .channels import feet_width
from .sizes import size
from .step import BUS, Block, highway_of, input_drop, is_input, state_drop

__all__ = ["Highways", "LaneKey", "Timeline", "block_of", "drop_of", "find_highways", "is_handed_over", "timeline"]

#: The scopes that make a lane: a layer, a direction.
LaneKey = tuple[str, ...]


@dataclass
class Timeline:
    """A picture's marks, sorted.

    Attributes
    ----------
    marks : dict
        By key.
    blocks : dict
        What is computed in each step of each lane.
    states : dict
        For each lane, the states by family and step.
    outside : list
        What is in no time step.
    incoming, leaving : dict
        The lines to each mark and from it.
    delivered : dict
        For each state, the mark that makes it.
    forward : dict
        For each lane, whether states are used at a later step than their own.
    """

    marks: dict[str, Mark]
    lines: tuple[Line, ...]
    blocks: dict[tuple[LaneKey, int], list[Mark]] = field(default_factory=dict)
    states: dict[LaneKey, dict[tuple[str, int], Mark]] = field(default_factory=dict)
    outside: list[Mark] = field(default_factory=list)
    incoming: dict[str, list[Line]] = field(default_factory=dict)
    leaving: dict[str, list[Line]] = field(default_factory=dict)
    delivered: dict[str, str] = field(default_factory=dict)
    forward: dict[LaneKey, bool] = field(default_factory=dict)

    def before(self, lane: LaneKey, family: str, step: int) -> Mark | None:
        """The state from which a lane's step starts."""
        return self.states[lane].get((family, step - 1 if self.forward[lane] else step + 1))


def timeline(picture: Picture) -> Timeline:
    """Sort a picture's marks."""
    found = Timeline({mark.key: mark for mark in picture.marks}, picture.lines)
    for mark in picture.marks:
        if mark.step is None:
            found.outside.append(mark)
        elif mark.carried:
            found.states.setdefault(mark.lane, {})[mark.family, mark.step] = mark
        else:
            found.blocks.setdefault((mark.lane, mark.step), []).append(mark)
    for line in picture.lines:
        found.incoming.setdefault(line.head, []).append(line)
        found.leaving.setdefault(line.tail, []).append(line)
    found.delivered = {line.head: line.tail for line in picture.lines if line.delivers}
    for lane in dict.fromkeys([lane for lane, _ in found.blocks] + list(found.states)):
        found.forward[lane] = _runs_forward(found, lane)
    return found


def _runs_forward(time: Timeline, lane: LaneKey) -> bool:
    """The first use of a state in another step than its own decides; what is outside of time uses all of them."""
    for line in time.lines:
        tail, head = time.marks[line.tail], time.marks[line.head]
        if not tail.carried or not tail.lane == head.lane == lane or tail.step is None or head.step is None:
            continue
        if tail.step != head.step:
            return tail.step < head.step
    return True


@dataclass
class Highways:
    """Lines on which a state passes straight through a step, as (tail, head), and the families that have one."""

    lines: set[tuple[str, str]] = field(default_factory=set)
    families: dict[LaneKey, list[str]] = field(default_factory=dict)
    ways: dict[tuple[LaneKey, int], list[tuple[str, ...]]] = field(default_factory=dict)


def find_highways(time: Timeline) -> Highways:
    """The highway of every state that has one; such a state passes through a fold on it as well."""
    found = Highways(families={lane: [] for lane in time.forward})
    for (lane, step), marks in time.blocks.items():
        for (family, at), state in time.states.get(lane, {}).items():
            if at == step:
                _note_way(time, found, lane, marks, time.before(lane, family, step), state)
    for line in time.lines:
        for end, other in ((line.tail, line.head), (line.head, line.tail)):
            mark, fold = time.marks[end], time.marks[other]
            near = abs((mark.step or 0) - (fold.step or 0)) <= 1
            if near and mark.carried and fold.kind == "fold" and mark.family in found.families[mark.lane]:
                found.lines.add((line.tail, line.head))
    return found


def _note_way(
    time: Timeline, found: Highways, lane: LaneKey, marks: list[Mark], before: Mark | None, state: Mark
) -> None:
    number = {mark.key: i for i, mark in enumerate(marks)}
    end = time.delivered.get(state.key, "")
    if before is None or end not in number:
        return
    users = [number[m.key] for m in marks if any(x.tail == before.key for x in time.incoming.get(m.key, []))]
    entrywise = frozenset(number[mark.key] for mark in marks if mark.entrywise)
    way = highway_of(users, number[end], _inside(time, marks, number), entrywise)
    if not way:
        return
    keys = tuple(marks[i].key for i in way)
    ways = found.ways.setdefault((lane, marks[0].step or 0), [])
    if any(time.marks[key].kind not in ("step", "fold") for other in ways for key in other):
        return  # the top row has one height: the first state keeps it
    found.lines |= set(pairwise([before.key, *keys, state.key]))
    if state.family not in found.families[lane]:
        found.families[lane].append(state.family)
    if keys not in ways:
        ways.append(keys)


def _inside(time: Timeline, marks: list[Mark], number: Mapping[str, int]) -> tuple[tuple[int, int], ...]:
    """The lines between the marks of one step, numbered."""
    return tuple(
        (number[line.tail], number[mark.key])
        for mark in marks
        for line in time.incoming.get(mark.key, [])
        if line.tail in number
    )


def is_handed_over(tail: Mark, head: Mark) -> bool:
    """True for a state that another layer or direction uses at the same step."""
    return tail.carried and tail.step == head.step and tail.lane != head.lane and not head.carried


def drop_of(tail: Mark, head: Mark, number: Mapping[str, int] | None = None) -> str | None:
    """What a line comes up as from under all rows of its step: a state, an input, the bus; None if not so.

    Near states have a rail of their own; everything from further away shares one bus.
    """
    if head.carried or head.step is None or is_handed_over(tail, head):
        return None
    if tail.carried and tail.step is not None and tail.lane == head.lane and abs(tail.step - head.step) == 1:
        return None if head.kind == "fold" else state_drop(tail.family)
    if tail.carried or tail.step is None or (tail.kind == "fold" and tail.step != head.step):
        return BUS
    if tail.kind == "input" and head.kind != "input" and tail.lane == head.lane:
        return input_drop((number or {}).get(tail.key, 0))
    return None


def _wide_enough(mark: Mark, drops: list[str]) -> tuple[float, float]:
    """The size of a mark at whose foot the lines of many states come up."""
    width, height = size(mark)
    states = sum(not is_input(what) for what in drops)
    return (max(width, feet_width(states)) if states > 2 else width), height


def block_of(time: Timeline, highways: Highways, lane: LaneKey, step: int) -> Block:
    """A step of a lane in numbers, the same for all steps that are alike."""
    marks = time.blocks[lane, step]
    number = {mark.key: i for i, mark in enumerate(marks)}
    drops: dict[tuple[str, int], None] = {}
    for mark in marks:
        for line in time.incoming.get(mark.key, []):
            what = drop_of(time.marks[line.tail], mark, number)
            if what is not None and (line.tail, line.head) not in highways.lines:
                drops[what, number[mark.key]] = None
    exits = frozenset(
        number[mark.key]
        for mark in marks
        if mark.kind not in ("fold", "step")
        for line in time.leaving.get(mark.key, [])
        if line.head not in number and (line.tail, line.head) not in highways.lines
    )
    return Block(
        tuple(_wide_enough(mark, [what for what, head in drops if head == i]) for i, mark in enumerate(marks)),
        _inside(time, marks, number),
        tuple(tuple(number[key] for key in way) for way in highways.ways.get((lane, step), [])),
        frozenset(number[mark.key] for mark in marks if mark.kind == "input"),
        tuple(drops),
        exits,
    )
