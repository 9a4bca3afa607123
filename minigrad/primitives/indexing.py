"""Picking entries out of an array; the reverse rules put cotangents back where the entries came from.

A rule of indexing returns a `SparseCotangent`, not an array of zeros: T slices of one array of T steps would
otherwise cost T² memory traffic. The reverse sweep scatters all those of an array at once.
"""

from operator import index as index_number
from typing import Any

import numpy as np

from ..errors import DtypeError, InvalidIndexError, ShapeError
from ..primitive import PRIMITIVES, register
from ..sweep import SparseCotangent
from ..tensor import Tensor, bind
from ..typing import Value
from .broadcasting import substitute
from .shape import axis_number, reshape

__all__ = ["getitem", "pick", "positions", "take"]


def _getitem_vjp(g: Value, y: Value, x: Value, *, index: Any) -> Value:
    """y = x[index]: x̄ is ȳ at the index, 0 elsewhere."""
    return SparseCotangent(g, index, x.shape)


_getitem = register(
    "getitem", lambda x, *, index: x[index], vjps=(_getitem_vjp,), jvps=(substitute("getitem", 0),), symbol="[ ]"
)


def _fixed(part: Any) -> Value:
    """One part of an index as NumPy's own types; arrays of any library are copied into NumPy arrays."""
    if isinstance(part, Tensor):
        raise ShapeError("an index that is a Tensor must stand alone, as in x[i]; use take(x, i, axis) for other axes")
    if part is None or part is Ellipsis or isinstance(part, int | np.integer):
        return part
    if isinstance(part, slice):
        return slice(*(None if end is None else _end(end) for end in (part.start, part.stop, part.step)))
    return positions(part)


def _end(end: Any) -> Value:
    """An end of a slice as an integer of Python; sizes of matrix terms stay as they are."""
    if hasattr(end, "__index__"):
        return index_number(end)
    if isinstance(end, float | complex | np.inexact):
        raise InvalidIndexError(f"the ends of a slice must be integers, got {end!r}; write x[1:3]")
    return end


def positions(indices: Any) -> np.ndarray:
    """A copy of what indexes an array, as a NumPy array of integers or booleans.

    Raises
    ------
    InvalidIndexError
        If it holds anything else.
    """
    if isinstance(indices, np.ma.MaskedArray):
        raise InvalidIndexError(
            "a masked array is not an index: its mask would be lost; write .compressed() or .filled(0)"
        )
    try:
        array = np.array(indices)
    except (ValueError, TypeError) as error:
        raise InvalidIndexError(f"a {type(indices).__name__} is not an index: {error}") from error
    if array.dtype.kind == "O" and array.ndim == 0 and hasattr(indices, "__index__"):
        return np.array(index_number(indices))
    if array.size == 0 and array.dtype.kind == "f":
        return array.astype(np.intp)
    if array.dtype.kind not in "biu":
        raise InvalidIndexError(
            f"an index must be made of integers or booleans, got a {type(indices).__name__} of dtype {array.dtype}; "
            "write integers, a slice, or an array of them"
        )
    return array


def getitem(x: Value, index: Any) -> Value:
    """``x[index]`` with integers, slices, None, Ellipsis, and arrays of integers or booleans of any library.

    Raises
    ------
    IndexError
        If the index is out of range.
    InvalidIndexError
        If it is made of anything but integers and booleans.
    """
    if isinstance(index, Tensor):
        if index.dtype.kind == "b":
            raise ShapeError("x[mask] with a Tensor mask has a shape that depends on values; use where(mask, x, 0.0)")
        return take(x, index, 0)
    return bind(_getitem, (x,), {"index": tuple(map(_fixed, index)) if isinstance(index, tuple) else _fixed(index)})


def _at(indices: Any, axis: int) -> tuple[Any, ...]:
    return (*(slice(None),) * axis, indices)


def _take_vjp(g: Value, y: Value, x: Value, indices: Any, *, axis: int) -> Value:
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


def take(x: Value, indices: Any, axis: int | None = None) -> Value:
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
    DtypeError
        If the positions or the axis are not integers.
    """
    if axis is None:
        return take(reshape(x, -1), indices, 0)
    return bind(_take, (x, _integers(indices)), {"axis": axis_number(axis, len(x.shape))})


def _integers(indices: Any) -> Value:
    """Positions as integers: False is 0 and True is 1, as np.take reads them."""
    where = indices if isinstance(indices, Tensor) else positions(indices)
    if where.dtype.kind not in "biu":
        raise DtypeError(f"take needs positions that are integers, got dtype {where.dtype}; write .astype(int)")
    if where.dtype.kind != "b":
        return where
    return bind(PRIMITIVES["astype"], (where,), {"dtype": np.dtype(np.intp)})


def _put_value(g: Value, indices: Any, *, axis: int, shape: Any) -> Value:
    total = np.zeros(shape, g.dtype)
    np.add.at(total, _at(indices, axis), g)
    return total


def _put_vjp(g: Value, y: Value, part: Any, indices: Any, *, axis: int, shape: Any) -> Value:
    """The adjoint of putting is taking."""
    return take(g, indices, axis)


#: The adjoint of `take` where the indices are themselves a node.
_put = register("put", _put_value, vjps=(_put_vjp, None), jvps=(substitute("put", 0), None))


def _pick_value(x: Value, indices: Any) -> Value:
    return np.take_along_axis(x, indices[..., None], -1)[..., 0]


def _spread_value(g: Value, indices: Any, *, size: int) -> Value:
    total = np.zeros((*g.shape, size), g.dtype)
    np.put_along_axis(total, indices[..., None], g[..., None], -1)
    return total


def _pick_vjp(g: Value, y: Value, x: Value, indices: Any) -> Value:
    """x̄ is ȳ at the entry picked, 0 elsewhere on the last axis."""
    return bind(_spread, (g, indices), {"size": x.shape[-1]})


def _spread_vjp(g: Value, y: Value, part: Any, indices: Any, *, size: int) -> Value:
    """The adjoint of spreading is picking."""
    return pick(g, indices)


_pick = register("pick", _pick_value, vjps=(_pick_vjp, None), jvps=(substitute("pick", 0), None))
_spread = register("spread", _spread_value, vjps=(_spread_vjp, None), jvps=(substitute("spread", 0), None))


def pick(x: Value, indices: Any) -> Value:
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
