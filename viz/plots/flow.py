"""The gradient that arrives at every step and gate, as heat strips and as curves over the lag."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from cells.analysis.attribution import flow_norms
from minigrad import Graph

from ..errors import DrawingValueError
from .svg import COLOURS, FEW, Curve, Heat, Plot, colour_bar, curves_on, heat_on, letters, plotted, scale_of

__all__ = ["flow"]


def flow(
    graphs: Graph | Mapping[str, Graph],
    path: str | os.PathLike[str] | None = None,
    *,
    state: str = "h",
    bounds: Mapping[str, np.ndarray] | None = None,
) -> Plot:
    """The gradient at each state and gate: ‖∂E/∂q_t‖ per step and gate, nets side by side.

    Above, the norm at the state over the lag T − t, and the proved bounds of ‖∂E/∂h_T‖ ‖∂h_T/∂h_t‖ on the
    same axes; below, one heat strip for each net, a row for each name.

    Parameters
    ----------
    graphs : Graph or mapping of title to Graph
        Each with one scalar output E, such as the loss of the last prediction.
    path : path, optional
        Where to save it.
    state : str
        The name whose norms are drawn as curves.
    bounds : mapping of title to (T + 1,), optional
        Bounds of ‖∂s_T/∂s_{T−lag}‖, see `Derivation.bound`.

    Returns
    -------
    Plot
        ``data`` has the norms by "title: name".

    Raises
    ------
    DrawingValueError
        If there is no graph, a graph has no time steps, or no state of that name.
    """
    nets = {"": graphs} if isinstance(graphs, Graph) else dict(graphs)
    if not nets:
        raise DrawingValueError("flow needs at least one graph; pass them by title")
    norms = {title: flow_norms(graph) for title, graph in nets.items()}
    for title, sizes in norms.items():
        if state not in sizes:
            raise DrawingValueError(f"no {state!r} in {title or 'this graph'}; the names are {', '.join(sizes)}")
    curves = _curves(norms, state, bounds or {})
    scale = scale_of(*(values for sizes in norms.values() for values in sizes.values()))

    def draw(figure: Any) -> None:
        above, below = figure.subfigures(2, 1, height_ratios=[1, 1.1])
        axes = above.subplots()
        curves_on(axes, curves, "lag T − t", f"‖∂E/∂{letters(state + '_t')}‖")
        axes.set_title("gradient of the loss E (not the Jacobian, which is taken in its worst direction)", fontsize=9)
        panels = np.atleast_1d(below.subplots(1, len(norms)))
        for axes, (title, sizes) in zip(panels, norms.items(), strict=True):
            heat = Heat(np.ma.stack(list(sizes.values())), list(sizes), _steps(sizes), "step t", "", title)
            image = heat_on(axes, heat, scale)
        colour_bar(below, image, list(panels))

    data = {f"{title}: {name}" if title else name: v for title, sizes in norms.items() for name, v in sizes.items()}
    rows = max(len(sizes) for sizes in norms.values())
    return plotted(draw, (max(7.2, 3.6 * len(norms)), 6.4 + 0.16 * max(rows - FEW, 0)), data, path)


def _steps(sizes: Mapping[str, np.ndarray]) -> list[str]:
    return [str(t) for t in range(1, len(next(iter(sizes.values()))) + 1)]


def _curves(norms: Mapping[str, Mapping[str, np.ndarray]], state: str, bounds: Mapping[str, np.ndarray]) -> list[Curve]:
    curves = []
    for i, (title, sizes) in enumerate(norms.items()):
        over_lag = sizes[state][::-1]
        colour = COLOURS[i % len(COLOURS)]
        curves.append(Curve(title or "measured", over_lag, colour))
        if title in bounds:
            curves.append(
                Curve(f"{title or 'proved'} bound", over_lag[0] * bounds[title][: len(over_lag)], colour, "--")
            )
    return curves
