"""A picture in the strip layout as DOT text for ``neato -n2``, which draws what has been placed already."""

from collections.abc import Iterable

from .. import style
from ..layout.placement import SIDE, Spot, Strip, lay_out
from ..layout.routing import Point, Surroundings, beside, course, spline, surroundings
from ..layout.sizes import FONT_SIZE, font_size, shown_label
from ..scene.labels import printable
from ..scene.picture import Frames, Line, Mark, Picture, Scope, frames_of
from . import dot
from .layered import look_of
from .legend import legend

__all__ = ["LAYOUT", "neighbours", "placed_source"]

#: Options with which Graphviz only draws.
LAYOUT = ("-Kneato", "-n2")
#: Points between a line and its gradient.
APART = 5.0
#: Points between a frame and what it is drawn round.
_PAD = 9.0
#: Points that the middle of the legend stands right of the strip's left end, about half its width, and below it.
_LEGEND = (390.0, 34.0)
#: Points from a frame's left end to its title, where all lanes run to the right and where states leave on the left;
#: from the top to the title's middle; half the width of a character in it.
_TITLE, _TITLE_ASIDE, _TITLE_DROP, _HALF_LETTER = 10.0, 30.0, 11.0, 3.2
#: Points from a state's mark up to the number over it.
_NUMBER = 6.0

_DEFAULTS = {
    "graph": {"bgcolor": "white", "fontname": style.FONT, "outputorder": "edgesfirst", "pad": "0.1", "id": "g"},
    "node": {"fontname": style.FONT, "fontsize": f"{FONT_SIZE:g}", "fixedsize": "true", "margin": "0"},
    "edge": {"fontname": style.FONT, "fontsize": "8"},
}


def placed_source(picture: Picture) -> str:
    """DOT text in which every mark, line and frame has its place."""
    strip = lay_out(picture)
    marks = {mark.key: mark for mark in picture.marks}
    frames = neighbours(picture.marks, strip)
    body = _frames(picture.marks, strip)
    body += [_mark(mark, strip.spots[mark.key]) for mark in picture.marks if mark.scope == () or mark.carried]
    for line in picture.lines:
        around = frames.get(marks[line.tail].scope)
        body += _edges(line, course(line, marks, strip, around), picture, strip)
    graph = {**_DEFAULTS["graph"], "tooltip": dot.tooltip(picture.title)}
    return dot.digraph({**_DEFAULTS, "graph": graph}, [*body, *_legend(picture, strip)])


def neighbours(marks: Iterable[Mark], strip: Strip) -> dict[tuple[str, ...], tuple[float, Surroundings]]:
    """What stands in the same frame."""
    found: dict[tuple[str, ...], list[Spot]] = {}
    for mark in marks:
        if not mark.carried:
            found.setdefault(mark.scope, []).append(strip.spots[mark.key])
    return {scope: surroundings(spots) for scope, spots in found.items()}


def _mark(mark: Mark, spot: Spot) -> str:
    place = {
        "pos": f"{spot.x:.1f},{spot.y:.1f}",
        "width": f"{spot.width / 72:.3f}",
        "height": f"{spot.height / 72:.3f}",
    }
    look = {**look_of(mark), "fontsize": f"{font_size(mark):g}"}
    words = {"label": dot.text(shown_label(mark)), "tooltip": dot.tooltip(mark.tooltip)}
    return dot.node(mark.key, {**words, **look, **place})


def _edges(line: Line, points: list[Point], picture: Picture, strip: Strip) -> list[str]:
    """The forward line, and the gradient beside it in the other direction."""
    look = style.HIGHWAY if (line.tail, line.head) in strip.highways else style.FORWARD
    forward = {
        "tooltip": dot.tooltip(line.tooltip),
        **look,
        **({"class": "state"} if line.delivers else {}),
        "pos": spline(points, float(look["arrowsize"])),
    }
    drawn = [dot.edge(line.tail, line.head, forward)]
    if line.share is not None:
        colours = picture.scale.line(line.share)
        back = beside(points, APART)[::-1]
        gradient = {
            "tooltip": dot.tooltip(line.note),
            "class": "grad state" if line.delivers else "grad",
            **colours,
            "pos": spline(back, float(colours["arrowsize"])),
        }
        if line.delivers:
            gradient |= _norm_over(strip.spots[line.head], line.share)
        drawn.append(dot.edge(line.head, line.tail, gradient))
    return drawn


