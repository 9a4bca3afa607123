"""The report: where the gradient goes, how fast it fades, and why, on one page."""

import os
from dataclasses import replace
from pathlib import Path

from cells.analysis.findings import CELLS, Progress, Settings, findings
from cells.analysis.training import read_corpus
from cells.analysis.weights import weight_findings

from ..output import require_writable, write_all
from .page import render_page
from .trained_page import trained_page
from .weights_page import weights_page

__all__ = ["report"]


def report(
    text: str | os.PathLike[str] | None,
    path: str | os.PathLike[str],
    settings: Settings | None = None,
    progress: Progress = iter,
    *,
    weights: str | os.PathLike[str] | None = None,
    prefix: str = "",
    encoding: str | None = None,
) -> Path:
    """Write ``report.html`` and its parts (pictures as SVG, the derivation as text and LaTeX) into a directory.

    Parameters
    ----------
    text : path or None
        A text; None for the poem that comes with minigrad or, with weights, for random inputs.
    path : str or path
        A directory. Made if it is missing. Nothing is written before everything is ready.
    settings : Settings, optional
        With weights only `steps` and `seed` count.
    progress : callable
        See `findings`.
    weights : path, optional
        A ``.safetensors`` file with a recurrent net of PyTorch, which is looked at as it is.
    prefix : str
        Where the net stands in a larger model, see `cells.from_torch`.
    encoding : str, optional
        Of the text; by default UTF-8.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    ReportInputError
        If the text cannot be used, or is too short, or the file of weights cannot be read.
    StateDictError
        If the weights are not those of a recurrent net.
    OutputError
        If the directory cannot be written into.
    MissingLibraryError
        If the libraries of the extra `report` are missing.
    DrawingError
        If Graphviz fails.
    """
    require_writable(path)
    asked = settings or Settings()
    if weights is not None:
        page, diagnosis = weights_page(weight_findings(weights, text, asked.steps, asked.seed, prefix, encoding))
    else:
        corpus = read_corpus(text, encoding)
        nets = {name: findings(corpus, replace(asked, cell=name), progress) for name in _asked_first(asked)}
        page, diagnosis = trained_page(nets, asked)
    contents = {
        **page.pictures,
        "derivation.txt": page.explained.text,
        "derivation.tex": page.explained.latex,
        "diagnosis.json": diagnosis,
        "report.html": render_page(page),
    }
    return write_all(path, {name: content.encode() for name, content in contents.items()})[-1]


def _asked_first(settings: Settings) -> list[str]:
    if settings.cell not in CELLS:
        return [settings.cell]
    return [settings.cell, *(name for name in CELLS if name != settings.cell)]
