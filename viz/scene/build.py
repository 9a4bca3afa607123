"""From a graph and its adjoints to a picture: a node for each group of the graph's nodes, an edge for each use."""

from collections.abc import Container, Mapping, Sequence
from math import hypot
from typing import Any, NamedTuple

from cells.analysis.norms import norm
from cells.analysis.structure import carried_nodes, is_parameter
from minigrad import Graph, Tensor
from minigrad.context import step_of, without_time
from minigrad.sweep import Adjoints, SparseCotangent
from minigrad.sweep import Edge as GraphEdge
from minigrad.tensor import CONSTANT

from ..colour_scale import Scale
from .folding import Fold, fold_ends, fold_label, fold_of, fold_tooltip, folded
from .grouping import Group, crosses_time, families_of, first_nonfinite, grouping
from .labels import short_name, symbol, title, wrapped_formula
from .picture import Edge, Node, Picture
from .tooltips import called, gradient_note, node_tooltip, nonfinite_label, nonfinite_tooltip

__all__ = ["ENTRYWISE", "edge_of", "joint_norm", "kind_of", "picture_of", "share_norm"]


#: Operations that act elementwise without a slope of their own, drawn as circles.
ENTRYWISE = ("multiply", "add", "subtract", "divide", "negative", "alias", "where")


def kind_of(node: Tensor, outputs: Container[int] = (), named_apart: bool = False) -> str:
    """The row of the style table for a node; `named_apart`: its name stands on a state of its own."""
    name = node.primitive.name
    if node.primitive is CONSTANT:
        return "constant"
    if node.is_leaf:
        return "parameter" if is_parameter(node) else "input"
    if node.serial in outputs:
        return "output"
    if node.name == "x" or (name == "getitem" and isinstance(node.args[0], Tensor) and node.args[0].is_leaf):
        return "input"
    if name in ("sigmoid", "tanh"):
        return name
    return "elementwise" if name in ENTRYWISE and (node.name is None or named_apart) else "operation"


def share_norm(share: Any) -> float | None:
    """The Euclidean norm of what an edge carries, without building the zeros around a `SparseCotangent`."""
    if type(share) is not SparseCotangent:
        return norm(share)
    indices = share.index if isinstance(share.index, tuple) else (share.index,)
    plain = all(isinstance(index, int | slice) or index is None or index is Ellipsis for index in indices)
    return norm(share.g if plain else share.result())


def joint_norm(edges: Sequence[GraphEdge], shares: Mapping[GraphEdge, Any]) -> float | None:
    """The norm of what several uses carry together: added up for one value, side by side for several."""
    by_source: dict[int, list[Any]] = {}
    for edge in edges:
        if edge in shares:
            by_source.setdefault(edge.source.serial, []).append(shares[edge])
    norms = [_norm_of_sum(found) for found in by_source.values()]
    known = [size for size in norms if size is not None]
    return (known[0] if len(known) == 1 else hypot(*known)) if known else None


def _norm_of_sum(shares: list[Any]) -> float | None:
    if len(shares) == 1:
        return share_norm(shares[0])
    dense = [share.result() if type(share) is SparseCotangent else share for share in shares]
    return norm(sum(dense[1:], dense[0]))


def edge_of(tail: str, head: str, edges: Sequence[GraphEdge], shares: Mapping[GraphEdge, Any]) -> Edge:
    """An edge with what is said about it and about what flows back along it."""
    source, target = called(edges[0].source), " and ".join(dict.fromkeys(called(edge.target) for edge in edges[:4]))
    share = joint_norm(edges, shares)
    note = "" if share is None else gradient_note(f"gradient {target} → {source}", share)
    return Edge(tail, head, share, f"{source} → {target}", note)


def picture_of(
    graph: Graph,
    adjoints: Adjoints | None = None,
    *,
    detail: str = "op",
    in_time: bool = False,
    longest: int | None = None,
    remark: str = "",
) -> Picture:
    """One node for each group of nodes, one edge for each use of a value.

    A leaf outside all scopes that is used inside some (a parameter) gets one node in each of them: that
    keeps lines short and layouts fast, and adds no edge.

    Parameters
    ----------
    graph : Graph
    adjoints : Adjoints, optional
        What flows back; without it no gradients are drawn.
    detail : str
        A key of `grouping.DETAILS`.
    in_time : bool
        Give each state a node of its own between the time steps.
    longest : int, optional
        The number of steps beyond which the middle is folded.
    remark : str
        What to write under the drawing.
    """
    sketch = _Sketch(graph, adjoints, detail, in_time, longest)
    edges = sketch.edges()
    known = [edge.share for edge in edges if edge.share is not None]
    return Picture(tuple(sketch.nodes()), tuple(edges), repr(graph).strip("<>"), remark, Scale.over(known))


