"""A derivative split exactly by the first named thing its paths go through."""

import os
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from minigrad import Graph, Tensor
from minigrad.sweep import SparseCotangent, ancestors

from ..errors import DrawingValueError
from ..scene.grouping import grouping
from ..scene.labels import is_parameter, step_of
from ..style import NON_FINITE
from .svg import COLOURS, Plot, letters, plotted

__all__ = ["DIRECT", "gates_of", "route_parts", "routes"]

#: The way of what meets none of the gates.
DIRECT = "direct"


def gates_of(graph: Graph) -> set[str]:
    """The names of the gates: what is computed by an activation from weights, and attention's α."""
    weighted = {group.face.serial for group in grouping(graph, "gate") if group.kind == "affine"}
    names = set()
    for node in graph.nodes:
        # the GRU's n is tanh of a sum in which r ⊙ (W h + c) stands beside U x + b
        args = [arg for arg in node.args if isinstance(arg, Tensor)]
        fed = any(arg.serial in weighted for arg in args)
        if fed and node.primitive.name in ("add", "multiply") and all(arg.scope == node.scope for arg in args):
            weighted.add(node.serial)
        if node.name is not None and node.primitive.name in ("sigmoid", "tanh", "relu", "softmax", "linear") and fed:
            names.add(node.name)
    return names


def route_parts(
    graph: Graph,
    source: Tensor | str,
    through: Collection[str] | None = None,
    seed: Any = None,
) -> dict[str, np.ndarray]:
    """∂E/∂source split by the first gate that each path from the source to E goes through.

    A gradient that stays on the LSTM's highway until the end and one that leaves it through a gate are
    different terms of the same sum; the parts add up to the whole. Computed by one reverse sweep that
    carries a cotangent for each way, so nothing is estimated and no path is listed.

    Parameters
    ----------
    graph : Graph
        With one output.
    source : Tensor or str
        Such as ``graph.find("c", "t=0")``.
    through : collection of str, optional
        The names that are told apart; the gates by default, see `gates_of`.
    seed : array_like, optional
        The cotangent of the output; 1 for a scalar.

    Returns
    -------
    dict of arrays
        By name, of the source's shape; ``"direct"`` for paths that meet none of them.

    Raises
    ------
    DrawingValueError
        If the graph has several outputs, or is not a scalar and has no seed.
    UnknownNodeError
        If the graph does not hold the source.
    """
    start = graph.node(source)
    outputs = list(graph.outputs.values())
    if len(outputs) != 1 or (seed is None and outputs[0].shape != ()):
        raise DrawingValueError("routes needs one scalar output, or a seed of the output's shape")
    names = gates_of(graph) if through is None else set(through)
    begin = np.ones(outputs[0].shape, outputs[0].dtype) if seed is None else np.asarray(seed, outputs[0].dtype)
    waiting: dict[int, dict[str, Any]] = {outputs[0].serial: {DIRECT: begin}}
    for node in reversed(ancestors(outputs, start.serial)):
        ways = waiting.pop(node.serial, {})
        if node is start:
            return ways
        if node.name in names and ways:
            ways = {str(node.name): sum(ways.values())}
        for way, g in ways.items():
            for arg, share in _shares(node, g, start.serial):
                there = waiting.setdefault(arg.serial, {})
                there[way] = there[way] + share if way in there else share
    return {}


def _shares(node: Tensor, g: Any, oldest: int) -> list[tuple[Tensor, Any]]:
    """What a node passes back to each of its arguments."""
    primitive = node.primitive
    xs = [arg.value if isinstance(arg, Tensor) else arg for arg in node.args]
    if primitive.variadic:
        found = list(primitive.vjps[0](g, node.value, *xs, **node.params)) if primitive.vjps[0] else []
    else:
        found = [rule and _apply(rule, g, node, xs, arg) for rule, arg in zip(primitive.vjps, node.args, strict=True)]
    return [
        (arg, share.result() if type(share) is SparseCotangent else share)
        for arg, share in zip(node.args, found, strict=True)
        if isinstance(arg, Tensor) and arg.tracked and arg.serial >= oldest and share is not None
    ]


def _apply(rule: Callable[..., Any], g: Any, node: Tensor, xs: list[Any], arg: Any) -> Any:
    """One rule; nothing for arguments that carry no gradient."""
    return rule(g, node.value, *xs, **node.params) if isinstance(arg, Tensor) and arg.tracked else None


def routes(
    graph: Graph,
    sources: Tensor | str | Mapping[str, Tensor],
    path: str | os.PathLike[str] | None = None,
    *,
    through: Collection[str] | None = None,
) -> Plot:
    """How much of ∂E/∂source takes which way, as bars; for several sources side by side.

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
