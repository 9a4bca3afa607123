"""Which step's use of a weight each loss blames: BPTT split into its (t, k) terms."""

import os
from typing import Any

import numpy as np

from minigrad import Graph, Tensor
from minigrad.sweep import SparseCotangent

from ..errors import DrawingValueError
from ..scene.labels import norm, short_name, step_of
from .svg import Heat, Plot, colour_bar, heat_on, letters, plotted, scale_of

__all__ = ["lag_parts", "lags"]


def lag_parts(graph: Graph, parameter: Tensor | str) -> np.ndarray:
    """∂⁺E_t/∂W through step k: the gradient of the loss of step t by the use of W at step k alone.

    Summed over k it is ∂E_t/∂W, summed over t and k it is what BPTT gives for E = Σ_t E_t. Terms with
    k > t are zero: a loss cannot blame what comes after it (unless the net looks ahead).

    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
    equations 3 and 4.

    Parameters
    ----------
    graph : Graph
        Its only output has shape (T,): the loss of each step.
    parameter : Tensor or str
        W, or its name in ``graph.inputs``.

    Returns
    -------
    (T, T', ...)
        ``(T, T', *W.shape)``: row t − 1, column k − 1, for the T' steps in which W is used.

    Raises
    ------
    DrawingValueError
        If the output is not a vector, or the parameter is not used in any time step.
    UnknownNodeError
        If the graph does not hold the parameter.
    """
    weight = graph.node(parameter)
    outputs = list(graph.outputs.values())
    if len(outputs) != 1 or outputs[0].ndim != 1:
        shapes = ", ".join(str(node.shape) for node in outputs)
        raise DrawingValueError(
            f"lags needs one output of shape (T,), the loss of each step; got {shapes}: no .mean() there"
        )
    steps = sorted({step_of(e.target.scope) or 0 for e in graph.edges if e.source is weight} - {0})
    if not steps:
        raise DrawingValueError(
            f"{short_name(weight)} is not used in any time step; name a weight of the recurrent cell"
        )
    parts = np.zeros((outputs[0].shape[0], steps[-1], *weight.shape))
    for t, seed in enumerate(np.eye(len(parts), dtype=outputs[0].dtype)):
        for edge, share in graph.adjoints(seed).edges.items():
            step = step_of(edge.target.scope)
            if edge.source is weight and step is not None:
                parts[t, step - 1] += share.result() if type(share) is SparseCotangent else share
    return parts


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
        colour_bar(figure, heat_on(axes, heat, scale_of(norms)), axes)

    return plotted(draw, (5.6, 4.6), {"parts": parts, "norms": norms}, path)
