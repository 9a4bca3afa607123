"""A derivative split exactly by the first named thing its paths go through."""

import os
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from cells.analysis.attribution import DIRECT, route_parts
from cells.analysis.structure import is_parameter
from minigrad import Graph, Tensor
from minigrad.context import step_of

from ..style import NON_FINITE
from .svg import COLOURS, Plot, letters, plotted

__all__ = ["routes"]


def routes(
    graph: Graph,
    sources: Tensor | str | Mapping[str, Tensor],
    path: str | os.PathLike[str] | None = None,
    *,
    through: Collection[str] | None = None,
) -> Plot:
    """The shares of ∂E/∂source by the way they take, as bars; for several sources side by side.

    A bar's parts are ⟨part, whole⟩/‖whole‖²: they add up to 1, and a part that works against the whole
    hangs below zero.

    Parameters
    ----------
    graph : Graph
        Of a scalar loss.
    sources : Tensor, str, or mapping of title to Tensor
        Where the gradient arrives: a state, or several side by side.
    path : path, optional
        Where to save it.
    through : collection of str, optional
        See `route_parts`.

    Returns
    -------
    Plot
        ``data`` has for each way the shares by source, which add up to 1.

    Raises
    ------
    DrawingValueError, UnknownNodeError
        See `route_parts`.
    """
    starts = dict(sources) if isinstance(sources, Mapping) else {_title(graph, sources): graph.node(sources)}
    split = {title: route_parts(graph, start, through) for title, start in starts.items()}
    ways = sorted({way for parts in split.values() for way in parts}, key=lambda way: (way == DIRECT, way))
    data = {way: np.array([_fraction(parts, way) for parts in split.values()]) for way in ways}

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for sign in (1, -1):
            base = np.zeros(len(split))
            for i, way in enumerate(ways):
                height = np.where(np.sign(data[way]) == sign, data[way], 0.0)
                label = letters(way) if sign == 1 else None
                axes.bar(range(len(split)), height, 0.7, base, color=COLOURS[i % len(COLOURS)], label=label)
                base = base + height
        for at in np.flatnonzero(~np.isfinite(sum(data.values()))):
            axes.text(at, 0.5, "inf or nan", rotation=90, ha="center", va="center", color=NON_FINITE["color"])
        axes.axhline(0, color="black", linewidth=0.8)
        axes.axhline(1, color="black", linewidth=0.8, linestyle=":")
        axes.set_xticks(range(len(split)), labels=[letters(title) for title in split])
        axes.set_ylabel("share of the whole derivative")
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside right center", frameon=False, title="first through"
        )

    return plotted(draw, (max(4.2, 1.0 + 0.6 * len(split)), 3.8), data, path)


def _title(graph: Graph, source: Tensor | str) -> str:
    node = graph.node(source)
    step = step_of(node.scope)
    return f"{node.name}" if step is None or is_parameter(node) else f"{node.name}, t={step}"


def _fraction(parts: Mapping[str, np.ndarray], way: str) -> float:
    """⟨part, whole⟩/‖whole‖²; nan if that is not finite."""
    whole = sum(np.ravel(part) for part in parts.values())
    with np.errstate(all="ignore"):
        size = float(np.dot(whole, whole))
    if not np.isfinite(size):
        return float("nan")
    return float(np.dot(np.ravel(parts[way]), whole)) / size if way in parts and size > 0 else 0.0
