"""Symbols: leaves of the graph that are read as formulas."""

from typing import Any

from ...tensor import Tensor, leaf
from ..errors import FormulaError
from .dims import as_dim
from .names import Label, label_here
from .term import Term, make

__all__ = ["symbol", "symbol_term"]


def symbol_term(label: Label, shape: tuple[Any, ...]) -> Term:
    """A given scalar, vector or matrix."""
    if len(shape) > 2:
        raise FormulaError(f"formulas hold scalars, vectors and matrices, got the shape {shape}; leave out the batch")
    return make("symbol", (), label, tuple(as_dim(size) for size in shape))


def symbol(name: str, shape: Any = ()) -> Tensor:
    """Make a leaf whose value is a formula: operations on it build formulas, and so do gradients.

    Parameters
    ----------
    name : str
        Letters, digits and underscores. Inside ``mg.scope("t=3")`` it is the value of step 3.
    shape : tuple of int or str
        ``()``, ``(n,)`` or ``(m, n)``; a size may be a name, such as ``"n"``.

    Returns
    -------
    Tensor
        A leaf of that shape; its value is a `Term`.

    Raises
    ------
    FormulaError
        If the name or the shape is none of these.

    Examples
    --------
    >>> import minigrad as mg
    >>> W, h = mg.symbol("W", ("n", "n")), mg.symbol("h", ("n",))
    >>> print(mg.tanh(mg.linear(W, h)).value)
    tanh(W h)
    """
    sizes = (shape,) if isinstance(shape, int | str) else tuple(shape)
    return leaf(symbol_term(label_here(name), sizes), name)
