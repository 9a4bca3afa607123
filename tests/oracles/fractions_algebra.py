"""Arrays of fractions as an algebra of the engine: the same rules, without any rounding."""

from fractions import Fraction
from typing import Any

import numpy as np

from minigrad.primitive import PRIMITIVES
from minigrad.tensor import bind

__all__ = ["Exact", "fractions"]

#: Integers and masks stay as they are, everything else becomes fractions.
_AS_THEY_ARE = "biu"


def fractions(x: Any) -> np.ndarray:
    """Numbers as an array of fractions; floats are fractions already."""
    return np.asarray(np.frompyfunc(Fraction, 1, 1)(np.asarray(x, object)), object)


def _operator(name: str) -> Any:
    return lambda self, other: bind(PRIMITIVES[name], (self, other))


def _reflected(name: str) -> Any:
    return lambda self, other: bind(PRIMITIVES[name], (other, self))


class Exact:
    """An array of fractions; the engine's own functions and rules run on it."""

    __array_ufunc__ = None
    #: Gradients may be asked of it.
    dtype = np.dtype(np.float64)

    def __init__(self, entries: Any) -> None:
        self.entries = fractions(entries)  # zeros that a value starts from are integers

    @classmethod
    def evaluate_primitive(cls, primitive: Any, values: list[Any], params: Any) -> "Exact":
        """The primitive's own value on object arrays."""
        return cls(primitive.value(*map(_entries, values), **params))

    shape = property(lambda self: self.entries.shape)
    ndim = property(lambda self: self.entries.ndim)
    size = property(lambda self: self.entries.size)
    T = property(lambda self: Exact(self.entries.T))

    __add__, __radd__ = _operator("add"), _reflected("add")
    __sub__, __rsub__ = _operator("subtract"), _reflected("subtract")
    __mul__, __rmul__ = _operator("multiply"), _reflected("multiply")
    __truediv__, __rtruediv__ = _operator("divide"), _reflected("divide")
    __matmul__, __rmatmul__ = _operator("matmul"), _reflected("matmul")
    __pow__ = _operator("power")

    def __neg__(self) -> "Exact":
        return Exact(-self.entries)

    def __getitem__(self, index: Any) -> "Exact":
        return Exact(self.entries[index])


def _entries(value: Any) -> Any:
    if isinstance(value, Exact):
        return value.entries
    kept = isinstance(value, int) or (isinstance(value, np.ndarray) and value.dtype.kind in _AS_THEY_ARE)
    return value if kept else fractions(value)