class _Use(NamedTuple):
    """The key of one edge of the picture: a value on its way from one node to another."""

    source: int
    tail: str
    head: str
    position: int


class _Sketch:
    """The lookups that nodes and edges of the picture need, made once."""

    def __init__(
        self, graph: Graph, adjoints: Adjoints | None, detail: str, in_time: bool, longest: int | None
    ) -> None:
        self.graph = graph
        self.adjoints = adjoints
        self.in_time = in_time
        self.each_use = detail == "op"
        self.nonfinite = first_nonfinite(graph)
        keep = None if self.nonfinite is None else step_of(self.nonfinite.scope)
        fold = self.fold = None if longest is None else fold_of(graph, longest, keep)
        grouped = grouping(graph, detail, self.nonfinite)
        self.groups = grouped if fold is None else folded(grouped, fold)
        self.owner = {node.serial: i for i, group in enumerate(self.groups) for node in group.members}
        self.order = {node.serial: i for i, node in enumerate(graph.nodes)}
        self.states = carried_nodes(graph.nodes)
        self.families = families_of(graph.nodes, self.states)
        self.ends = {} if fold is None else fold_ends(graph, self.groups, self.states, fold)
        inner = {node.serial for i in self.ends for node in self.groups[i].members}
        leaving = {node.serial for ends in self.ends.values() for node in ends.exits}
        self.split = self.states - (inner - leaving) if in_time else frozenset[int]()
        self.outputs = {node.serial: name for name, node in graph.outputs.items()}
        self.places = _places(graph, fold)
        # Gates that the next step sees are states, and are read in their own step too.
        self.used_here = {edge.source.serial for edge in graph.edges if edge.source.scope == edge.target.scope}

    # -- nodes -----------------------------------------------------------------------------------

    def nodes(self) -> list[Node]:
        """Each group's node, one for each place where it is drawn, followed by those of its states."""
        found = []
        for group in self.groups:
            if not (group.face.serial in self.split and group.face.is_leaf):
                found += self._copies(group)
            found += [self._state(node) for node in group.members if node.serial in self.split]
        return found

    def _copies(self, group: Group) -> list[Node]:
        """The same node at all places where the group is drawn."""
        node = group.face
        label, kind, words = self._label(group), self._kind(group), self._tooltip(group)
        bad = next((member for member in group.members if member is self.nonfinite), None)
        if bad is not None:
            label, words = f"{label}\n{nonfinite_label(bad, node)}", f"{nonfinite_tooltip(bad)}\n{words}"
        elementwise = group.kind == "step" or (group.kind != "affine" and node.primitive.name in ENTRYWISE)
        return [
            Node(
                self._key(node, place),
                label,
                kind,
                words,
                self._scope(place),
                step=self._column(place),
                elementwise=elementwise,
                nonfinite=bad is not None,
            )
            for place in self._places_of(group)
        ]

    def _scope(self, scope: tuple[str, ...]) -> tuple[str, ...]:
        """The frame for a scope."""
        return scope if self.fold is None else self.fold.scope(scope)

    def _column(self, scope: tuple[str, ...]) -> int | None:
        step = step_of(scope) if self.in_time else None
        return step if self.fold is None else self.fold.column(step)

    def _tooltip(self, group: Group) -> str:
        if group.kind == "fold":
            return fold_tooltip(self.ends[self.owner[group.face.serial]])
        return node_tooltip(group, self.adjoints, len(self._places_of(group)))

    def _state(self, node: Tensor) -> Node:
        return Node(
            f"s{self.order[node.serial]}",
            short_name(node) or "",
            "state",
            node_tooltip(Group(node, (node,)), self.adjoints),
            self._scope(node.scope),
            step=self._column(node.scope),
            carried=True,
            family=self.families[node.serial],
        )

    def _label(self, group: Group) -> str:
        node = group.face
        if group.kind == "affine":
            return wrapped_formula(node)
        if group.kind == "step":
            return "\n".join(short_name(m) or "" for m in group.members if m.serial in self.states) or "step"
        if group.kind == "fold":
            return fold_label(self.ends[self.owner[node.serial]])
        if node.serial in self.split and not (node.primitive.name == "sigmoid" and node.serial in self.used_here):
            return symbol(node)
        return title(node, self.outputs.get(node.serial))

    def _kind(self, group: Group) -> str:
        node = group.face
        if group.kind == "affine" and node.serial not in self.outputs:
            return "affine"
        if group.kind in ("step", "fold"):
            return group.kind
        if node.serial in self.states and node.serial not in self.split:
            return "state"
        return kind_of(node, self.outputs, named_apart=node.serial in self.split)

    # -- edges -----------------------------------------------------------------------------------

    def edges(self) -> list[Edge]:
        """One edge for each use; uses of one value by one node are one edge, unless every use is wanted."""
        shares = {} if self.adjoints is None else self.adjoints.edges
        bundles: dict[_Use, list[GraphEdge]] = {}
        deliveries: dict[int, list[GraphEdge]] = {}
        for edge in self.graph.edges:
            if not self._is_drawn(edge):
                continue
            away = edge.source.serial in self.split and self._leaves_step(edge)
            if away:
                deliveries.setdefault(edge.source.serial, []).append(edge)
            inside = self.owner[edge.source.serial] == self.owner[edge.target.serial]
            if inside and not away:
                continue
            head = self._key(edge.target, edge.target.scope)
            tail = self._tail(edge, away)
            within = self._in_fold(edge.source) or self._in_fold(edge.target)
            position = len(bundles) if self.each_use and not within else -1
            source = edge.source.serial if away or not self._in_fold(edge.source) else -1
            bundles.setdefault(_Use(source, tail, head, position), []).append(edge)
        made = [self._delivery(node, deliveries.get(node.serial, []), shares) for node in self._delivered()]
        return made + [edge_of(use.tail, use.head, edges, shares) for use, edges in bundles.items()]

    def _leaves_step(self, edge: GraphEdge) -> bool:
        """A use at another time, or by another layer or direction: it starts at the state's own node."""
        if crosses_time(edge):
            return True
        return without_time(edge.source.scope) != without_time(edge.target.scope) and not self._in_fold(edge.source)

    def _is_drawn(self, edge: GraphEdge) -> bool:
        """False for what a fold gets from parameters, and for what is not drawn."""
        if edge.source.serial not in self.owner or edge.target.serial not in self.owner:
            return False
        return not (self._in_fold(edge.target) and edge.source.is_leaf and not edge.source.scope)

    def _in_fold(self, node: Tensor) -> bool:
        return self.groups[self.owner[node.serial]].kind == "fold"

    def _delivered(self) -> list[Tensor]:
        return [node for node in self.graph.nodes if node.serial in self.split and not node.is_leaf]

    def _delivery(self, node: Tensor, edges: Sequence[GraphEdge], shares: Mapping[GraphEdge, Any]) -> Edge:
        share = joint_norm(edges, shares)
        name = called(node)
        note = "" if share is None else gradient_note(f"gradient into {name} from outside its step", share)
        return Edge(self._key(node, node.scope), f"s{self.order[node.serial]}", share, f"{name}", note, delivers=True)

    def _tail(self, edge: GraphEdge, away: bool) -> str:
        if away or (edge.source.serial in self.split and edge.source.is_leaf):
            return f"s{self.order[edge.source.serial]}"
        return self._key(edge.source, edge.target.scope)

    # -- keys ------------------------------------------------------------------------------------

    def _key(self, node: Tensor, place: tuple[str, ...]) -> str:
        """The key of the picture's node that a graph's node is part of, as seen from a place."""
        group = self.groups[self.owner[node.serial]]
        places = self._places_of(group)
        number = self.order[group.face.serial]
        return f"n{number}" if len(places) == 1 else f"n{number}_{places[place]}"

    def _places_of(self, group: Group) -> dict[tuple[str, ...], int]:
        return self.places[group.face.serial] if len(group.members) == 1 else {group.face.scope: 0}


def _places(graph: Graph, fold: Fold | None) -> dict[int, dict[tuple[str, ...], int]]:
    """The scopes in which each node is drawn, numbered: its own, or for a leaf outside of scopes those of its users."""
    users: dict[int, dict[tuple[str, ...], None]] = {}
    for edge in graph.edges:
        inside = fold is not None and fold.span(step_of(edge.target.scope)) is not None
        if edge.source.is_leaf and not edge.source.scope and not inside:
            users.setdefault(edge.source.serial, {})[edge.target.scope] = None
    return {
        node.serial: {scope: i for i, scope in enumerate(users.get(node.serial, [node.scope]))} for node in graph.nodes
    }
