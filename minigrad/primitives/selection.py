"""Selection between values, elementwise: comparisons, masks, where, maximum, minimum, absolute value."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DtypeError
from ..primitive import register
from ..tensor import bind
from ..typing import Value
from .broadcasting import expand, unbroadcast

__all__ = ["absolute", "maximum", "minimum", "where"]


def _comparison(name: str, value: Callable[..., Any], symbol: str | None = None) -> None:
    """A comparison is piecewise constant: no derivative, but a node, so that a traced graph can be replayed."""
    register(name, value, vjps=(None, None), jvps=(None, None), symbol=symbol)


_comparison("less", np.less, "<")
_comparison("less_equal", np.less_equal, "≤")
_comparison("greater", np.greater, ">")
_comparison("greater_equal", np.greater_equal, "≥")
_comparison("equal", np.equal, "=")
_comparison("not_equal", np.not_equal, "≠")


def _where_vjp_a(g: Value, y: Value, mask: Any, a: Value, b: Value) -> Value:
    """y = a where the mask holds: ā = ȳ there, 0 elsewhere."""
    return unbroadcast(where(mask, g, 0.0), a)


def _where_vjp_b(g: Value, y: Value, mask: Any, a: Value, b: Value) -> Value:
    """y = b where the mask does not hold: b̄ = ȳ there, 0 elsewhere."""
    return unbroadcast(where(mask, 0.0, g), b)


def _where_jvp_a(t: Value, y: Value, mask: Any, a: Value, b: Value) -> Value:
    """ẏ = ȧ where the mask holds, 0 elsewhere."""
    return expand(where(mask, t, 0.0), y)


def _where_jvp_b(t: Value, y: Value, mask: Any, a: Value, b: Value) -> Value:
    """ẏ = ḃ where the mask does not hold, 0 elsewhere."""
    return expand(where(mask, 0.0, t), y)


_where = register("where", np.where, vjps=(None, _where_vjp_a, _where_vjp_b), jvps=(None, _where_jvp_a, _where_jvp_b))


def where(mask: Any, a: Value, b: Value) -> Value:
    """``a`` where the mask holds, else ``b``, shapes broadcast. No gradient goes to the mask.

    Both branches are evaluated: a NaN in the branch that is not taken does not reach the value, but
    0 · inf in its own rule can reach its gradient. Make the untaken branch safe as well.

    Parameters
    ----------
    mask : array or Tensor
        Of booleans.
    a, b : array, Tensor or term
        Of shapes that broadcast with the mask's.

    Returns
    -------
    like a
        Of the shape to which all three broadcast.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.
    """
    return bind(_where, (mask, a, b))


def _chosen(t: Value, winner: Any, loser: Any) -> Value:
    """`t` where `winner` is the larger, half of it at a tie, 0 elsewhere."""
    return where(winner > loser, t, where(winner == loser, 0.5 * t, 0.0))


def _maximum_vjp_a(g: Value, y: Value, a: Value, b: Value) -> Value:
    """y = max(a, b): ā = ȳ where a > b, ȳ/2 where a = b."""
    return unbroadcast(_chosen(g, a, b), a)


def _maximum_vjp_b(g: Value, y: Value, a: Value, b: Value) -> Value:
    """y = max(a, b): b̄ = ȳ where b > a, ȳ/2 where a = b."""
    return unbroadcast(_chosen(g, b, a), b)


def _maximum_jvp_a(t: Value, y: Value, a: Value, b: Value) -> Value:
    """y = max(a, b): ẏ = ȧ where a > b, ȧ/2 where a = b."""
    return _chosen(t, a, b)


def _maximum_jvp_b(t: Value, y: Value, a: Value, b: Value) -> Value:
    """y = max(a, b): ẏ = ḃ where b > a, ḃ/2 where a = b."""
    return _chosen(t, b, a)


_maximum = register(
    "maximum", np.maximum, vjps=(_maximum_vjp_a, _maximum_vjp_b), jvps=(_maximum_jvp_a, _maximum_jvp_b), symbol="max"
)


def maximum(a: Value, b: Value) -> Value:
    """``max(a, b)``, shapes broadcast. At a tie each side gets half of the gradient.

    Parameters
    ----------
    a, b : array, Tensor or term
        Of shapes that broadcast.

    Returns
    -------
    like a
        Of the shape to which they broadcast.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.
    """
    return bind(_maximum, (a, b))


def _minimum_vjp_a(g: Value, y: Value, a: Value, b: Value) -> Value:
    """y = min(a, b): ā = ȳ where a < b, ȳ/2 where a = b."""
    return unbroadcast(_chosen(g, b, a), a)


def _minimum_vjp_b(g: Value, y: Value, a: Value, b: Value) -> Value:
    """y = min(a, b): b̄ = ȳ where b < a, ȳ/2 where a = b."""
    return unbroadcast(_chosen(g, a, b), b)


_minimum = register(
    "minimum",
    np.minimum,
    vjps=(_minimum_vjp_a, _minimum_vjp_b),
    jvps=(_maximum_jvp_b, _maximum_jvp_a),
)


def minimum(a: Value, b: Value) -> Value:
    """``min(a, b)``, shapes broadcast. At a tie each side gets half of the gradient.

    Parameters
    ----------
    a, b : array, Tensor or term
        Of shapes that broadcast.

    Returns
    -------
    like a
        Of the shape to which they broadcast.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.
    """
    return bind(_minimum, (a, b))


def _absolute_rule(g: Value, y: Value, x: Value) -> Value:
    """y = |x|: x̄ = ȳ sign x, 0 at 0; a diagonal Jacobian is its own transpose."""
    if getattr(getattr(x, "dtype", None), "kind", "") == "c":
        raise DtypeError("|z| of a complex number has no derivative here; write sqrt(a * a + b * b) of its real parts")
    return where(x > 0, g, where(x < 0, -g, 0.0))


_absolute = register("absolute", np.absolute, vjps=(_absolute_rule,), jvps=(_absolute_rule,))


def absolute(x: Value) -> Value:
    """``|x|``, as NumPy's on every dtype. The slope is the sign of x, and 0 at 0.

    Parameters
    ----------
    x : array, Tensor or term
        Of any shape.

    Returns
    -------
    like x
        At least 0.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> mg.grad(lambda x: abs(x).sum())(np.array([-2.0, 0.0, 3.0]))
    array([-1.,  0.,  1.])
    """
    return bind(_absolute, (x,))


#: Masks combine as NumPy's do, without a derivative.
_comparison("logical_and", np.logical_and)
_comparison("logical_or", np.logical_or)
_comparison("logical_xor", np.logical_xor)
register("logical_not", np.logical_not, vjps=(None,), jvps=(None,))
