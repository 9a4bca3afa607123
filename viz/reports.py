"""The report: where the gradient goes, how fast it fades, and why, on one page."""

import os
from dataclasses import replace
from pathlib import Path

from .diagnosis import diagnose
from .files import require_writable, write_all
from .findings import CELLS, Findings, Progress, Settings, findings
from .flows import flow
from .graphs import draw
from .page import report_page, titled
from .plots import Curve, lag_plot
from .splits import routes
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
    asked = settings or Settings()
    corpus = read_corpus(text)
    found = findings(corpus, asked, progress)
    others = [findings(corpus, replace(asked, cell=name), progress) for name in CELLS if name != asked.cell]
    pictures = _pictures(found, others)
    diagnosis = diagnose(found.lags, found.graph, found.explained.bound)
    contents = {
        **pictures,
        "derivation.txt": found.explained.text,
        "derivation.tex": found.explained.latex,
        "diagnosis.json": diagnosis.json(),
        "report.html": report_page(found, diagnosis, pictures),
    }
    paths = write_all(directory, {name: content.encode() for name, content in contents.items()})
    return paths[-1]


def _pictures(found: Findings, others: list[Findings]) -> dict[str, str]:
    """All pictures as SVG, by file name."""
    nets = {titled(one): one for one in sorted([found, *others], key=lambda one: list(CELLS).index(one.settings.cell))}
    carried = "c" if found.settings.cell == "lstm" else "h"
    steps = range(0, found.settings.steps, max(1, found.settings.steps // 8))
    sources = {f"{carried}_{t}": found.graph.find(carried, f"t={t}") for t in steps}
    return {
        "graph.svg": draw(found.graph).svg,
        "lags.svg": lag_plot(_curves(found), "‖∂s_T/∂s_k‖₂").svg,
        "flow.svg": flow({title: one.graph for title, one in nets.items()}).svg,
        "routes.svg": routes(found.graph, sources).svg,
    }


def _curves(found: Findings) -> list[Curve]:
    """What is measured, and what it can never exceed."""
    drawn = [
        Curve("measured", found.lags.measured, "#0072B2"),
        Curve("product of the steps' norms", found.lags.stepwise, "#999999", ":"),
    ]
    if found.explained.bound is not None:
        drawn.append(Curve("proved bound", found.explained.bound, "#D55E00", "--"))
    return drawn
