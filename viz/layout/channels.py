"""Channels: free vertical space between the nodes of a step for each edge that would cross nodes.

Lines come up from under all rows, from states and inputs, or lead from one row past others. Where there
is no room for one, everything to its right moves on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .step import Port

__all__ = ["GAP", "Arrangement", "Entries", "Entry", "crosses", "entries", "feet_width"]

#: Points between nodes of a row.
GAP = 12.0
#: Points that an edge and its gradient need between nodes, and how far the edge is right of their middle.
CHANNEL, RIGHT = 18.0, 3.0
#: Points between the edges that come to the foot of a node from different states, and from the middle to the first.
APART, FOOT = 12.0, 5.0
#: How often edges are looked at again that are in the way of nodes after these have moved.
ROUNDS = 4
#: How close to its corners a node can be entered from below.
CORNER = 6.0

Pair = tuple[float, float]


@dataclass(frozen=True)
class Arrangement:
    """Nodes in rows: their sizes, the x of each but the inputs, the row of each, and the y of each row."""

    sizes: Sequence[tuple[float, float]]
    x: dict[int, float]
    rows: Mapping[int, int]
    heights: Sequence[float]


@dataclass(frozen=True)
class Entry:
    """The x at which an edge comes up, and how far above the middle of the node it enters from the side."""

    x: float
    rise: float = 0.0


@dataclass(frozen=True)
class Entries:
    """The x of every node after all have moved, of every port, and of every detour."""

    x: dict[int, float]
    ports: dict[Port, Entry]
    detours: dict[tuple[int, int], float]


@dataclass
class _Channel:
    """A channel from one row to another, both included."""

    middle: float
    first: int
    last: int


class _Room:
    """The nodes and the channels that have been given away; they move to the right together."""

    def __init__(self, given: Arrangement) -> None:
        self.sizes, self.rows = given.sizes, given.rows
        self.x = dict(given.x)
        self.channels: list[_Channel] = []

    def past(self, edge: tuple[int, int]) -> _Channel:
        """A channel for an edge from a node to one in a higher or lower row."""
        tail, head = (self.rows[end] for end in edge)
        first, last = (tail + 1, head) if tail < head else (head, tail - 1)
        return self.reserve(edge[1], first, last, edge[0])

    def reserve(self, node: int, first: int, last: int, start: int | None = None) -> _Channel:
        """A channel through these rows, as near to a node and to where the edge starts as there is room."""
        own = self.rows[node]
        taken = sorted(
            [self._sides(other) for other in self.x if first <= self.rows[other] <= last and other != node]
            + [_around(channel) for channel in self.channels if channel.first <= last and first <= channel.last]
        )
        beside = [self._sides(other) for other in self.x if self.rows[other] == own and other != node]
        beside += [_around(channel) for channel in self.channels if channel.first <= own <= channel.last]
        here = self.x[node]
        there = here if start is None else self.x[start]
        low = max((right for _, right in beside if right <= here), default=float("-inf"))
        high = min((left for left, _ in beside if left >= here), default=float("inf"))
        gaps = _gaps(taken, low, high, here) or _gaps(taken, float("-inf"), float("inf"), here)
        middle, end = min(gaps, key=lambda gap: round(_cost(gap[0], gap[1], here, there), 3))
        missing = middle + CHANNEL / 2 - end
        if missing > 0:
            self._move(end, missing)
        channel = _Channel(middle, first, last)
        self.channels.append(channel)
        return channel

    def _sides(self, node: int) -> tuple[float, float]:
        half = self.sizes[node][0] / 2
        return self.x[node] - half, self.x[node] + half

    def _move(self, start: float, by: float) -> None:
        """Everything whose middle is right of a place."""
        for node, at in self.x.items():
            if at >= start:
                self.x[node] = at + by
        for channel in self.channels:
            if channel.middle >= start:
                channel.middle += by


def _around(channel: _Channel) -> tuple[float, float]:
    return channel.middle - CHANNEL / 2, channel.middle + CHANNEL / 2


def _gaps(taken: Sequence[tuple[float, float]], low: float, high: float, here: float) -> list[tuple[float, float]]:
    """For each gap between what is taken: the middle of a channel in it, and where the gap ends."""
    found = []
    start = float("-inf")
    for left, right in [*taken, (float("inf"), float("inf"))]:
        begin, end = max(start, low), min(left, high)
        if begin <= end and left >= start:
            nearest = min(max(here, begin + CHANNEL / 2), max(end - CHANNEL / 2, begin + CHANNEL / 2))
            found.append((nearest, end))
        start = max(start, right)
    return found


def _cost(middle: float, end: float, here: float, there: float) -> float:
    """The cost of a channel: its distance from both ends of its edge, and the distance that others move for it."""
    return abs(middle - here) + abs(middle - there) + 2 * max(middle + CHANNEL / 2 - end, 0.0)


def entries(given: Arrangement, edges: Sequence[tuple[int, int]], ports: Sequence[Port]) -> Entries:
    """A channel for each edge that needs one; nodes of row 0 are entered from below without one."""
    blocked: list[tuple[int, int]] = []
    for _ in range(ROUNDS):
        found = _entries(given, blocked, ports)
        new = [edge for edge in edges if edge not in blocked and _is_blocked(edge, given, found.x)]
        if not new:
            break
        blocked += new
    return found


def _entries(given: Arrangement, blocked: Sequence[tuple[int, int]], ports: Sequence[Port]) -> Entries:
    room = _Room(given)
    detours = {edge: room.past(edge) for edge in blocked}
    wanted = sorted((port for port in ports if given.rows[port.node] > 0), key=lambda port: given.rows[port.node])
    channels = {port: room.reserve(port.node, 0, given.rows[port.node]) for port in wanted}
    found = {port: Entry(channel.middle + RIGHT) for port, channel in channels.items()}
    for node in dict.fromkeys(node for _, node in ports):
        own = [port for port in ports if port.node == node]
        if given.rows[node] == 0:
            found |= _feet(own, room.x[node])
        else:
            found |= _one_above_another(own, found, room, node)
    return Entries(room.x, found, {edge: channel.middle + RIGHT for edge, channel in detours.items()})


def feet_width(states: int) -> float:
    """The width of a node at which the edges of so many states come up at its foot."""
    return 2 * (FOOT + APART * (states - 1) + CORNER + 2)


def _feet(ports: Sequence[Port], middle: float) -> dict[Port, Entry]:
    """States come up left of the middle of a node, inputs right of it."""
    states = [port for port in ports if port.origin.kind != "input"]
    inputs = [port for port in ports if port.origin.kind == "input"]
    found = {port: Entry(middle - FOOT - APART * i) for i, port in enumerate(states)}
    return found | {port: Entry(middle + FOOT + APART * i) for i, port in enumerate(inputs)}


def _one_above_another(ports: Sequence[Port], found: Mapping[Port, Entry], room: _Room, node: int) -> dict[Port, Entry]:
    """The entries of edges into a node from the same side: the nearest channel lowest, so that no two cross."""
    half, moved = room.sizes[node][0] / 2 - CORNER, {}
    for side in (1, -1):
        own = [port for port in ports if side * (found[port].x - room.x[node]) > half]
        own.sort(key=lambda port: side * found[port].x)
        for i, port in enumerate(own):
            moved[port] = Entry(found[port].x, APART * (i - (len(own) - 1) / 2))
    return moved


def _is_blocked(edge: tuple[int, int], given: Arrangement, x: Mapping[int, float]) -> bool:
    """True if an edge to another row would cross a node; to the next row down there is a way round its corner."""
    tail, head = edge
    if tail not in x or head not in x or given.rows[head] in (given.rows[tail], given.rows[tail] - 1):
        return False
    place = {node: (x[node], given.heights[given.rows[node]]) for node in x}
    return any(crosses(place[tail], place[head], place[node], given.sizes[node]) for node in x if node not in edge)


def crosses(p: Pair, q: Pair, centre: Pair, box: Pair) -> bool:
    """True if the segment from p to q comes within a box, or two points of it (slab by slab)."""
    reach, rise = box[0] / 2 + 2, box[1] / 2 + 2
    if not (min(p[0], q[0]) < centre[0] + reach and max(p[0], q[0]) > centre[0] - reach):
        return False
    if not (min(p[1], q[1]) < centre[1] + rise and max(p[1], q[1]) > centre[1] - rise):
        return False
    low, high = 0.0, 1.0
    for axis, extent in ((0, reach), (1, rise)):
        start, delta = p[axis], q[axis] - p[axis]
        if abs(delta) < 1e-9:
            if abs(start - centre[axis]) > extent:
                return False
            continue
        first, last = sorted(((centre[axis] - extent - start) / delta, (centre[axis] + extent - start) / delta))
        low, high = max(low, first), min(high, last)
    return low < high
