"""What the pages on trained nets and on weights have in common."""

from collections.abc import Mapping

import numpy as np

from minigrad import Graph

from .plots import COLOURS, Curve
from .splits import routes

__all__ = ["OF_STATE", "curves_of", "heading_of", "routes_svg"]

#: What the Jacobian over time is of, by the number of states.
OF_STATE = {1: "the hidden state h", 2: "the whole state (h, c), its parts taken as independent"}
#: The colour of the bound where there is only one, and those of the parts of a net, which leave it out.
_BOUND, _PARTS = COLOURS[1], (COLOURS[0], *COLOURS[2:6])
#: Bars in a picture of routes, about.
_BARS = 8


def heading_of(title: str) -> str:
    """The heading of a page on a net."""
    return f"Where the gradient goes in {'an' if title[0] in 'RL' else 'a'} {title}"


def curves_of(
    measured: Mapping[str, tuple[np.ndarray, np.ndarray | None]], stepwise: np.ndarray | None = None
) -> list[Curve]:
    """What is measured, and what it can never exceed, for each part of a net."""
    drawn = []
    for i, (title, (norms, bound)) in enumerate(measured.items()):
        colour = _PARTS[i % len(_PARTS)]
        drawn.append(Curve(title or "measured", norms, colour))
        if i == 0 and stepwise is not None:
            drawn.append(Curve("product of the steps' norms", stepwise, "#999999", ":"))
        if bound is not None:
            label = f"{title}: proved bound" if title else "proved bound"
            drawn.append(Curve(label, bound, colour if len(measured) > 1 else _BOUND, "--"))
    return drawn


def routes_svg(graph: Graph, state: str, steps: int) -> str:
    """Which ways the gradient takes from earlier values of a state, evenly spaced over the steps."""
    shown = range(0, steps, max(1, steps // _BARS))
    return routes(graph, {f"{state}_{t}": graph.find(state, f"t={t}") for t in shown}).svg
