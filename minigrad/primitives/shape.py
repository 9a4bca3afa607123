"""The same entries in another arrangement: reshape, transpose, broadcast, concatenate, stack."""

from itertools import accumulate, pairwise
from math import prod
from operator import index
from typing import Any

import numpy as np

from .. import shape_rules
from ..errors import DtypeError, ShapeError
from ..primitive import register
from ..tensor import bind
from ..typing import Value
from .broadcasting import substitute, unbroadcast

__all__ = ["axis_number", "broadcast_to", "concatenate", "reshape", "shape_of", "stack", "transpose"]


def shape_of(x: Value) -> tuple[int, ...]:
    """The shape of what may be a number or a list; what has a shape is asked for it, which NumPy's way costs twice."""
    return x.shape if hasattr(x, "shape") else np.shape(x)


def axis_number(axis: Any, ndim: int) -> int:
    """An axis as a non-negative integer.

    Raises
    ------
    DtypeError
        If it is not an integer.
    ShapeError
        If it is out of range.
    """
    try:
        number = index(axis)
    except TypeError:
        raise DtypeError(f"an axis must be an integer, got {axis!r}; {_axis_advice(axis)}") from None
    if ndim == 0:
        raise ShapeError(f"axis {number} is out of range for a 0-d value; give it an axis with reshape(x, (1,))")
    if not -ndim <= number < ndim:
        raise ShapeError(f"axis {number} is out of range for {ndim} axes; use one from {-ndim} to {ndim - 1}")
    return number % ndim


def _axis_advice(axis: Any) -> str:
    if isinstance(axis, float) and axis.is_integer():
        return f"write {int(axis)}"
    if axis is None:
        return "flatten the arrays first with reshape(x, -1)"
    return "write one number, such as -1 for the last axis"


def _reshape_vjp(g: Value, y: Value, x: Value, *, shape: Any) -> Value:
    """Entries keep their order: x̄ is ȳ in the shape of x."""
    return reshape(g, x.shape)


_reshape = register(
    "reshape",
    lambda x, *, shape: np.reshape(x, shape),
    vjps=(_reshape_vjp,),
    jvps=(substitute("reshape", 0),),
    shape_rule=shape_rules.reshape,
)


