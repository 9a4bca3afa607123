"""Where a NaN came from: the first node that has one, forward or backward."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import NaNWarning
from .sweep import Edge, SparseCotangent, ancestors, reverse_sweep
from .tensor import Tensor, describe

__all__ = ["first_nan", "first_nan_edge", "has_nan", "warn_of_nan"]


def has_nan(value: Any) -> bool:
    """Whether an array, a Tensor or a sparse cotangent holds a NaN."""
    inner = value.g if isinstance(value, SparseCotangent) else value
    array = inner.value if isinstance(inner, Tensor) else inner
    return isinstance(array, np.ndarray | np.generic) and array.dtype.kind in "fc" and bool(np.isnan(array).any())


def first_nan(nodes: Iterable[Tensor]) -> Tensor | None:
    """The first of some nodes, parents first, with a NaN that none of its arguments has."""
    for node in nodes:
        if has_nan(node) and not any(isinstance(arg, Tensor) and has_nan(arg) for arg in node.args):
            return node
    return None


def first_nan_edge(output: Tensor, cotangent: Any) -> Edge | None:
    """The first edge, in the order of the reverse sweep, on which a cotangent without NaN becomes one with."""
    adjoints = reverse_sweep([(output, cotangent)], keep_all=True)
    for edge, cotangent_of_edge in adjoints.edges.items():
        if has_nan(cotangent_of_edge) and not has_nan(adjoints.nodes[edge.target]):
            return edge
    return None


def warn_of_nan(output: Tensor, cotangent: Any, gradients: Iterable[Any]) -> None:
    """Issue a `NaNWarning` if the output or one of the gradients holds a NaN; it says where the NaN arose."""
    if has_nan(output):
        origin = first_nan(ancestors([output]))
        text = "" if origin is None else f"; it arose in {describe(origin)}"
        warnings.warn(f"the output {describe(output)} is NaN{text}", NaNWarning, stacklevel=4)
    elif any(has_nan(g) for g in gradients):
        edge = first_nan_edge(output, cotangent)
        text = (
            ""
            if edge is None
            else f"; it arose in the reverse rule of {describe(edge.target)}, argument {edge.position}"
        )
        warnings.warn(f"the output {describe(output)} is no NaN, but its gradient is{text}", NaNWarning, stacklevel=4)
