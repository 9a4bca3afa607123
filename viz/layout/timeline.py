"""The nodes of each lane and step of a picture, and the states that have a cell path through the steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from ..scene.picture import Edge, Node, Picture
from .channels import feet_width
from .sizes import size
from .step import BUS, Origin, Port, StepBlock, cell_path_of

__all__ = ["CellPaths", "LaneKey", "Timeline", "block_of", "find_cell_paths", "is_handed_over", "origin_of", "timeline"]

#: The scopes that make a lane: a layer, a direction.
LaneKey = tuple[str, ...]


@dataclass
class Timeline:
    """A picture's nodes, sorted.

    Attributes
    ----------
    nodes : dict
        By key.
    blocks : dict
        What is computed in each step of each lane.
    states : dict
        For each lane, the states by family and step.
    outside : list
        What is in no time step.
    incoming, leaving : dict
        The edges to each node and from it.
    delivered : dict
        For each state, the node that makes it.
    forward : dict
        For each lane, whether states are used at a later step than their own.
    """

    nodes: dict[str, Node]
    edges: tuple[Edge, ...]
    blocks: dict[tuple[LaneKey, int], list[Node]] = field(default_factory=dict)
    states: dict[LaneKey, dict[tuple[str, int], Node]] = field(default_factory=dict)
    outside: list[Node] = field(default_factory=list)
    incoming: dict[str, list[Edge]] = field(default_factory=dict)
    leaving: dict[str, list[Edge]] = field(default_factory=dict)
    delivered: dict[str, str] = field(default_factory=dict)
    forward: dict[LaneKey, bool] = field(default_factory=dict)

    def before(self, lane: LaneKey, family: str, step: int) -> Node | None:
        """The state from which a lane's step starts."""
        return self.states[lane].get((family, step - 1 if self.forward[lane] else step + 1))


def timeline(picture: Picture) -> Timeline:
    """Sort a picture's nodes."""
    found = Timeline({node.key: node for node in picture.nodes}, picture.edges)
    for node in picture.nodes:
        if node.step is None:
            found.outside.append(node)
        elif node.carried:
            found.states.setdefault(node.lane, {})[node.family, node.step] = node
        else:
            found.blocks.setdefault((node.lane, node.step), []).append(node)
    for edge in picture.edges:
        found.incoming.setdefault(edge.head, []).append(edge)
        found.leaving.setdefault(edge.tail, []).append(edge)
    found.delivered = {edge.head: edge.tail for edge in picture.edges if edge.delivers}
    for lane in dict.fromkeys([lane for lane, _ in found.blocks] + list(found.states)):
        found.forward[lane] = _runs_forward(found, lane)
    return found


def _runs_forward(time: Timeline, lane: LaneKey) -> bool:
    """The first use of a state in another step than its own decides; what is outside of time uses all of them."""
    for edge in time.edges:
        tail, head = time.nodes[edge.tail], time.nodes[edge.head]
        if not tail.carried or not tail.lane == head.lane == lane or tail.step is None or head.step is None:
            continue
        if tail.step != head.step:
            return tail.step < head.step
    return True


@dataclass
class CellPaths:
    """Lines on which a state passes straight through a step, as (tail, head), and the families that have one."""

    edges: set[tuple[str, str]] = field(default_factory=set)
    families: dict[LaneKey, list[str]] = field(default_factory=dict)
    ways: dict[tuple[LaneKey, int], list[tuple[str, ...]]] = field(default_factory=dict)


def find_cell_paths(time: Timeline) -> CellPaths:
    """The cell path of every state that has one; such a state passes through a fold on it as well."""
    found = CellPaths(families={lane: [] for lane in time.forward})
    for (lane, step), nodes in time.blocks.items():
        for (family, at), state in time.states.get(lane, {}).items():
            if at == step:
                _note_way(time, found, lane, nodes, time.before(lane, family, step), state)
    for edge in time.edges:
        for end, other in ((edge.tail, edge.head), (edge.head, edge.tail)):
            node, fold = time.nodes[end], time.nodes[other]
            near = abs((node.step or 0) - (fold.step or 0)) <= 1
            if near and node.carried and fold.kind == "fold" and node.family in found.families[node.lane]:
                found.edges.add((edge.tail, edge.head))
    return found


