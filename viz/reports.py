"""The report: where the gradient goes, how fast it fades, and why, on one page."""

import os
from pathlib import Path

from .files import require_writable, write_all
from .findings import Findings, Progress, Settings, findings
from .graphs import draw
from .page import report_page
from .plots import Curve, lag_plot
from .texts import read_corpus

__all__ = ["report"]


def report(
    text: str | os.PathLike[str] | None,
    directory: str | os.PathLike[str],
    settings: Settings | None = None,
    progress: Progress = iter,
) -> Path:
    """Write ``report.html`` and its parts (pictures as SVG, the derivation as text and LaTeX) into a directory.

    Parameters
    ----------
    text : path or None
        A UTF-8 text; None for the poem that comes with minigrad.
    directory : path
        Made if it is missing. Nothing is written before everything is ready.
    settings : Settings, optional
    progress : callable
        See `findings`.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    ReportInputError
        If the text cannot be used, or is too short.
    OutputError
        If the directory cannot be written into.
    MissingLibraryError
        If the libraries of the extra `report` are missing.
    DrawingError
        If Graphviz fails.
    """
    require_writable(directory)
    found = findings(read_corpus(text), settings or Settings(), progress)
    graph = draw(found.graph).svg
    lags = lag_plot(_curves(found), "‖∂s_T/∂s_k‖₂").svg
    page = report_page(found, graph, lags)
    contents = {
        "graph.svg": graph,
        "lags.svg": lags,
        "derivation.txt": found.explained.text,
        "derivation.tex": found.explained.latex,
        "report.html": page,
    }
    paths = write_all(directory, {name: content.encode() for name, content in contents.items()})
    return paths[-1]


def _curves(found: Findings) -> list[Curve]:
    """What is measured, and what it can never exceed."""
    drawn = [
        Curve("measured", found.lags.measured, "#0072B2"),
        Curve("product of the steps' norms", found.lags.stepwise, "#999999", ":"),
    ]
    if found.explained.bound is not None:
        drawn.append(Curve("proved bound", found.explained.bound, "#D55E00", "--"))
    return drawn
