"""Attribution of a gradient: to the gates it goes through, to time steps, to uses of a weight, and to inputs."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Graph, Tensor
from minigrad.context import step_of, without_time
from minigrad.sweep import SparseCotangent, ancestors

from ..errors import AnalysisError
from .norms import norm
from .structure import affine_maps, parameter_key

__all__ = ["DIRECT", "dependency_norms", "flow_norms", "gates_of", "lag_parts", "route_parts"]

#: The way of what meets none of the gates.
DIRECT = "direct"


def gates_of(graph: Graph) -> set[str]:
    """The names of the gates: what is computed by an activation from weights, and attention's α."""
    weighted = set(affine_maps(graph))
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

    A gradient that stays on the LSTM's cell path until the end and one that leaves it through a gate are
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
    AnalysisError
        If the graph has several outputs, or is not a scalar and has no seed.
    UnknownNodeError
        If the graph does not hold the source.
    """
    start = graph.node(source)
    outputs = list(graph.outputs.values())
    if len(outputs) != 1 or (seed is None and outputs[0].shape != ()):
        raise AnalysisError("routes needs one scalar output, or a seed of the output's shape")
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
    """The contributions of a node to the cotangents of its arguments."""
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


def flow_norms(graph: Graph) -> dict[str, np.ndarray]:
    """‖∂E/∂q_t‖ for everything that has a name at every time step, by name.

    A name inside further scopes is written with them, ``layer 1/h``.

    Parameters
    ----------
    graph : Graph
        With one scalar output E.

    Returns
    -------
    dict of (T,) arrays
        For t = 1 … T; 0 where no gradient arrives, masked where there is nothing of that name.

    Raises
    ------
    AnalysisError
        If nothing in the graph stands in a time step.
    """
    adjoints = graph.adjoints().nodes
    found: dict[str, dict[int, float]] = {}
    for node in graph.nodes:
        step = step_of(node.scope)
        if step is None or node.name is None or node.is_leaf:
            continue
        lane = "/".join(without_time(node.scope))
        size = norm(adjoints[node]) if node in adjoints else 0.0
        found.setdefault(f"{lane}/{node.name}" if lane else node.name, {})[step] = 0.0 if size is None else size
    if not found:
        raise AnalysisError('nothing in this graph stands in a time step; open scopes "t=1", "t=2", … as unroll does')
    last = max(step for sizes in found.values() for step in sizes)
    return {name: _over_time(sizes, last) for name, sizes in found.items()}


def _over_time(sizes: Mapping[int, float], last: int) -> np.ndarray:
    """One number for each step, masked where there is none."""
    norms = np.array([sizes.get(t, 0.0) for t in range(1, last + 1)])
    missing = [t not in sizes for t in range(1, last + 1)]
    return np.ma.array(norms, mask=missing) if any(missing) else norms


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
    AnalysisError
        If the output is not a vector, or the parameter is not used in any time step.
    UnknownNodeError
        If the graph does not hold the parameter.
    """
    weight = graph.node(parameter)
    outputs = list(graph.outputs.values())
    if len(outputs) != 1 or outputs[0].ndim != 1:
        shapes = ", ".join(str(node.shape) for node in outputs)
        raise AnalysisError(
            f"lags needs one output of shape (T,), the loss of each step; got {shapes}: no .mean() there"
        )
    steps = sorted({step_of(e.target.scope) or 0 for e in graph.edges if e.source is weight} - {0})
    if not steps:
        raise AnalysisError(
            f"{parameter_key(weight) or weight.name} is not used in any time step; name a weight of the recurrent cell"
        )
    parts = np.zeros((outputs[0].shape[0], steps[-1], *weight.shape))
    for t, seed in enumerate(np.eye(len(parts), dtype=outputs[0].dtype)):
        for edge, share in graph.adjoints(seed).edges.items():
            step = step_of(edge.target.scope)
            if edge.source is weight and step is not None:
                parts[t, step - 1] += share.result() if type(share) is SparseCotangent else share
    return parts


def dependency_norms(f: Callable[[Any], Any], xs: np.ndarray) -> np.ndarray:
    """‖∂y_t/∂x_s‖, the Frobenius norm of each block of the Jacobian.

    A feed-forward net gives a diagonal, a convolution a band, a recurrent net a triangle, a bidirectional
    one and attention a full square.

    Parameters
    ----------
    f : callable
        From (T, D) to (T', K).
    xs : (T, D)

    Returns
    -------
    (T', T)

    Raises
    ------
    AnalysisError
        If the function does not map sequences to sequences.
    """
    blocks = np.asarray(mg.jacobian(f)(xs))
    if blocks.ndim != 4:
        raise AnalysisError(
            f"dependency needs a function from (T, D) to (T, K), got a Jacobian of shape {blocks.shape}"
        )
    return np.sqrt(np.sum(blocks**2, axis=(1, 3)))
