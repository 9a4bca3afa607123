"""Sums, products, quotients and powers, entry by entry, broadcasting as NumPy does.

In the rules `g` is the cotangent ȳ of the output y, `t` the tangent of one argument.
"""

from typing import Any

import numpy as np

from .. import shape_rules
from ..primitive import register
from ..tensor import bind
from ..typing import Value
from .broadcasting import expand, substitute, unbroadcast
from .elementwise import log
from .selection import where

__all__ = ["add", "divide", "multiply", "negative", "power", "stop_gradient", "subtract"]


def _same(g: Value, y: Value, x: Value) -> Value:
    """The identity is its own derivative: x̄ = ȳ."""
    return g


_alias = register("alias", lambda x: x, vjps=(_same,), jvps=(_same,), symbol="id", shape_rule=shape_rules.same)
_stop = register("stop_gradient", lambda x: x, vjps=(None,), jvps=(None,), symbol="stop", shape_rule=shape_rules.same)


def stop_gradient(x: Value) -> Value:
    """The same value, seen as a constant by every derivative: ∂y/∂x = 0.

    Truncated backpropagation through time cuts the graph with it.

    Parameters
    ----------
    x : array, Tensor or term
        Of any shape.

    Returns
    -------
    like x
        The same value.

    Examples
    --------
    >>> import minigrad as mg
    >>> float(mg.grad(lambda x: x * mg.stop_gradient(x))(3.0))
    3.0
    """
    return bind(_stop, (x,))


def _sum_vjp_a(g: Value, y: Value, a: Value, b: Value) -> Value:
    """y = a ± b: ā = ȳ."""
    return unbroadcast(g, a)


def _add_vjp_b(g: Value, y: Value, a: Value, b: Value) -> Value:
    """y = a + b: b̄ = ȳ."""
    return unbroadcast(g, b)


def _subtract_vjp_b(g: Value, y: Value, a: Value, b: Value) -> Value:
    """y = a − b: b̄ = −ȳ."""
    return unbroadcast(-g, b)


def _sum_jvp(t: Value, y: Value, a: Value, b: Value) -> Value:
    """y = a ± b: ẏ = ȧ."""
    return expand(t, y)


def _subtract_jvp_b(t: Value, y: Value, a: Value, b: Value) -> Value:
    """y = a − b: ẏ = −ḃ."""
    return expand(-t, y)


_add = register("add", np.add, vjps=(_sum_vjp_a, _add_vjp_b), jvps=(_sum_jvp, _sum_jvp), symbol="+")
_subtract = register(
    "subtract", np.subtract, vjps=(_sum_vjp_a, _subtract_vjp_b), jvps=(_sum_jvp, _subtract_jvp_b), symbol="−"
)


def add(a: Value, b: Value) -> Value:
    """``a + b``, shapes broadcast; the cotangent goes to both as it is, ā = b̄ = ȳ.

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
    return bind(_add, (a, b))


def subtract(a: Value, b: Value) -> Value:
    """``a − b``, shapes broadcast; ā = ȳ, b̄ = −ȳ.

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
    return bind(_subtract, (a, b))


def _negate(g: Value, y: Value, x: Value) -> Value:
    """y = −x: x̄ = −ȳ."""
    return -g


_negative = register("negative", np.negative, vjps=(_negate,), jvps=(_negate,), symbol="−")


def negative(x: Value) -> Value:
    """``−x``; x̄ = −ȳ.

    Parameters
    ----------
    x : array, Tensor or term
        Of any shape.

    Returns
    -------
    like x
        Entry by entry, of the shape of x.
    """
    return bind(_negative, (x,))


def _multiply_vjp_a(g: Value, y: Value, a: Value, b: Value) -> Value:
    """y = a ⊙ b: ā = ȳ ⊙ b."""
    return unbroadcast(g * b, a)


def _multiply_vjp_b(g: Value, y: Value, a: Value, b: Value) -> Value:
    """y = a ⊙ b: b̄ = ȳ ⊙ a."""
    return unbroadcast(g * a, b)


