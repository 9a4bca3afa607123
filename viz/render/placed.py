"""A finished layout as DOT text for ``neato -n2``, which draws what has been placed already."""

from collections.abc import Sequence
from itertools import pairwise
from math import hypot

from .. import style
from ..colour_scale import Scale
from ..layout.layout import Frame, Layout, Route
from ..layout.placement import Box
from ..layout.routing import Point
from ..layout.sizes import FONT_SIZE, font_size, shown_label
from ..scene.picture import Edge, Node, Picture
from . import dot
from .layered import look_of
from .legend import legend

__all__ = ["LAYOUT", "placed_source", "spline"]

#: Options with which Graphviz only draws.
LAYOUT = ("-Kneato", "-n2")
#: The length of an arrow's head at arrowsize 1.
_ARROW = 10.0

_DEFAULTS = {
    "graph": {"bgcolor": "white", "fontname": style.FONT, "outputorder": "edgesfirst", "pad": "0.1", "id": "g"},
    "node": {"fontname": style.FONT, "fontsize": f"{FONT_SIZE:g}", "fixedsize": "true", "margin": "0"},
    "edge": {"fontname": style.FONT, "fontsize": "8"},
}


def placed_source(picture: Picture, layout: Layout) -> str:
    """DOT text in which every node, edge and frame has its place."""
    body = [statement for frame in layout.frames for statement in _frame(frame, layout)]
    body += [_node(node, layout.boxes[node.key]) for node in layout.outside]
    for edge, route in zip(picture.edges, layout.routes, strict=True):
        body += _edges(edge, route, picture.scale, layout)
    graph = {**_DEFAULTS["graph"], "tooltip": dot.tooltip(picture.title)}
    return dot.digraph({**_DEFAULTS, "graph": graph}, [*body, *_legend(picture, layout.legend)])


def _point(at: Point) -> str:
    return f"{at[0]:.1f},{at[1]:.1f}"


def _node(node: Node, box: Box) -> str:
    place = {"pos": _point((box.x, box.y)), "width": f"{box.width / 72:.3f}", "height": f"{box.height / 72:.3f}"}
    look = {**look_of(node), "fontsize": f"{font_size(node):g}"}
    labels = {"label": dot.text(shown_label(node)), "tooltip": dot.tooltip(node.tooltip)}
    return dot.node(node.key, {**labels, **look, **place})


def _edges(edge: Edge, route: Route, scale: Scale, layout: Layout) -> list[str]:
    """The forward edge, and the gradient beside it in the other direction."""
    look = style.CELL_PATH if route.on_cell_path else style.FORWARD
    forward = {
        "tooltip": dot.tooltip(edge.tooltip),
        **look,
        **({"class": "state"} if edge.delivers else {}),
        "pos": spline(route.forward, float(look["arrowsize"])),
    }
    drawn = [dot.edge(edge.tail, edge.head, forward)]
    if edge.share is not None:
        colours = scale.line(edge.share)
        gradient = {
            "tooltip": dot.tooltip(edge.note),
            "class": "grad state" if edge.delivers else "grad",
            **colours,
            "pos": spline(route.back, float(colours["arrowsize"])),
        }
        if edge.delivers:
            gradient |= {"label": f"{edge.share:.2g}", "lp": _point(layout.numbers[edge.head])}
        drawn.append(dot.edge(edge.head, edge.tail, gradient))
    return drawn


def spline(points: Sequence[Point], arrowsize: float) -> str:
    """A route of straight pieces as the `pos` of an edge, with an arrow at its end."""
    (ax, ay), (bx, by) = points[-2], points[-1]
    length = hypot(bx - ax, by - ay)
    head = min(_ARROW * arrowsize, 0.7 * length)
    base = (bx + (ax - bx) * head / length, by + (ay - by) * head / length) if length else (bx, by)
    corners = [*points[:-1], base]
    controls = [corners[0]]
    for (px, py), (qx, qy) in pairwise(corners):
        controls += [
            (px + (qx - px) / 3, py + (qy - py) / 3),
            (px + (qx - px) * 2 / 3, py + (qy - py) * 2 / 3),
            (qx, qy),
        ]
    pairs = " ".join([f"{x:.1f},{y:.1f}" for x, y in controls])
    return f"e,{bx:.1f},{by:.1f} {pairs}".replace("-0.0", "0.0")


def _frame(frame: Frame, layout: Layout) -> list[str]:
    """The statements of a frame and of all that is in it."""
    body = [_node(node, layout.boxes[node.key]) for node in frame.nodes]
    for child in frame.children:
        body += _frame(child, layout)
    look = {
        "id": f"g_c{frame.number}",
        "label": dot.text(frame.title),
        "tooltip": dot.tooltip(frame.scope[-1]),
        **style.CLUSTER,
        "bb": ",".join(f"{side:.1f}" for side in frame.bounds),
        "lp": _point(frame.title_at),
    }
    return dot.cluster(f"{frame.number}", look, body)


def _legend(picture: Picture, at: Point) -> list[str]:
    """One node with the legend."""
    label = legend(picture)
    place = {"pos": _point(at), "shape": "plain", "fixedsize": "false"}
    return [dot.node("legend", {"label": label, **place})] if label else []
