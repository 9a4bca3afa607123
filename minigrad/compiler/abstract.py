"""Tracing on shapes alone: values of which nothing is known but shape and dtype.

A `Shaped` enters the engine as matrix terms do, through `evaluate_primitive`. Nothing is computed and no memory
is taken, so a trace costs what its nodes cost. It is no NumPy array: there is no buffer that NumPy could convert,
so every way to its entries is an error, and a branch on them cannot be frozen into a plan.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from ..context import refuse_value
from ..primitive import Primitive
from .ir import freeze

__all__ = ["Shaped", "blank", "shaped"]


class Shaped:
    """A value of which shape and dtype are known, and no entries."""

    __slots__ = ("__weakref__", "dtype", "shape")
    is_numeric = True

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The memory that an array of this shape and dtype takes."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a value without axes")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<{self.dtype} of shape {self.shape}, not computed yet>"

    @classmethod
    def evaluate_primitive(cls, primitive: Primitive, values: Sequence[Any], params: Mapping[str, Any]) -> Any:
        """The shape and dtype of an operation's result."""
        rule = primitive.shape_rule
        found = None if rule is None else rule(values, params)
        return shaped(*(_by_trial(primitive, values, params) if found is None else found))

    def __getattr__(self, name: str) -> Any:
        if hasattr(ndarray, name):
            raise refuse_value(f".value.{name}", self)
        raise AttributeError(f"a value that is being traced has no attribute {name!r}")


def _refusing(name: str) -> Callable[..., Any]:
    def method(self: Shaped, *args: Any, **kwargs: Any) -> Any:
        raise refuse_value(f"{name} of .value", self)

    return method


#: Whatever Python or NumPy do with the entries of an array. `==` and `!=` too: they would compare by identity.
for _name in (
    *("array", "array_ufunc", "array_function", "float", "int", "index", "complex", "bool", "iter", "contains"),
    *("getitem", "setitem", "eq", "ne", "lt", "le", "gt", "ge", "abs", "neg", "pos", "invert", "round"),
    *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "rfloordiv", "mod", "rmod"),
    *("divmod", "rdivmod", "pow", "rpow", "matmul", "rmatmul", "and", "rand", "or", "ror", "xor", "rxor"),
    *("lshift", "rlshift", "rshift", "rrshift", "copy", "deepcopy", "reduce", "reduce_ex"),
):
    setattr(Shaped, f"__{_name}__", _refusing(f"__{_name}__"))
Shaped.__hash__ = object.__hash__  # type: ignore[method-assign]


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
        found = _made[shape, dtype] = Shaped(shape, dtype)
    return found


def blank(value: Any) -> Any:
    """An array as its shape and dtype; everything else stays."""
    return shaped(value.shape, value.dtype) if isinstance(value, ndarray | np.generic) else value


def _placeholder(shape: tuple[int, ...], dtype: np.dtype[Any]) -> ndarray:
    """Ones to try an operation on; zeros where they may be indices, which are in range wherever any is."""
    return np.broadcast_to(np.full((), dtype.kind not in "iu", dtype), shape)


def _by_trial(
    primitive: Primitive, values: Sequence[Any], params: Mapping[str, Any]
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The operation on ones, once for each combination of shapes, dtypes and settings."""
    kinds = [("of", x.shape, x.dtype) if type(x) is Shaped else freeze(x) for x in values]
    key = (primitive, *kinds, freeze(params) if params else ())
    found = _tried.get(key)
    if found is None:
        if len(_tried) >= _LIMIT:
            _tried.clear()
        stand_ins = [_placeholder(x.shape, x.dtype) if type(x) is Shaped else x for x in values]
        with np.errstate(all="ignore"):
            result = np.asarray(primitive.value(*stand_ins, **params))
        found = _tried[key] = result.shape, result.dtype
    return found
