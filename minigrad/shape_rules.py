"""Rules for the shape and dtype of a primitive's output, from those of its inputs, without computing anything.

A rule takes the inputs, of which it reads shape and dtype, and the settings. It returns ``(shape, dtype)``, or None
where it does not apply; the output is then computed once on stand-ins.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

__all__ = ["elementwise", "linear", "outer", "reshape", "same", "scatter", "stack", "sum_over"]


def elementwise(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """Broadcasting of floating-point arrays of one dtype; Python numbers adapt to it."""
    shape, dtype = None, None
    for x in values:
        if type(x) is float or type(x) is int:
            continue
        if dtype is None:
            shape, dtype = x.shape, x.dtype
        elif x.dtype != dtype:
            return None
        elif x.shape != shape:
            shape = np.broadcast_shapes(shape, x.shape)  # type: ignore[arg-type]
    return None if dtype is None or dtype.kind != "f" else (shape, dtype)


def same(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """The shape and dtype of the argument."""
    return (values[0].shape, values[0].dtype) if values[0].dtype.kind == "f" else None


def linear(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """``(m, n)`` and ``(..., n)`` give ``(..., m)``."""
    W, x = values
    fits = len(W.shape) == 2 and x.shape and W.shape[1] == x.shape[-1] and W.dtype == x.dtype
    return ((*x.shape[:-1], W.shape[0]), x.dtype) if fits else None


def outer(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """``(..., m)`` and ``(..., n)`` give ``(m, n)``."""
    g, x = values
    fits = g.shape and x.shape and g.shape[:-1] == x.shape[:-1] and g.dtype == x.dtype
    return ((g.shape[-1], x.shape[-1]), x.dtype) if fits else None


def sum_over(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """The shape without the axes summed over."""
    x, axis = values[0], params["axis"]
    if x.dtype.kind != "f" or params["keepdims"] or len(set(axis)) != len(axis):
        return None
    return tuple(size for i, size in enumerate(x.shape) if i not in axis), x.dtype


def reshape(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """The shape that is asked for."""
    shape, x = params["shape"], values[0]
    return (shape, x.dtype) if -1 not in shape and prod(shape) == prod(x.shape) else None


def _alike(values: Sequence[Any]) -> bool:
    first = values[0]
    return all(hasattr(x, "shape") and x.shape == first.shape and x.dtype == first.dtype for x in values)


def stack(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """One axis more, as long as there are parts."""
    if not _alike(values):
        return None
    shape, axis = values[0].shape, params["axis"]
    return (*shape[:axis], len(values), *shape[axis:]), values[0].dtype


def scatter(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """The shape of the array scattered into."""
    dtype = values[0].dtype
    return (tuple(params["shape"]), dtype) if all(x.dtype == dtype for x in values) else None