def _norm_over(state: Spot, share: float) -> dict[str, str]:
    """The norm of what flows back into a state, printed above it."""
    return {"label": f"{share:.2g}", "lp": f"{state.x:.1f},{state.y + state.height / 2 + _NUMBER:.1f}"}


Box = tuple[float, float, float, float]


def _frames(marks: tuple[Mark, ...], strip: Strip) -> list[str]:
    """Nested frames round the marks of each scope; states stand between them."""
    frames = frames_of(mark for mark in marks if mark.scope and not mark.carried)
    return [line for scope in frames.children.get((), []) for line in _frame(scope, frames, strip)[0]]


def _frame(scope: Scope, frames: Frames, strip: Strip) -> tuple[list[str], Box]:
    """The statements of a frame, and its box: round its marks, or round the frames in it."""
    own = frames.inside.get(scope, [])
    body = [_mark(mark, strip.spots[mark.key]) for mark in own]
    boxes = [_box(own, strip)] if own else []
    for child in frames.children.get(scope, []):
        statements, box = _frame(child, frames, strip)
        body += statements
        boxes.append((box[0] - _PAD, box[1] - _PAD, box[2] + _PAD, box[3] + 2 * _PAD))
    box = (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
    name = printable(scope[-1], 40)
    look = {
        "id": f"g_c{frames.numbers[scope]}",
        "label": dot.text(name),
        "tooltip": dot.tooltip(scope[-1]),
        **style.CLUSTER,
        "bb": ",".join(f"{edge:.1f}" for edge in box),
        "lp": f"{_title_middle(own, box, _HALF_LETTER * len(name), strip):.1f},{box[3] - _TITLE_DROP:.1f}",
    }
    return dot.cluster(f"{frames.numbers[scope]}", look, body), box


def _title_middle(own: list[Mark], box: Box, half: float, strip: Strip) -> float:
    """The middle of a frame's title: not where lines leave lanes that run to the left."""
    lane = strip.lanes.get(own[0].lane) if own and own[0].step is not None else None
    if lane is not None and not lane.forward:
        return box[2] - SIDE - strip.aside - half
    return box[0] + (_TITLE if all(lane.forward for lane in strip.lanes.values()) else _TITLE_ASIDE) + half


def _box(marks: list[Mark], strip: Strip) -> Box:
    step, lane = marks[0].step, strip.lanes.get(marks[0].lane)
    if step is not None and lane is not None:
        left, right = strip.columns[step]
        return left, lane.bottom, right, lane.top
    spots = [strip.spots[mark.key] for mark in marks]
    return (
        min(s.x - s.width / 2 for s in spots) - _PAD,
        min(s.y - s.height / 2 for s in spots) - _PAD,
        max(s.x + s.width / 2 for s in spots) + _PAD,
        max(s.y + s.height / 2 for s in spots) + 2 * _PAD,
    )


def _legend(picture: Picture, strip: Strip) -> list[str]:
    """One node with the legend under the left end of the strip."""
    label = legend(picture)
    if not label:
        return []
    floor = min(spot.y - spot.height / 2 for spot in strip.spots.values())
    floor = min([floor, *(lane.bottom for lane in strip.lanes.values())])
    left = min(spot.x for spot in strip.spots.values())
    right, down = _LEGEND
    place = {"pos": f"{left + right:.1f},{floor - down:.1f}", "shape": "plain", "fixedsize": "false"}
    return [dot.node("legend", {"label": label, **place})]
