"""The levels of a lane: from the bus at the bottom, past inputs and the rails of states, up to the highway."""

from dataclasses import dataclass

from .timeline import Highways, LaneKey, Timeline

__all__ = ["HEAD", "Lane", "lanes_of"]

#: Points from row 0 down to the first rail, between rails, between rails with marks on them, and to the inputs.
RAIL, RAIL_STEP, MARKED, INPUT = 38.0, 16.0, 34.0, 46.0
#: Points from the inputs down to the bus of far connections, and from there to the frame.
BUS, FLOOR = 26.0, 12.0
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
        inputs = floor + FLOOR + BUS
        depth = RAIL + MARKED * max(len(low) - 1, 0) + RAIL_STEP * (len(on_top) if low else max(len(on_top) - 1, 0))
        depth = max(depth, STATES * len(on_top) - tops.get(key, 0.0))
        base = inputs + (INPUT + depth if families or _reads_inputs(time, key) else ALONE)
        rails = {family: base - RAIL - MARKED * i for i, family in enumerate(low)}
        lowest = min(rails.values(), default=base - RAIL + RAIL_STEP)
        rails |= {family: lowest - RAIL_STEP * i for i, family in enumerate(on_top, start=1)}
        top = base + tops.get(key, 0.0) + HEAD
        states = rails | {family: top - HEAD - STATES * i for i, family in enumerate(on_top)}
        lanes[key] = Lane(rails, states, inputs, inputs - BUS, floor, top, base, forward)
        floor = top + LANE_GAP
    return lanes


def _reads_inputs(time: Timeline, lane: LaneKey) -> bool:
    """Whether inputs stand under the marks of a lane."""
    return any(mark.kind == "input" for (key, _), marks in time.blocks.items() if key == lane for mark in marks)