_multiply = register(
    "multiply",
    np.multiply,
    vjps=(_multiply_vjp_a, _multiply_vjp_b),
    jvps=(substitute("multiply", 0), substitute("multiply", 1)),
    symbol="⊙",
)


def multiply(a: Value, b: Value) -> Value:
    """``a ⊙ b``, the Hadamard product, shapes broadcast; ā = ȳ ⊙ b, b̄ = ȳ ⊙ a.

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
    return bind(_multiply, (a, b))


def _divide_vjp_a(g: Value, y: Value, a: Value, b: Value) -> Value:
    """y = a / b: ā = ȳ / b."""
    return unbroadcast(g / b, a)


def _divide_vjp_b(g: Value, y: Value, a: Value, b: Value) -> Value:
    """y = a / b: b̄ = −ȳ ⊙ y / b."""
    return unbroadcast(-g * y / b, b)


def _divide_jvp_b(t: Value, y: Value, a: Value, b: Value) -> Value:
    """y = a / b: ẏ = −ḃ ⊙ y / b."""
    return -t * y / b


_divide = register(
    "divide", np.divide, vjps=(_divide_vjp_a, _divide_vjp_b), jvps=(substitute("divide", 0), _divide_jvp_b), symbol="÷"
)


def divide(a: Value, b: Value) -> Value:
    """``a / b``, shapes broadcast; ā = ȳ / b, b̄ = −ȳ ⊙ a / b².

    At b = 0 it gives what NumPy gives: inf or NaN, with NumPy's warning.

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
    return bind(_divide, (a, b))


def _base_slope(x: Value, n: Any) -> Value:
    """d(xⁿ)/dx = n xⁿ⁻¹, and 0 for n = 0 even at x = 0."""
    if isinstance(n, int | float):
        return n * x ** (n - 1) if n else 0.0 * x
    return n * x ** where(n == 0, 1.0, n - 1)


def _exponent_slope(y: Value, x: Value) -> Value:
    """d(xⁿ)/dn = xⁿ log x, and its limit 0 at x = 0."""
    return y * log(where(x == 0, 1.0, x))


def _power_vjp_x(g: Value, y: Value, x: Value, n: Any) -> Value:
    """y = xⁿ: x̄ = ȳ ⊙ n xⁿ⁻¹."""
    return unbroadcast(g * _base_slope(x, n), x)


def _power_vjp_n(g: Value, y: Value, x: Value, n: Any) -> Value:
    """y = xⁿ: n̄ = ȳ ⊙ xⁿ log x."""
    return unbroadcast(g * _exponent_slope(y, x), n)


def _power_jvp_x(t: Value, y: Value, x: Value, n: Any) -> Value:
    """y = xⁿ: ẏ = ẋ ⊙ n xⁿ⁻¹."""
    return t * _base_slope(x, n)


def _power_jvp_n(t: Value, y: Value, x: Value, n: Any) -> Value:
    """y = xⁿ: ẏ = ṅ ⊙ xⁿ log x."""
    return t * _exponent_slope(y, x)


_power = register("power", np.power, vjps=(_power_vjp_x, _power_vjp_n), jvps=(_power_jvp_x, _power_jvp_n), symbol="^")


def power(x: Value, n: Any) -> Value:
    """``xⁿ``, shapes broadcast; for a negative base the exponent must be a whole number.

    x̄ = ȳ n xⁿ⁻¹, n̄ = ȳ xⁿ log x. Choices at x = 0: the slope in x is 0 for n > 1 and for n = 0, 1 for n = 1, and
    inf for n < 1, with NumPy's warning; the slope in n is 0, the limit from the right.

    Parameters
    ----------
    x, n : array, Tensor or term
        Of shapes that broadcast.

    Returns
    -------
    like x
        Of the shape to which they broadcast.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.
    """
    return bind(_power, (x, n))
