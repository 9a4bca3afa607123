"""The page: a template filled with findings, nothing on it from anywhere else."""

from base64 import b64encode
from collections.abc import Mapping
from html import escape
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from minigrad.symbolic.mathml import mathml

from .derivations import Formula
from .diagnosis import Diagnosis
from .findings import Findings
from .optional import load

__all__ = ["report_page", "titled"]


def report_page(found: Findings, diagnosis: Diagnosis, pictures: Mapping[str, str]) -> str:
    """One HTML page that needs no network, no other file and no script.

    Parameters
    ----------
    found : Findings
    diagnosis : Diagnosis
    pictures : mapping of file name to SVG
        graph.svg, lags.svg, flow.svg and routes.svg; names in them are escaped already, see `dot.text`.
    """
    jinja2 = load("jinja2")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("viz"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    markup = load("markupsafe").Markup
    environment.filters["number"] = lambda x: f"{x:.3g}"
    environment.filters["math"] = lambda formula: markup(_mathml(formula))
    return environment.get_template("report.html").render(
        found=found,
        settings=found.settings,
        cell=titled(found),
        graph=markup(_inline(pictures["graph.svg"])),
        pictures={name: _data_address(svg) for name, svg in pictures.items()},
        version=version("minigrad"),
        rows=_rows(found),
        sentences=diagnosis.sentences(),
    )


def titled(found: Findings) -> str:
    """The name of the cell."""
    return type(found.model.cell).__name__


def _mathml(formula: Formula) -> str:
    """The formula as MathML, which browsers draw by themselves; as plain text without the library that makes it."""
    if find_spec("latex2mathml") is None:
        return f"<code>{escape(formula.text)}</code>"
    return mathml(formula.latex, display="block")


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
