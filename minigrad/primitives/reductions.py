"""Sums and means over axes, and softmax, which divides by a sum."""

from math import prod
from typing import Any

import numpy as np

from .. import shape_rules
from ..errors import ShapeError
from ..primitive import Primitive, register
from ..tensor import bind
from ..typing import Value
from .broadcasting import substitute
from .elementwise import exp
from .shape import axis_number, broadcast_to, reshape, shape_of, transpose

__all__ = ["log_softmax", "mean", "softmax", "sum"]


def _axes(axis: Any, x: Value) -> tuple[int, ...]:
    """The axes to reduce over, as non-negative numbers; None means all."""
    ndim = len(shape_of(x))
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis_number(i, ndim) for i in (axis if isinstance(axis, tuple | list) else (axis,)))
    if len(set(axes)) < len(axes):
        raise ShapeError(f"axis={axis!r} names an axis twice; name each once")
    return axes


def _back(g: Value, x: Value, axis: tuple[int, ...]) -> Value:
    """Repeat `g` along the axes that were summed away."""
    kept = tuple(1 if i in axis else size for i, size in enumerate(x.shape))
    return broadcast_to(reshape(g, kept) if g.shape != kept else g, x.shape)


def _sum_vjp(g: Value, y: Value, x: Value, *, axis: Any, keepdims: bool) -> Value:
    """y = Σ x: every entry gets ȳ."""
    return _back(g, x, axis)


def _sum_value(x: Value, *, axis: Any, keepdims: bool) -> Value:
    """The function that np.sum ends in; on small arrays np.sum's own checks cost more than the sum."""
    reduce: Any = np.add.reduce
    return reduce(x, axis=axis, keepdims=keepdims)


_sum = register(
    "sum", _sum_value, vjps=(_sum_vjp,), jvps=(substitute("sum", 0),), symbol="Σ", shape_rule=shape_rules.sum_over
)


def sum(x: Value, axis: Any = None, *, keepdims: bool = False) -> Value:
    """``Σ x`` over an axis, several axes, or all of them; 0 over no entries. Every entry gets ȳ back.

    Parameters
    ----------
    x : array, Tensor or term
        Of any shape.
    axis : int or tuple of int, optional
        Over which axes; all of them by default.
    keepdims : bool
        Keep the axes summed over, with length 1.

    Returns
    -------
    like x
        Without those axes.

    Raises
    ------
    ShapeError
        If an axis is out of range or named twice.
    DtypeError
        If an axis is not an integer.
    """
    return bind(_sum, (x,), {"axis": _axes(axis, x), "keepdims": keepdims})


def _mean_vjp(g: Value, y: Value, x: Value, *, axis: Any, keepdims: bool) -> Value:
    """y = Σ x / n: every entry gets ȳ / n."""
    return _back(g, x, axis) / prod(x.shape[i] for i in axis)


_mean = register(
    "mean",
    lambda x, *, axis, keepdims: np.mean(x, axis=axis, keepdims=keepdims),
    vjps=(_mean_vjp,),
    jvps=(substitute("mean", 0),),
)


def mean(x: Value, axis: Any = None, *, keepdims: bool = False) -> Value:
    """``Σ x / n`` over an axis, several axes, or all of them; NaN over no entries, as NumPy's. Every entry gets ȳ / n.

    Parameters
    ----------
    x : array, Tensor or term
        Of any shape.
    axis : int or tuple of int, optional
        Over which axes; all of them by default.
    keepdims : bool
        Keep the axes summed over, with length 1.

    Returns
    -------
    like x
        Without those axes.

    Raises
    ------
    ShapeError
        If an axis is out of range or named twice.
    DtypeError
        If an axis is not an integer.
    """
    return bind(_mean, (x,), {"axis": _axes(axis, x), "keepdims": keepdims})


def _shifted(x: Value, axis: int) -> Value:
    """x − max x, so that no exponential overflows; integers become floats."""
    x = x.astype(np.float64) if x.dtype.kind in "biu" else x
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    return x - np.where(np.isfinite(top), top, 0).astype(x.dtype)


