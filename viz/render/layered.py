"""A picture as DOT text for Graphviz's own layered layout, `dot`."""

from .. import style
from ..colour_scale import Scale
from ..layout.sizes import shown_label
from ..scene.picture import Edge, Frames, Node, Picture, Scope, frames_of
from . import dot
from .legend import legend

__all__ = ["edge_statements", "layered_source", "look_of", "node_attributes", "rows_passed"]

_DEFAULTS = {
    "graph": {"rankdir": "LR", "fontname": style.FONT, "bgcolor": "white", "nodesep": "0.18", "ranksep": "0.35"},
    "node": {"fontname": style.FONT, "fontsize": "10", "height": "0.3", "width": "0.3", "margin": "0.07,0.04"},
    "edge": {"fontname": style.FONT, "fontsize": "8"},
}
#: From so many edges on `dot` takes fewer rounds to make them short, and from so many on draws them straight: with
#: 600 nodes that are all read by one it would take more than a minute instead of seconds.
HURRIED, STRAIGHT = 200, 600
_HURRY = {"nslimit": "1", "nslimit1": "1", "mclimit": "0.1"}


def layered_source(picture: Picture) -> str:
    """DOT text: frames nested as scopes are, then a forward edge and a gradient for each edge."""
    graph = {
        **_DEFAULTS["graph"],
        **(_HURRY if len(picture.edges) >= HURRIED else {}),
        **({"splines": "line"} if len(picture.edges) >= STRAIGHT else {}),
        "id": "g",
        "tooltip": dot.tooltip(picture.title),
        "label": legend(picture),
        "labelloc": "b",
    }
    nodes = _frame((), frames_of(picture.nodes))
    edges = [statement for edge in picture.edges for statement in edge_statements(edge, picture.scale)]
    return dot.digraph({**_DEFAULTS, "graph": graph}, [*nodes, *edges])


def rows_passed(picture: Picture) -> int:
    """The number of rows that all edges pass together, if each node stands right after what it is computed from."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for edge in picture.edges:
        before.setdefault(edge.head, []).append(edge.tail)
        after.setdefault(edge.tail, []).append(edge.head)
    row: dict[str, int] = {}
    for node in picture.nodes:
        row[node.key] = 1 + max((row.get(tail, -1) for tail in before.get(node.key, [])), default=-1)
    for key in row.keys() - before.keys():  # what is given stands before its first use
        row[key] = min((row[head] for head in after.get(key, [])), default=1) - 1
    return sum(row[edge.head] - row[edge.tail] for edge in picture.edges)


def node_attributes(node: Node) -> dict[str, str]:
    """The attributes of a node without its place."""
    return {"label": dot.text(shown_label(node)), "tooltip": dot.tooltip(node.tooltip), **look_of(node)}


def look_of(node: Node) -> dict[str, str]:
    """The shape and colours of a node."""
    return {**style.KINDS[node.kind], **(style.FIRST_NON_FINITE if node.nonfinite else {})}


def edge_statements(edge: Edge, scale: Scale) -> list[str]:
    """The forward edge and, where something flows back, the gradient beside it."""
    forward = dot.edge(edge.tail, edge.head, {"tooltip": dot.tooltip(edge.tooltip), **style.FORWARD})
    if edge.share is None:
        return [forward]
    look = {"tooltip": dot.tooltip(edge.note), **style.BACKWARD, **scale.line(edge.share)}
    return [forward, dot.edge(edge.tail, edge.head, look)]


def _frame(scope: Scope, frames: Frames) -> list[str]:
    """The statements of a frame and of all that is in it, in order of first appearance."""
    body = [dot.node(node.key, node_attributes(node)) for node in frames.inside.get(scope, [])]
    for child in frames.children.get(scope, []):
        body += _frame(child, frames)
    if not scope:
        return body
    number = frames.numbers[scope]
    look = {
        "id": f"g_c{number}",
        "label": dot.text(scope[-1], 60),
        "tooltip": dot.tooltip(scope[-1]),
        **style.CLUSTER,
    }
    return dot.cluster(f"{number}", look, body)
