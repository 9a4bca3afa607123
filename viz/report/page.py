"""The page: a template filled with findings, nothing on it from anywhere else."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files

import numpy as np

from cells.analysis.bounds import Explained, formula_html
from cells.claims import Claim
from minigrad import Graph

from ..output import load
from ..plots.routes import routes
from ..plots.svg import COLOURS, Curve
from ..render.accessible import interactive

__all__ = ["OF_STATE", "Page", "curves_of", "heading_of", "render_page", "routes_svg"]


#: The state that the Jacobian over time is taken of, by the number of its parts.
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
    """The curves of the measured norms and of their proved bounds, for each part of a net."""
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


@dataclass(frozen=True)
class Page:
    """The contents of a report.

    Attributes
    ----------
    heading, subtitle : str
    facts : mapping
        What was looked at, term by term.
    sentences : sequence of str
        The diagnosis.
    pictures : mapping of file name to SVG
        graph.svg, lags.svg and flow.svg, perhaps cells.svg and routes for each cell;
        names in them are escaped already, see `dot.text`.
    flow_caption : str
        What the nets in flow.svg have in common.
    loss : str
        What the gradient is of.
    state : str
        What the Jacobian over time is of.
    lags : mapping of heading to (T + 1,)
        The numbers of the picture of lags.
    explained : Explained
    command : str
        Which makes this page again.
    claims : sequence of Claim
        Of the textbooks, with their verdicts, see `cells.claims`.
    remarks : sequence of str
        What the reader has to know about the sentences.
    """

    heading: str
    subtitle: str
    facts: Mapping[str, str]
    sentences: Sequence[str]
    pictures: Mapping[str, str]
    flow_caption: str
    loss: str
    state: str
    lags: Mapping[str, np.ndarray]
    explained: Explained
    command: str
    claims: Sequence[Claim] = ()
    remarks: Sequence[str] = ()

    @property
    def routes(self) -> dict[str, str]:
        """The pictures of routes: file name by the cell's place in the net."""
        found = (name for name in self.pictures if name.startswith("routes"))
        return {name.removeprefix("routes").removesuffix(".svg").strip("-").replace("-", " "): name for name in found}


def render_page(page: Page) -> str:
    """One HTML page that needs no network, no other file and, but for highlighting, no script."""
    jinja2 = load("jinja2")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("viz.report"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    markup = load("markupsafe").Markup
    environment.filters["number"] = lambda x: f"{x:.3g}"
    environment.filters["math"] = lambda formula: markup(formula_html(formula.text, formula.latex))
    script = files("viz.report").joinpath("templates", "highlight.js").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(
        page=page,
        zip=zip,
        graph=markup(interactive(page.pictures["graph.svg"])),
        pictures={name: _data_address(svg) for name, svg in page.pictures.items()},
        script=markup(script),
        digest=b64encode(sha256(script.encode()).digest()).decode(),
        version=version("minigrad"),
    )


def _data_address(svg: str) -> str:
    return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()
