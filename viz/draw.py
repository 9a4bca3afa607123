"""Draw a graph: what was computed, and how much gradient each edge carries back."""

import os
from typing import Any

from minigrad import Graph, Tensor
from minigrad.sweep import Adjoints

from .errors import DrawingFormatError, DrawingSizeError, DrawingValueError
from .layout.layout import lay_out
from .render.drawing import Drawing
from .render.engine import TIME_LIMIT
from .render.layered import layered_source, rows_passed
from .render.placed import LAYOUT as PLACED
from .render.placed import placed_source
from .scene.build import picture_of
from .scene.grouping import DETAILS as LEVELS
from .scene.picture import Picture, is_time

__all__ = ["draw", "picture_for"]

DETAILS = ("auto", *LEVELS)
#: The most steps that are drawn one by one if folding is allowed.
LONGEST = {"op": 8, "gate": 10, "cell": 30}
#: The most lines for `dot`, whose time grows faster than their number, and for drawing what is placed already.
MOST_LAID_OUT, MOST_PLACED = 4_000, 60_000
#: The most rows that all edges together may pass on their way: `dot` puts a virtual node into each.
MOST_PASSED = 100_000


def draw(
    graph: Graph,
    path: str | os.PathLike[str] | None = None,
    *,
    gradients: bool = True,
    detail: str = "auto",
    seed: Any = None,
    output: Tensor | str | None = None,
    fold: bool = True,
    engine: str | None = None,
    time_limit: float = TIME_LIMIT,
) -> Drawing:
    """The graph with a second, reversed edge beside each edge: the gradient that flows back along it.

    Its colour and width are log10 of the norm of the share that the edge carries,
    ``‖vjp(ȳ)‖`` for an edge x → y: light and thin is vanished, dotted is exactly zero, thick orange-red is
    inf or nan. The shares of the edges that leave a node add up to its gradient.

    Parameters
    ----------
    graph : Graph
        From `minigrad.trace`.
    path : path, optional
        Where to save it: .svg, .dot or .png.
    gradients : bool
        False: draw the forward edges only.
    detail : str
        "op": a node for each operation; "gate": one for each U x + W h + b, weights left out; "cell": one
        for each step of each layer. "auto" is "gate" for a graph with time steps, "op" for others.
    seed : array_like, optional
        What flows into the output, of its shape; 1 for a scalar.
    output : Tensor or str, optional
        Where the gradient starts; the only output if there is one.
    fold : bool
        Draw the middle of a long run as one node, which carries the largest singular value of the
        Jacobian of the states that leave it with respect to those that enter it.
    engine : str, optional
        A Graphviz executable to use instead of the one that comes with minigrad.
    time_limit : float
        Seconds that the layout may take.

    Returns
    -------
    Drawing
        Its DOT text and SVG are the same bytes for the same graph. If the output is not a scalar and no
        seed is given, there is no gradient to draw; the drawing then says so.

    Raises
    ------
    DrawingFormatError
        If the level of detail or the file's suffix is unknown.
    DrawingValueError
        If what is given is no graph.
    DrawingSizeError
        If the graph is too large to be laid out.
    EngineNotFoundError, EngineError, DrawingTimeoutError
        If Graphviz is missing, fails or takes too long.
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import minigrad as mg, numpy as np, viz
    >>> graph = mg.trace(lambda x: (x * x).sum(), np.ones(2))
    >>> drawing = viz.draw(graph)
    >>> drawing.svg.startswith("<?xml")
    True
    """
    if not isinstance(graph, Graph):
        raise DrawingValueError(f"a {type(graph).__name__} is not a graph; draw what minigrad.trace(f, *args) returns")
    if detail not in DETAILS:
        raise DrawingFormatError(f"detail={detail!r} is unknown; use one of {', '.join(DETAILS)}")
    adjoints, remark = _swept(graph, seed, output) if gradients else (None, "")
    picture = picture_for(graph, adjoints, detail, fold, remark)
    if any(node.step is not None for node in picture.nodes):
        drawing = Drawing(placed_source(picture, lay_out(picture)), PLACED, engine, time_limit)
    else:
        drawing = Drawing(layered_source(picture), engine=engine, time_limit=time_limit)
    if path is not None:
        drawing.save(path)
    return drawing


def picture_for(
    graph: Graph, adjoints: Adjoints | None, detail: str = "auto", fold: bool = True, remark: str = ""
) -> Picture:
    """The picture of a graph, as detailed and folded as it is to be drawn.

    Raises
    ------
    DrawingSizeError
        If it would have more lines than Graphviz can lay out.
    """
    in_time = _is_timeline(graph)
    level = detail if detail != "auto" else "gate" if in_time else "op"
    longest = LONGEST[level] if fold and in_time else None
    picture = picture_of(graph, adjoints, detail=level, in_time=in_time, longest=longest, remark=remark)
    most = MOST_PLACED if in_time else MOST_LAID_OUT
    if len(picture.edges) > most:
        advice = 'draw fewer steps, fold them, or use detail="cell"' if in_time else "draw a part of it"
        raise DrawingSizeError(
            f"this drawing would have {len(picture.edges)} edges; more than {most} take too long to lay out: {advice}"
        )
    if not in_time and rows_passed(picture) > MOST_PASSED:
        raise DrawingSizeError(
            f"the {len(picture.edges)} edges of this drawing would pass {rows_passed(picture)} rows of nodes; "
            f"more than {MOST_PASSED} take too long to lay out: draw a part of it"
        )
    return picture


def _is_timeline(graph: Graph) -> bool:
    """True if there are time steps, and none inside of another."""
    scopes = {node.scope for node in graph.nodes}
    return max((sum(map(is_time, scope)) for scope in scopes), default=0) == 1


def _swept(graph: Graph, seed: Any, output: Tensor | str | None) -> tuple[Adjoints | None, str]:
    """The adjoints, or the reason why there are none."""
    if seed is None and output is None:
        shapes = {name: node.shape for name, node in graph.outputs.items()}
        if len(shapes) != 1:
            return None, f"No gradients: there are {len(shapes)} outputs. Pass output= to choose one."
        if any(shapes.values()):
            return (
                None,
                f"No gradients: the output has shape {next(iter(shapes.values()))}. Pass seed=, or draw a scalar.",
            )
        if not all(node.tracked for node in graph.outputs.values()):
            return None, "No gradients: the output does not depend on a floating-point input."
    return graph.adjoints(seed, output), ""
