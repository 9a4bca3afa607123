"""The page on a net that was trained elsewhere."""

from collections.abc import Sequence

import numpy as np

from cells.analysis.weights import Part, WeightFindings
from cells.claims import examine

from ..draw import draw
from ..plots.flow import flow
from ..plots.svg import lag_plot
from .page import OF_STATE, Page, curves_of, heading_of, routes_svg

__all__ = ["weights_page"]

#: What the sentences on the cells of a larger net are about.
EACH_BY_ITSELF = (
    "Each cell is looked at by itself, on what it reads in this net: its gates and routes are those of the "
    "gradient of the sum of its own last output."
)


def weights_page(found: WeightFindings) -> tuple[Page, str]:
    """The page on a net that was trained elsewhere, and its diagnosis as JSON."""
    single = len(found.parts) == 1
    curves = curves_of(
        {part.title: (part.lags.measured, part.explained.bound) for part in found.parts},
        found.parts[0].lags.stepwise if single else None,
    )
    first = found.parts[0]
    pictures = {
        "graph.svg": draw(found.graph).svg,
        "lags.svg": lag_plot(curves, "‖∂s_T/∂s_k‖₂").svg,
        "flow.svg": _flow_of(found, single),
    }
    if not single:
        pictures["cells.svg"] = flow({part.title: part.graph for part in found.parts}, bounds=_bounds(found.parts)).svg
    for part in found.parts:
        pictures[_file_name(part.title)] = routes_svg(part.graph, part.state_names[-1], found.steps)
    page = Page(
        heading=heading_of(found.title),
        subtitle=found.source,
        facts=found.facts,
        sentences=found.sentences(),
        pictures=pictures,
        flow_caption="These weights, on these inputs.",
        loss="the sum of the last output",
        state=OF_STATE[len(first.state_names)],
        lags={curve.label: curve.values for curve in curves},
        explained=first.explained,
        claims=examine(),
        remarks=[] if single else [EACH_BY_ITSELF],
        command=found.command,
    )
    return page, found.json()


def _bounds(parts: Sequence[Part]) -> dict[str, np.ndarray]:
    """The proved bounds by title, without the cells for which there is none."""
    return {part.title: part.explained.bound for part in parts if part.explained.bound is not None}


def _flow_of(found: WeightFindings, single: bool) -> str:
    """The whole net; with its bound if it is one cell."""
    bound = found.parts[0].explained.bound if single else None
    bounds = {} if bound is None else {found.title: bound}
    return flow({found.title: found.graph}, state=found.state, bounds=bounds).svg


def _file_name(title: str) -> str:
    """Of the picture of routes of the cell at a place such as ``layer 2, backward``."""
    return "-".join(["routes", *title.replace(",", "").split()]) + ".svg"
