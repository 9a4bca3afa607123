"""The form of a call apart from where its arrays lie: two calls of one form are one piece of machine code."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy import ndarray

from ..kernels import UFUNCS, Call

__all__ = ["Form", "Layout", "addresses", "form_of", "in_rows"]

#: Functions that loops know, and what they compute from operands a and b; the result comes last among the arguments.
ELEMENTWISE = {
    np.add: "{0} + {1}",
    np.subtract: "{0} - {1}",
    np.multiply: "{0} * {1}",
    np.divide: "{0} / {1}",
    np.negative: "-{0}",
    np.tanh: "tanh({0})",
    np.exp: "exp({0})",
    UFUNCS["maximum"]: "{0} if {0} > {1} or {0} != {0} else {1}",
}
PRODUCTS = (np.dot, np.matmul)


@dataclass(frozen=True)
class Layout:
    """The layout of one operand in memory, in the shape of the result; steps are in entries, 0 for broadcasting."""

    shape: tuple[int, ...]
    steps: tuple[int, ...]

    @property
    def extent(self) -> int:
        """Entries from the first to the last, both included."""
        return 1 + sum((n - 1) * step for n, step in zip(self.shape, self.steps, strict=True))


@dataclass(frozen=True)
class Form:
    """A call without its addresses.

    Attributes
    ----------
    expression : str
        What is computed from the operands; empty for a matrix product.
    layouts : tuple of Layout
        Of all arrays, the result's last.
    same : tuple of int
        For every array the first one of the call that is the same memory.
    dtype : str
    """

    expression: str
    layouts: tuple[Layout, ...]
    same: tuple[int, ...]
    dtype: str

    @property
    def is_product(self) -> bool:
        """True if this is a product of matrices."""
        return not self.expression


def form_of(call: Call) -> Form | None:
    """The form of a call; None if it cannot be part of a loop."""
    f, args = call
    arrays = _arrays(call)
    if not all(isinstance(array, ndarray) for array in arrays) or not arrays or not arrays[-1].size:
        return None
    dtype = arrays[-1].dtype
    if dtype not in (np.float32, np.float64) or any(array.dtype != dtype for array in arrays):
        return None
    views: list[ndarray] | None
    shape = arrays[-1].shape or (1,)  # Numbers are vectors of one entry.
    if f in PRODUCTS and len(args) == 3:
        expression, views = "", _matrices(*arrays)
    elif f is np.copyto and len(args) == 2:
        expression, views = "{0}", [np.broadcast_to(x, shape) for x in arrays]
    elif f in ELEMENTWISE and len(args) in (2, 3):
        expression, views = ELEMENTWISE[f], [np.broadcast_to(x, shape) for x in arrays]
    else:
        return None
    if views is None:
        return None
    layouts = tuple(Layout(x.shape, tuple(step // x.itemsize for step in x.strides)) for x in views)
    if any(step < 0 for layout in layouts for step in layout.steps):
        return None
    places = [(x.__array_interface__["data"][0], layout) for x, layout in zip(arrays, layouts, strict=True)]
    return Form(expression, layouts, tuple(places.index(place) for place in places), dtype.name)


def _matrices(a: ndarray, b: ndarray, out: ndarray) -> list[ndarray] | None:
    """The operands of a product as matrices, vectors as one row or one column; None if BLAS would have to copy."""
    if a.ndim == 1 and b.ndim == 2:
        a, out = a[None, :], out[None, :]
    elif a.ndim == 2 and b.ndim == 1:
        b, out = b[:, None], out[:, None]
    if not a.ndim == b.ndim == out.ndim == 2 or not out.flags.c_contiguous:
        return None
    fits = all(x.flags.c_contiguous or x.flags.f_contiguous for x in (a, b))
    return [a, b, out] if fits else None


def addresses(call: Call) -> list[int]:
    """Where the arrays of a call lie, in the order of `Form.layouts`."""
    return [array.__array_interface__["data"][0] for array in _arrays(call)]


def _arrays(call: Call) -> tuple[Any, ...]:
    """The operands, and the result last."""
    f, args = call
    return (args[1], args[0]) if f is np.copyto and len(args) == 2 else args


def in_rows(form: Form, rows: int) -> Form:
    """An operation on a long vector as the same on a matrix of some rows, where that can be."""
    length = form.layouts[-1].shape[0] if len(form.layouts[-1].shape) == 1 else 0
    if form.is_product or length % rows or any(layout.steps not in ((0,), (1,)) for layout in form.layouts):
        return form
    if not length:
        return form
    columns = length // rows
    split: dict[tuple[int, ...], tuple[int, ...]] = {(0,): (0, 0), (1,): (columns, 1)}
    layouts = tuple(Layout((rows, columns), split[layout.steps]) for layout in form.layouts)
    return replace(form, layouts=layouts)
