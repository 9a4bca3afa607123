"""Helpers that several primitives' rules share."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..primitive import PRIMITIVES
from ..tensor import bind
from ..typing import Value

__all__ = ["expand", "substitute", "unbroadcast"]


def unbroadcast(g: Value, x: Value) -> Value:
    """Sum a cotangent over the axes along which `x` was broadcast.

    Copying an entry n times has the adjoint of summing n cotangents.
    """
    if g.shape == x.shape:
        return g
    extra = len(g.shape) - len(x.shape)
    stretched = [extra + i for i, size in enumerate(x.shape) if size == 1 and g.shape[extra + i] != 1]
    axes = (*range(extra), *stretched)
    if type(g) is np.ndarray:  # every bias takes this way: NumPy's own sum is a good deal cheaper
        return np.add.reduce(g, axes).reshape(x.shape)
    total = bind(PRIMITIVES["sum"], (g,), {"axis": axes, "keepdims": False})
    return total if total.shape == x.shape else bind(PRIMITIVES["reshape"], (total,), {"shape": x.shape})


def expand(t: Value, y: Value) -> Value:
    """Broadcast a tangent to the shape of the output; several tangents side by side keep their leading axes."""
    if t.shape == y.shape:
        return t
    shape = y.shape if len(t.shape) <= len(y.shape) else np.broadcast_shapes(t.shape, y.shape)
    return t if t.shape == shape else bind(PRIMITIVES["broadcast_to"], (t,), {"shape": shape})


def substitute(name: str, position: int) -> Callable[..., Any]:
    """The jvp of an operation that is linear in one argument: the operation with the tangent in its place."""

    def jvp(t: Value, y: Value, *xs: Value, **params: Any) -> Any:
        return bind(PRIMITIVES[name], (*xs[:position], t, *xs[position + 1 :]), params)

    return jvp