def _softmax_value(x: Value, *, axis: int) -> Value:
    weights = np.exp(_shifted(x, axis))
    return weights / np.sum(weights, axis=axis, keepdims=True)


def _log_softmax_value(x: Value, *, axis: int) -> Value:
    if x.shape[axis] == 0:
        return np.array(x)
    shifted = _shifted(x, axis)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _softmax_rule(g: Value, y: Value, x: Value, *, axis: int) -> Value:
    """(diag(y) − y yᵀ) g = y ⊙ (g − yᵀ g); the Jacobian is symmetric, so forward and reverse agree."""
    return y * (g - sum(y * g, axis, keepdims=True))


def _log_softmax_vjp(g: Value, y: Value, x: Value, *, axis: int) -> Value:
    """x̄ = ȳ − softmax(x) Σ ȳ."""
    return g - exp(y) * sum(g, axis, keepdims=True)


def _log_softmax_jvp(t: Value, y: Value, x: Value, *, axis: int) -> Value:
    """ẏ = ẋ − softmax(x)ᵀ ẋ."""
    return t - sum(exp(y) * t, axis, keepdims=True)


_softmax = register(
    "softmax", _softmax_value, vjps=(_softmax_rule,), jvps=(_softmax_rule,), shape_rule=shape_rules.same
)
_log_softmax = register(
    "log_softmax",
    _log_softmax_value,
    vjps=(_log_softmax_vjp,),
    jvps=(_log_softmax_jvp,),
    symbol="log softmax",
    shape_rule=shape_rules.same,
)


def _along(primitive: Primitive, x: Value, axis: Any) -> Value:
    """Apply a primitive that runs along one axis; several axes are made one for it, and afterwards restored."""
    shape = shape_of(x)
    if not shape and axis is not None and axis != ():
        raise ShapeError(
            f"{primitive.name} runs along an axis, got a 0-d value; pass scores of shape (K,), or axis=None for a "
            "distribution over one entry"
        )
    axes = _axes(axis, x)
    if len(axes) == 1:
        return bind(primitive, (x,), {"axis": axes[0]})
    order = (*(i for i in range(len(shape)) if i not in axes), *axes)
    moved = transpose(x, order)
    kept = tuple(shape[i] for i in order[: len(shape) - len(axes)])
    flat = bind(primitive, (reshape(moved, (*kept, prod(shape[i] for i in axes))),), {"axis": len(kept)})
    return transpose(reshape(flat, tuple(shape[i] for i in order)), tuple(order.index(i) for i in range(len(shape))))


def softmax(x: Value, axis: int | tuple[int, ...] | None = -1) -> Value:
    """``exp(x) / Σ exp(x)`` along an axis: positive, summing to 1. Safe up to half the largest float.

    Its Jacobian in x is diag(y) − y yᵀ.

    Parameters
    ----------
    x : array, Tensor or term
        Of shape (..., K).
    axis : int, tuple of int or None
        Along which axis, the last by default; over several axes together, or over all of them for None.

    Returns
    -------
    like x
        Of the same shape.

    Raises
    ------
    ShapeError
        If an axis is out of range or named twice, or x is 0-d and an axis is named.
    DtypeError
        If an axis is not an integer.
    """
    return _along(_softmax, x, axis)


def log_softmax(x: Value, axis: int | tuple[int, ...] | None = -1) -> Value:
    """``x − log Σ exp(x)`` along an axis, without taking the logarithm of a tiny softmax.

    Its Jacobian in x is I − 1 softmax(x)ᵀ.

    Parameters
    ----------
    x : array, Tensor or term
        Of shape (..., K).
    axis : int, tuple of int or None
        Along which axis, the last by default; over several axes together, or over all of them for None.

    Returns
    -------
    like x
        Of the same shape, at most 0.

    Raises
    ------
    ShapeError
        If an axis is out of range or named twice, or x is 0-d and an axis is named.
    DtypeError
        If an axis is not an integer.
    """
    return _along(_log_softmax, x, axis)
