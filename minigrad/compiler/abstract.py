"""Tracing on shapes alone: values of which nothing is known but shape and dtype.

A `Shaped` is to the engine an array like any other, by the same door through which matrix terms come in:
`evaluate_primitive`. Nothing is computed and no memory is taken, so a trace costs what its nodes cost. Python
code that looks at the entries of a Tensor meets an error instead of numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import ValueDependentError
from ..primitive import Primitive
from .ir import freeze

__all__ = ["Shaped", "blank", "shaped"]


class Shaped(ndarray[Any, Any]):
    """An array whose entries are not there: all of them are one placeholder in memory."""

    @classmethod
    def evaluate_primitive(cls, primitive: Primitive, values: Sequence[Any], params: Mapping[str, Any]) -> Any:
        """The shape and dtype of an operation's result."""
        rule = _RULES.get(primitive.name)
        found = None if rule is None else rule(values, params)
        return shaped(*(_by_trial(primitive, values, params) if found is None else found))

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        raise _no_entries(self)

    __array_function__ = __getitem__ = __array_ufunc__
    __float__ = __int__ = __index__ = __complex__ = __bool__ = __iter__ = __array_ufunc__
    item = tolist = tobytes = all = any = max = min = sum = mean = __array_ufunc__


def _no_entries(array: Shaped) -> ValueDependentError:
    return ValueDependentError(
        f"the entries of a Tensor of shape {array.shape} were looked at while the function was being compiled"
    )


_made: dict[tuple[tuple[int, ...], np.dtype[Any]], Shaped] = {}
_tried: dict[Any, tuple[tuple[int, ...], np.dtype[Any]]] = {}
#: So many shapes and results of operations are remembered.
_LIMIT = 20_000


def shaped(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Shaped:
    """The value of a shape and dtype; equal ones are one object."""
    found = _made.get((shape, dtype))
    if found is None:
        if len(_made) >= _LIMIT:
            _made.clear()
        found = _made[shape, dtype] = _placeholder(shape, dtype).view(Shaped)
    return found


def blank(value: Any) -> Any:
    """An array of floats as a shape; integers and booleans stay, they may be indices or lengths."""
    is_floating = isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f"
    return shaped(value.shape, value.dtype) if is_floating else value


def _placeholder(shape: tuple[int, ...], dtype: np.dtype[Any]) -> ndarray:
    return np.broadcast_to(np.ones((), dtype), shape)


def _by_trial(
    primitive: Primitive, values: Sequence[Any], params: Mapping[str, Any]
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The operation on ones, once for each combination of shapes, dtypes and settings."""
    kinds = [("of", x.shape, x.dtype) if type(x) is Shaped else freeze(x) for x in values]
    key = (primitive.name, *kinds, freeze(params) if params else ())
    found = _tried.get(key)
    if found is None:
        if len(_tried) >= _LIMIT:
            _tried.clear()
        stand_ins = [_placeholder(x.shape, x.dtype) if type(x) is Shaped else x for x in values]
        with np.errstate(all="ignore"):
            result = np.asarray(primitive.value(*stand_ins, **params))
        found = _tried[key] = result.shape, result.dtype
    return found


# -- rules for frequent operations; None leaves a case to be tried -------------------------------------


def _elementwise(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
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


def _same(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    return (values[0].shape, values[0].dtype) if values[0].dtype.kind == "f" else None


def _linear(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    W, x = values
    fits = len(W.shape) == 2 and x.shape and W.shape[1] == x.shape[-1] and W.dtype == x.dtype
    return ((*x.shape[:-1], W.shape[0]), x.dtype) if fits else None


def _outer(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    g, x = values
    fits = g.shape and x.shape and g.shape[:-1] == x.shape[:-1] and g.dtype == x.dtype
    return ((g.shape[-1], x.shape[-1]), x.dtype) if fits else None


def _sum(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    x, axis = values[0], params["axis"]
    if x.dtype.kind != "f" or params["keepdims"] or len(set(axis)) != len(axis):
        return None
    return tuple(size for i, size in enumerate(x.shape) if i not in axis), x.dtype


def _reshape(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    shape, x = params["shape"], values[0]
    return (shape, x.dtype) if -1 not in shape and prod(shape) == prod(x.shape) else None


def _alike(values: Sequence[Any]) -> bool:
    first = values[0]
    return all(hasattr(x, "shape") and x.shape == first.shape and x.dtype == first.dtype for x in values)


def _stack(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    if not _alike(values):
        return None
    shape, axis = values[0].shape, params["axis"]
    return (*shape[:axis], len(values), *shape[axis:]), values[0].dtype


def _scatter(values: Sequence[Any], params: Mapping[str, Any]) -> Any:
    dtype = values[0].dtype
    return (tuple(params["shape"]), dtype) if all(x.dtype == dtype for x in values) else None


_RULES: dict[str, Callable[[Sequence[Any], Mapping[str, Any]], Any]] = {
    **dict.fromkeys(("add", "subtract", "multiply", "divide", "negative", "exp", "log", "sqrt", "tanh"), _elementwise),
    **dict.fromkeys(("sigmoid", "relu", "alias", "stop_gradient", "softmax", "log_softmax"), _same),
    "linear": _linear,
    "outer": _outer,
    "sum": _sum,
    "reshape": _reshape,
    "stack": _stack,
    "scatter": _scatter,
}
