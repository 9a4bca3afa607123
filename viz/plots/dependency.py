"""The norm of every output with respect to every input, models side by side."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cells.analysis.attribution import dependency_norms

from ..errors import DrawingValueError
from .svg import Heat, Plot, colour_bar, heat_on, plotted, scale_of

__all__ = ["dependency"]


def dependency(
    models: Mapping[str, Callable[[Any], Any]], xs: np.ndarray, path: str | os.PathLike[str] | None = None
) -> Plot:
    """‖∂y_t/∂x_s‖ of several models side by side, see `dependency_norms`.

    Parameters
    ----------
    models : mapping of title to callable
        Each from (T, D) to (T, K).
    xs : (T, D)
        The sequence at which they are differentiated.
    path : path, optional
        Where to save it.

    Returns
    -------
    Plot
        ``data`` has the norms by title.

    Raises
    ------
    DrawingValueError
        If there is no model, or see `dependency_norms`.
    """
    if not models:
        raise DrawingValueError("dependency needs at least one model; pass them by title")
    norms = {title: dependency_norms(model, xs) for title, model in models.items()}
    scale = scale_of(*norms.values())

    def draw(figure: Any) -> None:
        panels = np.atleast_1d(figure.subplots(1, len(norms)))
        for axes, (title, values) in zip(panels, norms.items(), strict=True):
            inputs = [str(s) for s in range(1, values.shape[1] + 1)]
            outputs = [str(t) for t in range(1, values.shape[0] + 1)]
            ylabel = "output t" if axes is panels[0] else ""
            image = heat_on(axes, Heat(_blank(values), outputs, inputs, "input s", ylabel, title), scale)
            axes.set_aspect("equal")
        colour_bar(figure, image, list(panels), white="exactly 0")

    return plotted(draw, (1.2 + 2.3 * len(norms), 2.9), norms, path)


def _blank(values: np.ndarray) -> np.ndarray:
    """No dependence at all is left white."""
    return np.ma.masked_equal(values, 0.0)
