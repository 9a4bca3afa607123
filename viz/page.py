"""The page: a template filled with findings, nothing on it from anywhere else."""

from base64 import b64encode
from importlib.metadata import version
from typing import Any

from .diagnosis import sentences
from .findings import Findings
from .optional import load

__all__ = ["report_page"]


def report_page(found: Findings, graph: str, lags: str) -> str:
    """One HTML page that needs no network, no other file and no script.

    Parameters
    ----------
    found : Findings
    graph, lags : str
        The pictures as SVG; names in them are escaped already, see `dot.text`.
    """
    jinja2 = load("jinja2")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("viz"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["number"] = lambda x: f"{x:.3g}"
    safe = load("markupsafe").Markup
    return environment.get_template("report.html").render(
        found=found,
        settings=found.settings,
        cell=type(found.model.cell).__name__,
        graph=safe(_inline(graph)),
        lags=_data_address(lags),
        version=version("minigrad"),
        rows=_rows(found),
        sentences=sentences(found.lags, found.explained.bound),
    )


def _inline(svg: str) -> str:
    """An SVG without what only stands at the top of a file of its own."""
    return svg[svg.index("<svg") :]


def _data_address(svg: str) -> str:
    return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()


def _rows(found: Findings) -> list[dict[str, Any]]:
    bound = found.explained.bound
    return [
        {
            "lag": lag,
            "measured": found.lags.measured[lag],
            "stepwise": found.lags.stepwise[lag],
            "bound": None if bound is None else bound[lag],
        }
        for lag in range(len(found.lags.measured))
    ]
