"""Every primitive once more, on hundreds of digits: plain sums and mpmath's functions, nothing of the engine.

Derivatives come from these values alone, by central differences so narrow that fifty digits and more are
right. Numbers are mpmath's `mpf` in NumPy's object arrays, which are used as containers that broadcast.
"""

from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np

__all__ = ["DIGITS", "SINGULAR", "VALUES", "exact", "jacobian", "value"]

#: So many that a derivative of 1e-324 beside a value of 1 still has fifty right digits.
DIGITS = 450
#: The half width of a difference; its square is the error.
WIDTH = mpmath.mpf(10) ** -45

#: Arguments at which a primitive has a pole, a kink or an end of its domain at 0 or where two arguments
#: are equal: they are moved by a part of themselves.
SINGULAR = {
    "log": (0,),
    "sqrt": (0,),
    "relu": (0,),
    "divide": (1,),
    "power": (0,),
    "maximum": (0, 1),
    "minimum": (0, 1),
    "absolute": (0,),
}

Arrays = Any


def _each(f: Callable[..., Any]) -> Callable[..., Arrays]:
    """A function of numbers as a function of arrays that broadcast."""
    return np.frompyfunc(f, f.__code__.co_argcount, 1)


def _linear(W: Arrays, x: Arrays) -> Arrays:
    return (W * x[..., None, :]).sum(-1)


def _outer(g: Arrays, x: Arrays) -> Arrays:
    products = g[..., :, None] * x[..., None, :]
    return products.reshape(-1, *products.shape[-2:]).sum(0)


def _matmul(a: Arrays, b: Arrays) -> Arrays:
    rows = a if a.ndim > 1 else a[None, :]
    columns = b if b.ndim > 1 else b[:, None]
    product = (rows[..., :, :, None] * columns[..., None, :, :]).sum(-2)
    product = product if b.ndim > 1 else product[..., 0]
    return product if a.ndim > 1 else product[..., 0, :] if b.ndim > 1 else product[..., 0]


def _softmax(x: Arrays, *, axis: int) -> Arrays:
    weights = _exp(x)
    return weights / weights.sum(axis, keepdims=True)


def _log_softmax(x: Arrays, *, axis: int) -> Arrays:
    return x - _log(_exp(x).sum(axis, keepdims=True))


def _sum(x: Arrays, *, axis: Any, keepdims: bool) -> Arrays:
    return np.sum(x, axis=axis, keepdims=keepdims)


def _mean(x: Arrays, *, axis: Any, keepdims: bool) -> Arrays:
    total = _sum(x, axis=axis, keepdims=keepdims)
    return total * np.size(total) / np.size(x)


def _scatter(*parts: Arrays, indices: Any, shape: Any) -> Arrays:
    total = np.full(shape, mpmath.mpf(0), object)
    for part, index in zip(parts, indices, strict=True):
        np.add.at(total, index, part)
    return total


def _put(part: Arrays, indices: Any, *, axis: int, shape: Any) -> Arrays:
    return _scatter(part, indices=[(*(slice(None),) * axis, indices)], shape=shape)


def _pick(x: Arrays, classes: Any) -> Arrays:
    picked = np.empty(classes.shape, object)
    for place in np.ndindex(classes.shape):
        picked[place] = x[(*place, classes[place])]
    return picked


def _spread(part: Arrays, classes: Any, *, size: int) -> Arrays:
    total = np.full((*part.shape, size), mpmath.mpf(0), object)
    for place in np.ndindex(part.shape):
        total[(*place, classes[place])] = part[place]
    return total


_exp = _each(lambda x: mpmath.exp(x))
_log = _each(lambda x: mpmath.log(x))

#: What each differentiable primitive computes, on arrays of many digits.
VALUES: dict[str, Callable[..., Arrays]] = {
    "alias": lambda x: x,
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "negative": lambda x: -x,
    "power": _each(lambda x, n: mpmath.power(x, n)),
    "exp": _exp,
    "log": _log,
    "sqrt": _each(lambda x: mpmath.sqrt(x)),
    "tanh": _each(lambda x: mpmath.tanh(x)),
    "sigmoid": _each(lambda x: 1 / (1 + mpmath.exp(-x))),
    "relu": _each(lambda x: max(x, mpmath.mpf(0))),
    "maximum": _each(lambda a, b: max(a, b)),
    "minimum": _each(lambda a, b: min(a, b)),
    "absolute": _each(lambda x: abs(x)),
    "where": lambda mask, a, b: np.where(mask, a, b),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "sum": _sum,
    "mean": _mean,
    "astype": lambda x, *, dtype: x,
    "reshape": lambda x, *, shape: x.reshape(shape),
    "transpose": lambda x, *, axes: x.transpose(axes),
    "broadcast_to": lambda x, *, shape: np.broadcast_to(x, shape),
    "concatenate": lambda *xs, axis: np.concatenate(xs, axis),
    "stack": lambda *xs, axis: np.stack(xs, axis),
    "getitem": lambda x, *, index: x[index],
    "scatter": _scatter,
    "take": lambda x, indices, *, axis: np.take(x, indices, axis),
    "put": _put,
    "pick": _pick,
    "spread": _spread,
    "linear": _linear,
    "outer": _outer,
    "matmul": _matmul,
}


def exact(x: Any) -> Any:
    """A floating-point argument with all its digits; masks and indices as they are."""
    if isinstance(x, float | int) or x.dtype.kind == "f":
        return np.asarray(np.frompyfunc(lambda number: mpmath.mpf(float(number)), 1, 1)(x), object)
    return x


def value(name: str, args: tuple[Any, ...], params: dict[str, Any]) -> Arrays:
    """What a primitive should give, to hundreds of digits."""
    with mpmath.workdps(DIGITS):
        return np.asarray(VALUES[name](*map(exact, args), **params), object)


def jacobian(name: str, args: tuple[Any, ...], params: dict[str, Any], which: int) -> Arrays:
    """∂out/∂(argument number `which`), flattened, to fifty digits: (out.size, argument.size)."""
    with mpmath.workdps(DIGITS):
        columns = list(_columns(name, args, params, which))
        size = np.asarray(value(name, args, params)).size
    return np.array(columns, object).reshape(len(columns), size).T


def _columns(name: str, args: tuple[Any, ...], params: dict[str, Any], which: int) -> Iterator[Arrays]:
    given = [exact(x) for x in args]
    for place in np.ndindex(given[which].shape):
        middle = given[which][place]
        step = WIDTH * (abs(middle) if which in SINGULAR.get(name, ()) else max(1, abs(middle)))
        sides = []
        for entry in (middle + step, middle - step):
            moved = [*given]
            moved[which] = given[which].copy()
            moved[which][place] = entry
            sides.append(np.asarray(VALUES[name](*moved, **params), object).ravel())
        yield (sides[0] - sides[1]) / (2 * step)
