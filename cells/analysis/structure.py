"""The parts of a traced net: its parameters, the states it carries through time, and its affine maps."""

import re
from collections.abc import Iterable

from minigrad import Graph, Tensor
from minigrad.context import step_of, without_time

__all__ = ["affine_maps", "carried_nodes", "is_parameter", "parameter_key", "users_of"]

_LAST_KEY = re.compile(r'\["([^"\[\]]+)"\]$')


def parameter_key(node: Tensor) -> str | None:
    """The key under which a leaf stands in the dict that was passed in: ``W`` for ``params["W"]``."""
    found = _LAST_KEY.search(node.name) if node.is_leaf and node.name is not None else None
    return None if found is None else found[1]


def is_parameter(node: Tensor) -> bool:
    """True for a leaf that is an entry of a dict that was passed in: parameters are kept in dicts."""
    return parameter_key(node) is not None


def carried_nodes(nodes: Iterable[Tensor]) -> frozenset[int]:
    """The serial numbers of the states: values used at another time step, and their namesakes at other steps."""
    listed = [node for node in nodes if step_of(node.scope) is not None]
    carried = {
        (arg.name, without_time(arg.scope))
        for node in listed
        for arg in node.args
        if isinstance(arg, Tensor) and step_of(arg.scope) not in (None, step_of(node.scope))
    }
    return frozenset(
        node.serial for node in listed if node.name is not None and (node.name, without_time(node.scope)) in carried
    )


def users_of(graph: Graph) -> dict[int, list[Tensor]]:
    """The nodes that use each node, by its serial number."""
    users: dict[int, list[Tensor]] = {}
    for edge in graph.edges:
        users.setdefault(edge.source.serial, []).append(edge.target)
    return users


def affine_maps(graph: Graph) -> dict[int, tuple[Tensor, ...]]:
    """The nodes of each U x + W h + b, in order, by the serial number of the last; none is a part of another."""
    users = users_of(graph)
    regions: dict[int, tuple[Tensor, ...]] = {}
    for node in graph.nodes:
        region = _affine_region(node, regions, users)
        if region is not None:
            regions[node.serial] = region
    inner = {part.serial for region in regions.values() for part in region[:-1]}
    return {serial: region for serial, region in regions.items() if serial not in inner}


def _affine_region(
    node: Tensor, regions: dict[int, tuple[Tensor, ...]], users: dict[int, list[Tensor]]
) -> tuple[Tensor, ...] | None:
    """The nodes of the affine map that ends here; None if this is not one."""
    args = [arg for arg in node.args if isinstance(arg, Tensor)]
    name = node.primitive.name
    if name in ("linear", "matmul") or (name == "multiply" and len(args) == 2):
        return (node,) if sum(map(is_parameter, args)) == 1 else None
    if name != "add" or len(args) != 2:
        return None
    region: tuple[Tensor, ...] = ()
    for arg in args:
        if is_parameter(arg):
            continue
        if arg.serial not in regions or arg.name is not None or len(users[arg.serial]) > 1 or arg.scope != node.scope:
            return None
        region += regions[arg.serial]
    return (*region, node)
