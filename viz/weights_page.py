"""The page on a net that was trained elsewhere."""

from cells.claims import examine

from .flows import flow
from .graphs import draw
from .page import Page
from .page_parts import OF_STATE, curves_of, heading_of
from .plots import lag_plot
from .splits import routes
from .weights import WeightFindings

__all__ = ["weights_page"]


def weights_page(found: WeightFindings) -> tuple[Page, str]:
    """The page on a net that was trained elsewhere, and its diagnosis as JSON."""
    single = len(found.parts) == 1
    curves = curves_of(
        {part.title: (part.lags.measured, part.explained.bound) for part in found.parts},
        found.parts[0].lags.stepwise if single else None,
    )
    first = found.parts[0]
    bounds = {found.title: first.explained.bound} if single and first.explained.bound is not None else {}
    pictures = {
        "graph.svg": draw(found.graph).svg,
        "lags.svg": lag_plot(curves, "‖∂s_T/∂s_k‖₂").svg,
        "flow.svg": flow({found.title: found.graph}, state=found.state, bounds=bounds).svg,
    }
    if single:
        carried = first.state_names[-1]
        steps = range(0, found.steps, max(1, found.steps // 8))
        sources = {f"{carried}_{t}": found.graph.find(carried, f"t={t}") for t in steps}
        pictures["routes.svg"] = routes(found.graph, sources).svg
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
        command=found.command,
    )
    return page, found.json()
