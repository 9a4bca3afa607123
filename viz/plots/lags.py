"""The share of each step's use of a weight in each loss: BPTT split into its (t, k) terms."""

import os
from typing import Any

import numpy as np

from cells.analysis.attribution import lag_parts
from cells.analysis.norms import norm
from minigrad import Graph, Tensor

from ..scene.labels import short_name
from .svg import Heat, Plot, colour_bar, heat_on, letters, plotted, scale_of

__all__ = ["lags"]


def lags(graph: Graph, parameter: Tensor | str, path: str | os.PathLike[str] | None = None) -> Plot:
    """The triangle of ‖∂⁺E_t/∂W‖ through step k as a heat map, see `lag_parts`.

    Parameters
    ----------
    graph : Graph
        Its only output has shape (T,): the loss of each step.
    parameter : Tensor or str
        W, or its name in ``graph.inputs``.
    path : path, optional
        Where to save it.

    Returns
    -------
    Plot
        ``data`` has "parts" ``(T, T', *W.shape)`` and "norms" (T, T').

    Raises
    ------
    DrawingValueError, UnknownNodeError
        See `lag_parts`.
    """
    parts = lag_parts(graph, parameter)
    norms = np.array([[norm(part) or 0.0 for part in row] for row in parts])
    blank = np.ma.masked_where((norms == 0) & np.triu(np.ones(norms.shape, bool), 1), norms)
    name = short_name(graph.node(parameter)) or "W"
    heat = Heat(
        blank,
        [str(t) for t in range(1, len(norms) + 1)],
        [str(k) for k in range(1, norms.shape[1] + 1)],
        f"k, the step whose use of {letters(name)} is blamed",
        "t, the step whose loss it is",
        f"norm of ∂E_t/∂{name} through step k",
    )

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        colour_bar(figure, heat_on(axes, heat, scale_of(norms)), axes, white="k after t")

    return plotted(draw, (5.6, 4.6), {"parts": parts, "norms": norms}, path)