def _note_way(
    time: Timeline, found: CellPaths, lane: LaneKey, nodes: list[Node], before: Node | None, state: Node
) -> None:
    number = {node.key: i for i, node in enumerate(nodes)}
    end = time.delivered.get(state.key, "")
    if before is None or end not in number:
        return
    users = [number[m.key] for m in nodes if any(x.tail == before.key for x in time.incoming.get(m.key, []))]
    elementwise = frozenset(number[node.key] for node in nodes if node.elementwise)
    way = cell_path_of(users, number[end], _inside(time, nodes, number), elementwise)
    if not way:
        return
    keys = tuple(nodes[i].key for i in way)
    ways = found.ways.setdefault((lane, nodes[0].step or 0), [])
    if any(time.nodes[key].kind not in ("step", "fold") for other in ways for key in other):
        return  # the top row has one height: the first state keeps it
    found.edges |= set(pairwise([before.key, *keys, state.key]))
    if state.family not in found.families[lane]:
        found.families[lane].append(state.family)
    if keys not in ways:
        ways.append(keys)


def _inside(time: Timeline, nodes: list[Node], number: Mapping[str, int]) -> tuple[tuple[int, int], ...]:
    """The edges between the nodes of one step, numbered."""
    return tuple(
        (number[edge.tail], number[node.key])
        for node in nodes
        for edge in time.incoming.get(node.key, [])
        if edge.tail in number
    )


def is_handed_over(tail: Node, head: Node) -> bool:
    """True for a state that another layer or direction uses at the same step."""
    return tail.carried and tail.step == head.step and tail.lane != head.lane and not head.carried


def origin_of(tail: Node, head: Node, number: Mapping[str, int] | None = None) -> Origin | None:
    """The origin of an edge that comes up from under its step: a state, an input, the bus; None if it does not.

    Near states have a track of their own; everything from further away shares one bus.
    """
    if head.carried or head.step is None or is_handed_over(tail, head):
        return None
    if tail.carried and tail.step is not None and tail.lane == head.lane and abs(tail.step - head.step) == 1:
        return None if head.kind == "fold" else Origin("state", tail.family)
    if tail.carried or tail.step is None or (tail.kind == "fold" and tail.step != head.step):
        return BUS
    if tail.kind == "input" and head.kind != "input" and tail.lane == head.lane:
        return Origin("input", (number or {}).get(tail.key, 0))
    return None


def _wide_enough(node: Node, origins: list[Origin]) -> tuple[float, float]:
    """The size of a node at whose foot the edges of many states come up."""
    width, height = size(node)
    states = sum(origin.kind != "input" for origin in origins)
    return (max(width, feet_width(states)) if states > 2 else width), height


def block_of(time: Timeline, cell_paths: CellPaths, lane: LaneKey, step: int) -> StepBlock:
    """A step of a lane in numbers, the same for all steps that are alike."""
    nodes = time.blocks[lane, step]
    number = {node.key: i for i, node in enumerate(nodes)}
    ports: dict[Port, None] = {}
    for node in nodes:
        for edge in time.incoming.get(node.key, []):
            origin = origin_of(time.nodes[edge.tail], node, number)
            if origin is not None and (edge.tail, edge.head) not in cell_paths.edges:
                ports[Port(origin, number[node.key])] = None
    exits = frozenset(
        number[node.key]
        for node in nodes
        if node.kind not in ("fold", "step")
        for edge in time.leaving.get(node.key, [])
        if edge.head not in number and (edge.tail, edge.head) not in cell_paths.edges
    )
    return StepBlock(
        tuple(_wide_enough(node, [port.origin for port in ports if port.node == i]) for i, node in enumerate(nodes)),
        _inside(time, nodes, number),
        tuple(tuple(number[key] for key in way) for way in cell_paths.ways.get((lane, step), [])),
        frozenset(number[node.key] for node in nodes if node.kind == "input"),
        tuple(ports),
        exits,
    )
