"""The two sweeps over a graph: reverse (cotangents) and forward (tangents). No recursion.

A node's serial number is larger than those of its arguments. The reverse sweep therefore takes the
newest pending node each time: when its turn comes, every node that used it has been dealt with.

Both sweeps run in one of two ways. *Plain*: rules get values and return values; this is fast and keeps
nothing. *Recorded*: rules get the nodes themselves, so the derivative is a graph again and can be
differentiated in its turn.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, NamedTuple

from .primitive import PRIMITIVES
from .tensor import INPUT, SCALARS, Tensor, bind, describe

__all__ = [
    "Adjoints",
    "Edge",
    "SparseCotangent",
    "ancestors",
    "forward_sweep",
    "reaches_outside",
    "reverse_sweep",
]


class Edge(NamedTuple):
    """One use of a node: it is argument number `position` of `target`.

    ``y * y`` makes two edges, at positions 0 and 1.
    """

    source: Tensor
    target: Tensor
    position: int


class SparseCotangent(NamedTuple):
    """The cotangent of an array that is zero but at `index`, where it is `g`.

    Rules of indexing return it instead of an array of zeros with `g` inside; the sweep scatters all those
    of a node into one array.
    """

    g: Any
    index: Any
    shape: tuple[int, ...]

    def result(self) -> Any:
        """The array of zeros with `g` added at `index`."""
        return _assemble([self])


@dataclass(slots=True)
class Adjoints:
    """The result of a reverse sweep: the adjoint of every node, the cotangent of every edge.

    Attributes
    ----------
    nodes : dict
        ∂output/∂node of every node that the sweep reached.
    edges : dict
        The contribution of each `Edge` to its source's adjoint, an array or a `SparseCotangent`; empty unless
        asked for. The contributions of the edges that leave a node add up to its adjoint.
    reached_outside : bool
        True if the sweep came upon a differentiable Tensor older than all targets, over which the differentiated
        function closes.
    """

    nodes: dict[Tensor, Any] = field(default_factory=dict)
    edges: dict[Edge, Any] = field(default_factory=dict)
    reached_outside: bool = False

    @property
    def shares(self) -> dict[Edge, Any]:
        """`edges` under its earlier name."""
        return self.edges


def _assemble(parts: list[SparseCotangent]) -> Any:
    """Add all parts into one array of zeros, made once however many parts there are."""
    indices = tuple(part.index for part in parts)
    gs = tuple(part.g for part in parts)
    return bind(PRIMITIVES["scatter"], gs, {"indices": indices, "shape": parts[0].shape})


class _Sum:
    """The cotangents that reached a node which was used more than once, added up as they come.

    The first two make a fresh array; in a plain sweep later ones are added into it in place.
    """

    __slots__ = ("owned", "parts", "recorded", "total")

    def __init__(self, first: Any, recorded: bool) -> None:
        self.parts = [first] if type(first) is SparseCotangent else []
        self.total = None if type(first) is SparseCotangent else first
        self.recorded = recorded
        self.owned = False

    def add(self, contribution: Any) -> "_Sum":
        """Add one more contribution."""
        if type(contribution) is SparseCotangent:
            self.parts.append(contribution)
        elif self.total is None:
            self.total = contribution
        elif self.owned:
            self.total += contribution
        else:
            self.total = self.total + contribution
            self.owned = not self.recorded
        return self

    def result(self) -> Any:
        """The sum of all contributions."""
        if not self.parts:
            return self.total
        parts = _assemble(self.parts)
        return parts if self.total is None else self.total + parts


def reverse_sweep(
    seeds: Iterable[tuple[Tensor, Any]],
    *,
    targets: Iterable[Tensor] = (),
    recorded: bool = False,
    keep_all: bool = False,
) -> Adjoints:
    """Pull cotangents back from outputs to what they were computed from.

    Each node's cotangent is complete when its turn comes; each rule then turns it into the contribution
    to one argument: ``x̄ += vjp(ȳ, y, xs)``.

    Parameters
    ----------
    seeds : iterable of (node, cotangent)
        Where the sweep starts.
    targets : iterable of node
        Where it stops, and whose adjoints are returned. Without targets it goes down to the leaves
        and returns theirs.
    recorded : bool
        Run the rules on nodes instead of values, so that the result can be differentiated.
    keep_all : bool
        Keep the adjoint of every node and the cotangent of every edge; otherwise they are let go as soon
        as they have been used.
    """
    stops = {node.serial for node in targets}
    oldest = min(stops, default=-1)
    found = Adjoints()
    waiting: dict[int, list[Any]] = {}
    queue: list[int] = []
    for node, cotangent in seeds:
        if node.serial in waiting:
            waiting[node.serial][1] = waiting[node.serial][1] + cotangent
        else:
            waiting[node.serial] = [node, cotangent]
            heappush(queue, -node.serial)

    while queue:
        serial = -heappop(queue)
        node, g = waiting.pop(serial)
        if type(g) is _Sum or type(g) is SparseCotangent:
            g = g.result()
        stop = serial in stops
        args = node.args
        if keep_all or stop or not (args or stops):
            found.nodes[node] = g
        if stop:
            continue
        primitive, params = node.primitive, node.params
        y, xs = (node, args) if recorded else (node.value, node.values)
        together = _all_contributions(node, g, y, xs) if primitive.variadic else None
        for position, arg in enumerate(args):
            if type(arg) is not Tensor or not arg.tracked:
                continue
            if arg.serial < oldest:
                found.reached_outside = True
                continue
            if together is not None:
                contribution = together[position]
            elif (rule := primitive.vjps[position]) is not None:
                try:
                    contribution = rule(g, y, *xs, **params) if params else rule(g, y, *xs)
                except Exception as error:
                    error.add_note(f"raised by the reverse rule of {describe(node)}, argument {position}")
                    raise
            else:
                continue
            if contribution is None:
                continue
            if keep_all:
                found.edges[Edge(arg, node, position)] = contribution
            entry = waiting.get(arg.serial)
            if entry is None:
                waiting[arg.serial] = [arg, contribution]
                heappush(queue, -arg.serial)
            elif type(entry[1]) is _Sum:
                entry[1].add(contribution)
            else:
                entry[1] = _Sum(entry[1], recorded).add(contribution)
    return found


def _all_contributions(node: Tensor, g: Any, y: Any, xs: Any) -> Any:
    """The contributions to all arguments of a variadic primitive: one rule gives them together."""
    rule: Any = node.primitive.vjps[0]
    try:
        return rule(g, y, *xs, **node.params)
    except Exception as error:
        error.add_note(f"raised by the reverse rule of {describe(node)}")
        raise


def reaches_outside(outputs: Iterable[Tensor], oldest: int) -> bool:
    """True if some outputs depend on a leaf older than `oldest` of which gradients can be asked."""
    seen: set[int] = set()
    stack = [node for node in outputs if node.tracked]
    while stack:
        node = stack.pop()
        if node.primitive is INPUT and node.serial < oldest:
            return True
        for arg in node.args:
            if type(arg) is Tensor and arg.tracked and arg.serial not in seen:
                seen.add(arg.serial)
                stack.append(arg)
    return False


def ancestors(outputs: Iterable[Tensor], oldest: int = 0) -> list[Tensor]:
    """Every node that the outputs were computed from, themselves included, parents first."""
    found = {node.serial: node for node in outputs}
    stack = list(found.values())
    while stack:
        for arg in stack.pop().args:
            if type(arg) not in SCALARS and arg.serial >= oldest and arg.serial not in found:
                found[arg.serial] = arg
                stack.append(arg)
    return [found[serial] for serial in sorted(found)]


def forward_sweep(
    outputs: Iterable[Tensor], tangents: Mapping[Tensor, Any], *, recorded: bool = False
) -> dict[Tensor, Any]:
    """Push tangents forward from some nodes to all that was computed from them.

    ``ẏ = Σ_i jvp_i(ẋ_i, y, xs)``, parents first.

    Parameters
    ----------
    outputs : iterable of node
        Where the sweep ends.
    tangents : mapping
        The tangent of each node that moves.
    recorded : bool
        Run the rules on nodes instead of values.

    Returns
    -------
    dict
        The tangent of every node that depends on the given ones; a node that is missing has tangent 0.
    """
    moving = dict(tangents)
    oldest = min((node.serial for node in moving), default=0)
    for node in ancestors(outputs, oldest):
        if node in moving:
            continue
        primitive, args = node.primitive, node.args
        y, xs = (node, args) if recorded else (node.value, node.values)
        ts = [None if type(x) in SCALARS else moving.get(x) for x in args]
        if all(t is None for t in ts):
            continue
        if primitive.variadic:
            moving[node] = primitive.jvps[0](ts, y, *xs, **node.params)  # type: ignore[misc, unused-ignore]
            continue
        rules = zip(primitive.jvps, ts, strict=True)
        terms = [rule(t, y, *xs, **node.params) for rule, t in rules if t is not None and rule is not None]
        if terms:
            moving[node] = sum(terms[1:], terms[0])
    return moving
