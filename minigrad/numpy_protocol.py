"""NumPy's protocols for Tensors: ``np.tanh(t)`` is `minigrad.tanh`.

A NumPy function without an entry here raises; it never drops the gradient.
"""

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from . import primitives as p
from .advice import refused
from .errors import UnsupportedNumPyError
from .primitive import PRIMITIVES
from .tensor import Tensor, bind

__all__ = ["FUNCTIONS", "UFUNCS", "array_function", "array_ufunc"]


def _primitive(name: str) -> Callable[..., Any]:
    return lambda *args: bind(PRIMITIVES[name], args)


def _rearranged(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that only moves axes: NumPy moves those of an array of one entry, whose strides tell them apart."""

    def rearrange(a: Any, *args: Any, **options: Any) -> Any:
        ndim = len(p.shape_of(a))
        labelled = as_strided(np.zeros(1, bool), (1,) * ndim, tuple(range(ndim)))
        return p.transpose(a, f(labelled, *args, **options).strides)

    return rearrange


def _expand_dims(a: Any, axis: Any) -> Any:
    return p.reshape(a, np.expand_dims(np.broadcast_to(False, a.shape), axis).shape)


def _squeeze(a: Any, axis: Any = None) -> Any:
    return p.reshape(a, np.squeeze(np.broadcast_to(False, a.shape), axis).shape)


def _dot(a: Any, b: Any) -> Any:
    if np.ndim(a) > 2 or np.ndim(b) > 2:
        raise UnsupportedNumPyError("np.dot of more than two axes has no primitive; write a @ b (np.matmul)")
    return p.multiply(a, b) if np.ndim(a) == 0 or np.ndim(b) == 0 else p.matmul(a, b)


def _outer(a: Any, b: Any) -> Any:
    return p.reshape(a, (-1, 1)) * p.reshape(b, (1, -1))


def _concatenate(arrays: Any, axis: int | None = 0) -> Any:
    return p.concatenate(arrays, axis) if axis is not None else p.concatenate([p.reshape(a, -1) for a in arrays])


def _where(condition: Any, x: Any, y: Any) -> Any:
    return p.where(condition, x, y)


def _sum(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return p.sum(a, axis, keepdims=bool(keepdims))


def _mean(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return p.mean(a, axis, keepdims=bool(keepdims))


#: NumPy's ufuncs, and what they do to Tensors.
UFUNCS: dict[Any, Callable[..., Any]] = {
    **{record.value: _primitive(name) for name, record in PRIMITIVES.items() if isinstance(record.value, np.ufunc)},
    np.bitwise_and: lambda a, b: a & b if isinstance(a, Tensor) else b.__rand__(a),
    np.bitwise_or: lambda a, b: a | b if isinstance(a, Tensor) else b.__ror__(a),
    np.bitwise_xor: lambda a, b: a ^ b if isinstance(a, Tensor) else b.__rxor__(a),
    np.invert: lambda a: ~a,
    np.square: lambda x: x * x,
    np.reciprocal: lambda x: 1.0 / x,
    np.positive: lambda x: x,
}

#: NumPy's other functions, and what they do to Tensors; arguments have NumPy's names.
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _sum,
    np.mean: _mean,
    np.reshape: lambda a, shape: p.reshape(a, shape),
    np.ravel: lambda a: p.reshape(a, -1),
    np.transpose: lambda a, axes=None: p.transpose(a, axes),
    np.swapaxes: _rearranged(np.swapaxes),
    np.moveaxis: _rearranged(np.moveaxis),
    np.expand_dims: _expand_dims,
    np.squeeze: _squeeze,
    np.broadcast_to: lambda array, shape: p.broadcast_to(array, shape),
    np.concatenate: _concatenate,
    np.stack: lambda arrays, axis=0: p.stack(arrays, axis),
    np.take: lambda a, indices, axis=None: p.take(a, indices, axis),
    np.where: _where,
    np.dot: _dot,
    np.outer: _outer,
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a: a.size,
    np.zeros_like: lambda a: np.zeros(a.shape, a.dtype),
    np.ones_like: lambda a: np.ones(a.shape, a.dtype),
}


def _full_name(f: Any) -> str:
    """The name after ``np.``: ``sum``, ``linalg.norm``."""
    module = (getattr(f, "__module__", None) or "numpy").removeprefix("numpy").strip(".")
    return f"{module}.{f.__name__}" if module in ("linalg", "fft") else f.__name__


def array_ufunc(ufunc: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Apply the entry of `UFUNCS` for a ufunc that met a Tensor."""
    if method != "__call__":
        raise refused(_full_name(ufunc), f".{method}")
    if ufunc not in UFUNCS:
        raise refused(_full_name(ufunc))
    if kwargs:
        raise UnsupportedNumPyError(
            f"np.{ufunc.__name__} of a Tensor takes no {', '.join(sorted(kwargs))}; write h = h + t for h += t, "
            "and choose dtypes with the operands"
        )
    return UFUNCS[ufunc](*args)


def array_function(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Apply the entry of `FUNCTIONS` for a NumPy function that met a Tensor."""
    if func not in FUNCTIONS:
        raise refused(_full_name(func))
    implementation = FUNCTIONS[func]
    try:
        return implementation(*args, **kwargs)
    except TypeError:
        _check_options(func, implementation, args, kwargs)
        raise


def _check_options(func: Any, implementation: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> None:
    """Say so if the failure was an option of NumPy's that Tensors do not have."""
    try:
        signature(implementation).bind(*args, **kwargs)
    except TypeError as error:
        names = ", ".join(signature(implementation).parameters)
        raise UnsupportedNumPyError(f"np.{_full_name(func)} of a Tensor takes ({names}): {error}") from None
