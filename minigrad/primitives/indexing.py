"""Picking entries out of an array; the reverse rules put cotangents back where the entries came from.

A rule of indexing returns a `SparseCotangent`, not an array of zeros: T slices of one array of T steps would
otherwise cost T² memory traffic. The reverse sweep assembles all pieces of an array at once.
"""

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..primitive import register
from ..sweep import SparseCotangent
from ..tensor import Tensor, bind
from .broadcasting import substitute
from .shape import reshape

__all__ = ["getitem", "pick", "take"]


def _getitem_vjp(g: Any, y: Any, x: Any, *, index: Any) -> Any:
    """y = x[index]: x̄ is ȳ at the index, 0 elsewhere."""
    return SparseCotangent(g, index, x.shape)


_getitem = register(
    "getitem",
    lambda x, *, index: x[index],
    vjps=(_getitem_vjp,),
    jvps=(substitute("getitem", 0),),
)


def _fixed(part: Any) -> Any:
    """An index that later changes to the caller's array do not reach."""
    if isinstance(part, Tensor):
        raise ShapeError("an index that is a Tensor must stand alone, as in x[i]; use take(x, i, axis) for other axes")
    if not isinstance(part, list | tuple | np.ndarray):
        return part
    array = np.array(part)
    return array.astype(np.intp) if array.size == 0 and array.dtype.kind == "f" else array


def getitem(x: Any, index: Any) -> Any:
    """``x[index]`` with integers, slices, None, Ellipsis, and arrays of integers or booleans.

    Raises
    ------
    IndexError
        If the index is out of range.
    """
    if isinstance(index, Tensor):
        if index.dtype.kind == "b":
            raise ShapeError("x[mask] with a Tensor mask has a shape that depends on values; use where(mask, x, 0.0)")
        return take(x, index, 0)
    return bind(_getitem, (x,), {"index": tuple(map(_fixed, index)) if isinstance(index, tuple) else _fixed(index)})


def _at(indices: Any, axis: int) -> tuple[Any, ...]:
    return (*(slice(None),) * axis, indices)


def _take_vjp(g: Any, y: Any, x: Any, indices: Any, *, axis: int) -> Any:
    """y = x[indices]: ȳ goes back to the entries taken, and adds up where one was taken twice."""
    if isinstance(indices, Tensor):
        return bind(_put, (g, indices), {"axis": axis, "shape": x.shape})
    return SparseCotangent(g, _at(indices, axis), x.shape)


_take = register(
    "take",
    lambda x, indices, *, axis: np.take(x, indices, axis),
    vjps=(_take_vjp, None),
    jvps=(substitute("take", 0), None),
)


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Entries at integer positions along an axis, or of the flattened array if the axis is None.

    The indices may be a Tensor, an input of a traced graph, for instance; no gradient goes to them.

    Parameters
    ----------
    x : array or Tensor
        Of any shape.
    indices : int, array_like or Tensor of int
        Of any shape; negative ones count from the end.
    axis : int, optional
        Along which axis; by default x is flattened.

    Returns
    -------
    like x
        The shape of the indices stands in the place of the axis.

    Raises
    ------
    IndexError
        If an index is out of range.
    ShapeError
        If the axis is.
    """
    if axis is None:
        return take(reshape(x, -1), indices, 0)
    positions = indices if isinstance(indices, Tensor) else np.array(indices)
    ndim = len(x.shape)
    if not -ndim <= axis < ndim:
        raise ShapeError(f"axis {axis} is out of range for {ndim} axes; use one from {-ndim} to {ndim - 1}")
    return bind(_take, (x, positions), {"axis": axis % ndim})


def _put_value(g: Any, indices: Any, *, axis: int, shape: Any) -> Any:
    total = np.zeros(shape, g.dtype)
    np.add.at(total, _at(indices, axis), g)
    return total


def _put_vjp(g: Any, y: Any, part: Any, indices: Any, *, axis: int, shape: Any) -> Any:
    """The adjoint of putting is taking."""
    return take(g, indices, axis)


#: The adjoint of `take` where the indices are themselves a node.
_put = register("put", _put_value, vjps=(_put_vjp, None), jvps=(substitute("put", 0), None))


def _pick_value(x: Any, indices: Any) -> Any:
    return np.take_along_axis(x, indices[..., None], -1)[..., 0]


def _spread_value(g: Any, indices: Any, *, size: int) -> Any:
    total = np.zeros((*g.shape, size), g.dtype)
    np.put_along_axis(total, indices[..., None], g[..., None], -1)
    return total


def _pick_vjp(g: Any, y: Any, x: Any, indices: Any) -> Any:
    """x̄ is ȳ at the entry picked, 0 elsewhere on the last axis."""
    return bind(_spread, (g, indices), {"size": x.shape[-1]})


def _spread_vjp(g: Any, y: Any, part: Any, indices: Any, *, size: int) -> Any:
    """The adjoint of spreading is picking."""
    return pick(g, indices)


_pick = register("pick", _pick_value, vjps=(_pick_vjp, None), jvps=(substitute("pick", 0), None))
_spread = register("spread", _spread_value, vjps=(_spread_vjp, None), jvps=(substitute("spread", 0), None))


def pick(x: Any, indices: Any) -> Any:
    """One entry of the last axis at every position: ``x[..., indices]``, position by position.

    Parameters
    ----------
    x : (..., K)
    indices : (...), integers from 0 to K − 1

    Returns
    -------
    (...)
    """
    return bind(_pick, (x, indices))