def reshape(x: Value, shape: Any) -> Value:
    """The same entries, in row-major order, in another shape; one size may be −1.

    Parameters
    ----------
    x : array, Tensor or term
        Of any shape.
    shape : int or sequence of int
        The new sizes.

    Returns
    -------
    like x
        Of the shape asked for.

    Raises
    ------
    ShapeError
        If the sizes do not multiply to the number of entries.
    """
    sizes = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    if -1 in sizes:
        known = prod(size for size in sizes if size != -1)
        sizes = tuple(prod(shape_of(x)) // known if size == -1 and known else size for size in sizes)
    return bind(_reshape, (x,), {"shape": sizes})


def _astype_vjp(g: Value, y: Value, x: Value, *, dtype: Any) -> Value:
    """The cotangent goes back in the precision of x."""
    return bind(_astype, (g,), {"dtype": x.dtype})


def _astype_value(x: Value, *, dtype: Any) -> Value:
    """Complex numbers, which only numerical differentiation passes, stay complex."""
    return x.astype(np.result_type(dtype, np.complex64) if x.dtype.kind == "c" else dtype)


#: The same entries in another floating-point precision.
_astype = register(
    "astype",
    _astype_value,
    vjps=(_astype_vjp,),
    jvps=(substitute("astype", 0),),
)


def _transpose_vjp(g: Value, y: Value, x: Value, *, axes: Any) -> Value:
    """Axes go back where they came from."""
    return transpose(g, None if axes is None else tuple(int(i) for i in np.argsort(axes)))


_transpose = register(
    "transpose",
    lambda x, *, axes: np.transpose(x, axes),
    vjps=(_transpose_vjp,),
    jvps=(substitute("transpose", 0),),
    symbol="ᵀ",
)


def transpose(x: Value, axes: Any = None) -> Value:
    """Axes in another order; all reversed if no order is given.

    Parameters
    ----------
    x : array, Tensor or term
        Of any shape.
    axes : sequence of int, optional
        For each axis of the result, which axis of x it is.

    Returns
    -------
    like x
        Of the shape ``[x.shape[i] for i in axes]``.

    Raises
    ------
    ShapeError
        If `axes` is no permutation of the axes.
    """
    ndim = len(shape_of(x))
    order = None if axes is None else tuple(axis_number(i, ndim) for i in axes)
    return bind(_transpose, (x,), {"axes": order})


def _broadcast_vjp(g: Value, y: Value, x: Value, *, shape: Any) -> Value:
    """Copies add up: x̄ = Σ ȳ over the copies."""
    return unbroadcast(g, x)


_broadcast_to = register(
    "broadcast_to",
    lambda x, *, shape: np.broadcast_to(x, shape),
    vjps=(_broadcast_vjp,),
    jvps=(substitute("broadcast_to", 0),),
    symbol="broadcast",
)


def broadcast_to(x: Value, shape: Any) -> Value:
    """Repeat along new axes and along axes of length 1 until the shape is `shape`.

    Parameters
    ----------
    x : array, Tensor or term
        Of a shape that broadcasts.
    shape : int or sequence of int
        The new sizes.

    Returns
    -------
    like x
        Of the shape asked for; in a gradient, copies add up.

    Raises
    ------
    ShapeError
        If NumPy's broadcasting rules do not allow it.
    """
    return bind(_broadcast_to, (x,), {"shape": (shape,) if isinstance(shape, int) else tuple(shape)})


def _spans(xs: tuple[Any, ...], axis: int) -> list[tuple[slice, ...]]:
    """The index of each part in the concatenation."""
    ends = list(accumulate((shape_of(x)[axis] for x in xs), initial=0))
    return [(*(slice(None),) * axis, slice(start, end)) for start, end in pairwise(ends)]


def _filled(ts: Value, xs: tuple[Any, ...], y: Value) -> list[Any]:
    """The tangents of all parts, with zeros for those that stand still."""
    return [np.zeros(shape_of(x), y.dtype) if t is None else t for t, x in zip(ts, xs, strict=True)]


def _concatenate_vjp(g: Value, y: Value, *xs: Value, axis: int) -> list[Any]:
    """Each part's cotangent is its own stretch of ȳ."""
    return [g[span] for span in _spans(xs, axis)]


def _concatenate_jvp(ts: Value, y: Value, *xs: Value, axis: int) -> Value:
    """The tangent of a concatenation is the concatenation of the tangents."""
    return concatenate(_filled(ts, xs, y), axis)


def _scatter_value(*gs: Any, indices: tuple[Any, ...], shape: tuple[int, ...]) -> Value:
    total = np.zeros(shape, np.result_type(*gs))
    for g, where in zip(gs, indices, strict=True):
        np.add.at(total, where, g) if _repeats(where) else _add_to(total, where, g)
    return total


def _add_to(total: Any, where: Any, g: Value) -> None:
    total[where] += g


def _repeats(where: Any) -> bool:
    """True if an index may name one entry twice: only arrays of integers can."""
    parts = where if isinstance(where, tuple) else (where,)
    return any(isinstance(part, np.ndarray) and part.dtype.kind in "iu" for part in parts)


def _scatter_vjp(g: Value, y: Value, *gs: Any, indices: Any, shape: Any) -> list[Any]:
    """Each part's cotangent is ȳ at its index."""
    return [g[where] for where in indices]


def _scatter_jvp(ts: Value, y: Value, *gs: Any, indices: Any, shape: Any) -> Value:
    """Linear in all parts together."""
    return bind(_scatter, tuple(_filled(ts, gs, y)), {"indices": indices, "shape": shape})


#: The adjoint of indexing: an array of zeros with every part added at its index.
_scatter = register(
    "scatter", _scatter_value, vjps=(_scatter_vjp,), jvps=(_scatter_jvp,), variadic=True, shape_rule=shape_rules.scatter
)

_concatenate = register(
    "concatenate",
    lambda *xs, axis: np.concatenate(xs, axis),
    vjps=(_concatenate_vjp,),
    jvps=(_concatenate_jvp,),
    variadic=True,
)


def concatenate(arrays: Any, axis: int = 0) -> Value:
    """Join along an axis that they have; each part gets its own stretch of ȳ back.

    Parameters
    ----------
    arrays : sequence
        Of arrays, Tensors or terms, of equal shapes but for that axis.
    axis : int
        Along which axis; the first by default.

    Returns
    -------
    like the parts
        Its length along the axis is the sum of theirs.

    Raises
    ------
    ShapeError
        If there is nothing to join, or the other axes differ.
    """
    parts = tuple(arrays)
    if not parts:
        raise ShapeError("concatenate needs at least one array, got none")
    return bind(_concatenate, parts, {"axis": axis_number(axis, len(shape_of(parts[0])))})


def _stack_vjp(g: Value, y: Value, *xs: Value, axis: int) -> list[Any]:
    """Each part's cotangent is its own slice of ȳ."""
    return [g[(*(slice(None),) * axis, i)] for i in range(len(xs))]


def _stack_jvp(ts: Value, y: Value, *xs: Value, axis: int) -> Value:
    """The tangent of a stack is the stack of the tangents."""
    return stack(_filled(ts, xs, y), axis)


_stack = register(
    "stack",
    lambda *xs, axis: np.stack(xs, axis),
    vjps=(_stack_vjp,),
    jvps=(_stack_jvp,),
    variadic=True,
    shape_rule=shape_rules.stack,
)


def stack(arrays: Any, axis: int = 0) -> Value:
    """Join along a new axis; each part gets its own slice of ȳ back.

    Parameters
    ----------
    arrays : sequence
        Of arrays, Tensors or terms of equal shapes.
    axis : int
        Where the new axis stands in the result; first by default.

    Returns
    -------
    like the parts
        With one axis more, as long as there are parts.

    Raises
    ------
    ShapeError
        If there is nothing to join, or the shapes differ.
    """
    parts = tuple(arrays)
    if not parts:
        raise ShapeError("stack needs at least one array, got none")
    return bind(_stack, parts, {"axis": axis_number(axis, len(shape_of(parts[0])) + 1)})
