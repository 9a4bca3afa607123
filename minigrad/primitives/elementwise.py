"""Functions of one variable, entry by entry. Each has a slope: its derivative from output and input."""

import numpy as np

from ..primitive import elementwise
from ..tensor import bind
from ..typing import Value

__all__ = ["exp", "log", "relu", "sigmoid", "sqrt", "tanh"]


def _exp_slope(y: Value, x: Value) -> Value:
    """exp' = exp = y."""
    return y


def _log_slope(y: Value, x: Value) -> Value:
    """log' = 1 / x."""
    return 1.0 / x


def _sqrt_slope(y: Value, x: Value) -> Value:
    """√' = 1 / (2 √x) = 1 / (2 y)."""
    return 0.5 / y


def _tanh_slope(y: Value, x: Value) -> Value:
    """tanh' = 1 − tanh² = 1 − y²."""
    return 1 - y * y


def _sigmoid_slope(y: Value, x: Value) -> Value:
    """σ' = σ (1 − σ) = y (1 − y)."""
    return y * (1 - y)


def _relu_slope(y: Value, x: Value) -> Value:
    """relu' = 1 where x > 0, else 0."""
    return x > 0


def _sigmoid_value(x: Value) -> Value:
    """1 / (1 + e⁻ˣ). For very negative x the exponential overflows to inf, and 1/inf = 0 is the right answer."""
    if np.result_type(x).kind in "ub":
        x = np.add(x, np.float16(0))  # Unsigned, a number has no negative.
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def _relu_value(x: Value) -> Value:
    return np.maximum(x, 0)


_exp = elementwise("exp", np.exp, _exp_slope, slope_formula="y")
_log = elementwise("log", np.log, _log_slope, slope_formula="1/x")
_sqrt = elementwise("sqrt", np.sqrt, _sqrt_slope, symbol="√", slope_formula="1/(2y)")
_tanh = elementwise("tanh", np.tanh, _tanh_slope, slope_formula="1 − y²", slope_bound=1.0)
_sigmoid = elementwise(
    "sigmoid", _sigmoid_value, _sigmoid_slope, symbol="σ", slope_formula="y(1 − y)", slope_bound=0.25
)
_relu = elementwise("relu", _relu_value, _relu_slope, slope_formula="1 if x > 0 else 0")


def exp(x: Value) -> Value:
    """``eˣ``. Overflows to inf as NumPy's does, with its warning.

    Parameters
    ----------
    x : array, Tensor or term
        Of any shape.

    Returns
    -------
    like x
        In (0, ∞).
    """
    return bind(_exp, (x,))


def log(x: Value) -> Value:
    """The natural logarithm; −inf at 0 and NaN below, with NumPy's warnings.

    Parameters
    ----------
    x : array, Tensor or term
        Of any shape; positive where the result shall be finite.

    Returns
    -------
    like x
        Entry by entry; the slope is 1/x.
    """
    return bind(_log, (x,))


def sqrt(x: Value) -> Value:
    """``√x``. At 0 the slope is inf, the limit from the right, with NumPy's warning; NaN below 0.

    Parameters
    ----------
    x : array, Tensor or term
        Of any shape; not negative where the result shall be a number.

    Returns
    -------
    like x
        Entry by entry; the slope is 1/(2 √x).
    """
    return bind(_sqrt, (x,))


def tanh(x: Value) -> Value:
    """``tanh x``, in (−1, 1); the slope is 1 − tanh² x, in (0, 1], and equal to 1 only at 0.

    The slope is computed from the output, as the textbook writes it. In float64 it rounds to exactly 0
    from x = ±19.1 on, where the true slope is about 1e-16 (float32: 9.0 and 6e-8). A gradient
    that is exactly 0 behind a saturated tanh is therefore rounding, not mathematics.

    Parameters
    ----------
    x : array, Tensor or term
        Of any shape.

    Returns
    -------
    like x
        In (−1, 1).

    Examples
    --------
    >>> import minigrad as mg
    >>> float(mg.grad(mg.tanh)(0.0))
    1.0
    """
    return bind(_tanh, (x,))


def sigmoid(x: Value) -> Value:
    """The logistic function ``σ(x) = 1 / (1 + e⁻ˣ)``, in (0, 1); the slope is σ (1 − σ), at most 1/4.

    Neither end overflows: σ(−1000) = 0 and σ(1000) = 1, without a warning. The value keeps its relative
    accuracy for negative x, down to x = −709 (float32: −88); below that the true value is subnormal and comes
    out as 0. The slope is computed from the output: on the positive side σ rounds to 1 from
    x ≈ 37 on in float64 (float32: 17), and the slope to exactly 0, where the true one is about 1e-16.

    Parameters
    ----------
    x : array, Tensor or term
        Of any shape.

    Returns
    -------
    like x
        In (0, 1).

    Examples
    --------
    >>> import minigrad as mg
    >>> float(mg.grad(mg.sigmoid)(0.0))
    0.25
    """
    return bind(_sigmoid, (x,))


def relu(x: Value) -> Value:
    """``max(x, 0)``. At 0 the slope is 0, as in PyTorch.

    Parameters
    ----------
    x : array, Tensor or term
        Of any shape.

    Returns
    -------
    like x
        At least 0.
    """
    return bind(_relu, (x,))
