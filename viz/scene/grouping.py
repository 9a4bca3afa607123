"""The part of a graph that one node of a picture stands for: an operation, a gate with its weights, or a whole step."""

from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from cells.analysis.structure import affine_maps, is_parameter, users_of
from minigrad import Graph, Tensor
from minigrad.context import step_of
from minigrad.nans import has_nan
from minigrad.sweep import Edge
from minigrad.tensor import CONSTANT

__all__ = ["DETAILS", "Group", "crosses_time", "families_of", "first_nonfinite", "grouping"]


def crosses_time(edge: Edge) -> bool:
    """True if a value is used at another time step than its own, or outside of time."""
    return step_of(edge.source.scope) != step_of(edge.target.scope)


def families_of(nodes: Iterable[Tensor], states: Container[int]) -> dict[int, str]:
    """The family that ties each state to the one in its place in the next step: its name, numbered where needed.

    Layers without scopes of their own have several states of one name in a step; they are told apart by their order.
    """
    found: dict[int, str] = {}
    seen: Counter[tuple[tuple[str, ...], str]] = Counter()
    for node in nodes:
        if node.serial in states:
            name = node.name or ""
            before = seen[node.scope, name]
            seen[node.scope, name] += 1
            found[node.serial] = name if before == 0 else f"{name} {before + 1}"
    return found


@dataclass(frozen=True)
class Group:
    """Nodes that are drawn as one.

    Attributes
    ----------
    face : Tensor
        The last of them, whose name and value is shown.
    members : tuple of Tensor
        All of them, in order.
    kind : str
        "operation", "affine" or "step".
    """

    face: Tensor
    members: tuple[Tensor, ...]
    kind: str = "operation"


def grouping(graph: Graph, detail: str, always: Tensor | None = None) -> tuple[Group, ...]:
    """Sort a graph's nodes into groups, see `DETAILS`: in the order of their faces; a node in none is not drawn.

    `always` is a node that is drawn at every level of detail.
    """
    return DETAILS[detail](graph, always)


def first_nonfinite(graph: Graph) -> Tensor | None:
    """The node in which the first NaN or infinity arose; of a whole sequence that was given, the first item read."""
    found = graph.first_nonfinite()
    if found is None or not found.is_leaf or is_parameter(found):
        return found
    items = (node for node in graph.nodes if node.primitive.name == "getitem" and node.args[0] is found)
    return next((item for item in items if has_nan(item)), found)


def _operations(graph: Graph, always: Tensor | None) -> tuple[Group, ...]:
    """Every node by itself."""
    return tuple(Group(node, (node,)) for node in graph.nodes)


def _gates(graph: Graph, always: Tensor | None) -> tuple[Group, ...]:
    """Each U x + W h + b as one; weights, constants and whole sequences are left out."""
    users = users_of(graph)
    hidden = {node.serial for node in graph.nodes if _is_background(node, users.get(node.serial, []))}
    hidden -= {always.serial} if always is not None else set()
    regions = affine_maps(graph)
    inner = {part.serial for region in regions.values() for part in region[:-1]}
    groups = [
        Group(node, regions.get(node.serial, (node,)), "affine" if node.serial in regions else "operation")
        for node in graph.nodes
        if node.serial not in inner and node.serial not in hidden
    ]
    return tuple(groups)


def _is_background(node: Tensor, users: list[Tensor]) -> bool:
    if not node.is_leaf or node.scope or not users:
        return False
    whole_sequence = all(user.primitive.name == "getitem" for user in users)
    return node.primitive is CONSTANT or is_parameter(node) or whole_sequence


def _steps(graph: Graph, always: Tensor | None) -> tuple[Group, ...]:
    """Every time step of a layer as one; its input and what is outside of time as at the level of gates."""
    gathered: dict[tuple[str, ...], list[Group]] = {}
    kept = []
    for group in _gates(graph, always):
        node = group.face
        if step_of(node.scope) is None or _is_read(node):
            kept.append(group)
        else:
            gathered.setdefault(node.scope, []).append(group)
    kept += [group for groups in gathered.values() if len(groups) == 1 for group in groups if _joins(group)]
    several = [groups for groups in gathered.values() if len(groups) > 1 or not _joins(groups[0])]
    steps = [Group(groups[-1].face, tuple(node for g in groups for node in g.members), "step") for groups in several]
    return tuple(sorted((*kept, *steps), key=lambda group: group.face.serial))


def _is_read(node: Tensor) -> bool:
    """True if a step only takes this from elsewhere."""
    if node.is_leaf:
        return True
    source = node.args[0]
    return node.primitive.name in ("getitem", "alias") and isinstance(source, Tensor) and source.scope != node.scope


def _joins(group: Group) -> bool:
    """True if it only concatenates the two directions of a bidirectional net."""
    return len(group.members) == 1 and group.face.primitive.name == "concatenate"


#: The levels of detail.
DETAILS: dict[str, Callable[[Graph, Tensor | None], tuple[Group, ...]]] = {
    "op": _operations,
    "gate": _gates,
    "cell": _steps,
}
