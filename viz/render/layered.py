"""A picture as DOT text for Graphviz's own layered layout, `dot`."""

from .. import style
from ..colour_scale import Scale
from ..layout.sizes import shown_label
from ..scene.picture import Frames, Line, Mark, Picture, Scope, frames_of
from . import dot
from .legend import legend

__all__ = ["edge_statements", "layered_source", "mark_attributes", "rows_passed"]

_DEFAULTS = {
    "graph": {"rankdir": "LR", "fontname": style.FONT, "bgcolor": "white", "nodesep": "0.18", "ranksep": "0.35"},
    "node": {"fontname": style.FONT, "fontsize": "10", "height": "0.3", "width": "0.3", "margin": "0.07,0.04"},
    "edge": {"fontname": style.FONT, "fontsize": "8"},
}
#: From so many lines on `dot` takes fewer rounds to make them short, and from so many on draws them straight: with
#: 600 nodes that are all read by one it would take more than a minute instead of seconds.
HURRIED, STRAIGHT = 200, 600
_HURRY = {"nslimit": "1", "nslimit1": "1", "mclimit": "0.1"}


def layered_source(picture: Picture) -> str:
    """DOT text: frames nested as scopes are, then a forward line and a gradient for each edge."""
    graph = {
        **_DEFAULTS["graph"],
        **(_HURRY if len(picture.lines) >= HURRIED else {}),
        **({"splines": "line"} if len(picture.lines) >= STRAIGHT else {}),
        "id": "g",
        "tooltip": dot.tooltip(picture.title),
        "label": legend(picture),
        "labelloc": "b",
    }
    marks = _frame((), frames_of(picture.marks))
    lines = [statement for line in picture.lines for statement in edge_statements(line, picture.scale)]
    return dot.digraph({**_DEFAULTS, "graph": graph}, [*marks, *lines])


def rows_passed(picture: Picture) -> int:
    """How many rows all lines pass together, if each mark stands right after what it is computed from."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for line in picture.lines:
        before.setdefault(line.head, []).append(line.tail)
        after.setdefault(line.tail, []).append(line.head)
    row: dict[str, int] = {}
    for mark in picture.marks:
        row[mark.key] = 1 + max((row.get(tail, -1) for tail in before.get(mark.key, [])), default=-1)
    for key in row.keys() - before.keys():  # what is given stands before its first use
        row[key] = min((row[head] for head in after.get(key, [])), default=1) - 1
    return sum(row[line.head] - row[line.tail] for line in picture.lines)


def mark_attributes(mark: Mark) -> dict[str, str]:
    """What a mark looks like, without its place."""
    return {"label": dot.text(shown_label(mark)), "tooltip": dot.tooltip(mark.tooltip), **look_of(mark)}


def look_of(mark: Mark) -> dict[str, str]:
    """The shape and colours of a mark."""
    return {**style.KINDS[mark.kind], **(style.FIRST_NON_FINITE if mark.nonfinite else {})}


def edge_statements(line: Line, scale: Scale) -> list[str]:
    """The forward line and, where something flows back, the gradient beside it."""
    forward = dot.edge(line.tail, line.head, {"tooltip": dot.tooltip(line.tooltip), **style.FORWARD})
    if line.share is None:
        return [forward]
    look = {"tooltip": dot.tooltip(line.note), **style.BACKWARD, **scale.line(line.share)}
    return [forward, dot.edge(line.tail, line.head, look)]


def _frame(scope: Scope, frames: Frames) -> list[str]:
    """The statements of a frame and of all that is in it, in order of first appearance."""
    body = [dot.node(mark.key, mark_attributes(mark)) for mark in frames.inside.get(scope, [])]
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
