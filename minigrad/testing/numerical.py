"""Derivatives by arithmetic alone, from values of the function: the judge of every rule.

Everything is computed in float64 or better, also for functions of float32 numbers, so that what is left
as a difference is the rule's own rounding.

Squire and Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40(1),
1998; Richardson's extrapolation as in any textbook of numerical analysis.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["Column", "central_difference", "column", "complex_step"]

#: An array function as the judge sees it: some arrays in, one flat vector out.
Flat = Callable[[list[np.ndarray]], np.ndarray]

#: So small that its square vanishes beside 1; no difference is taken, so nothing cancels.
TINY = 1e-30


class Column(NamedTuple):
    """∂out/∂(one entry) by arithmetic.

    Attributes
    ----------
    value : numpy.ndarray
        The derivative of every entry of the output.
    noise : float
        Round-off of the difference quotient; 0 for the complex step.
    method : str
        How it was found.
    kink : numpy.ndarray of bool
        Where the slopes from the left and from the right differ.
    """

    value: np.ndarray
    noise: float
    method: str
    kink: np.ndarray


def _moved(arrays: list[np.ndarray], which: int, index: tuple[int, ...], by: complex) -> list[np.ndarray]:
    """Copies of the arrays with one entry changed."""
    moved = list(arrays)
    kind = np.result_type(arrays[which], type(by))
    moved[which] = arrays[which].astype(kind)
    moved[which][index] += by
    return moved


def central_difference(f: Flat, arrays: list[np.ndarray], which: int, index: tuple[int, ...], step: float) -> Column:
    """``(4 D(h/2) − D(h)) / 3`` with ``D(h) = (f(x + h) − f(x − h)) / 2h``; the error is of order h⁴.

    Parameters
    ----------
    f : callable
        A list of float64 arrays to one vector.
    arrays : list of numpy.ndarray
        Where.
    which, index : int, tuple of int
        The entry to move.
    step : float
        h, relative to the size of the entry where that is above 1.
    """
    h = step * max(1.0, abs(float(arrays[which][index])))
    middle = f(arrays)
    outer, inner = ((f(_moved(arrays, which, index, by)), f(_moved(arrays, which, index, -by))) for by in (h, h / 2))
    value = (4 * (inner[0] - inner[1]) / h - (outer[0] - outer[1]) / (2 * h)) / 3
    right, left = (inner[0] - middle) / (h / 2), (middle - inner[1]) / (h / 2)
    kink = np.abs(right - left) > 50 * h * np.maximum(1.0, np.abs(value))
    largest = float(np.max(np.abs(middle), initial=0.0))
    return Column(value, 10 * np.finfo(np.float64).eps * largest / h, "central differences", kink)


def complex_step(f: Flat, arrays: list[np.ndarray], which: int, index: tuple[int, ...]) -> np.ndarray | None:
    """``Im f(x + ih) / h``: exact to the last digits, for functions that carry complex numbers through.

    Returns
    -------
    numpy.ndarray or None
        None if the function does not take or does not return complex numbers.
    """
    try:
        with np.errstate(all="ignore"):
            out = f(_moved(arrays, which, index, 1j * TINY))
    except (TypeError, ValueError, FloatingPointError):
        return None
    if out.dtype.kind != "c" or not np.isfinite(out).all():
        return None
    return out.imag / TINY


def column(
    f: Flat, arrays: list[np.ndarray], which: int, index: tuple[int, ...], *, step: float, use_complex: bool
) -> Column:
    """The derivative by central differences, made exact by the complex step where the two agree.

    Where they do not agree the function is not analytic (it takes an absolute value, say), and the
    central difference stands.
    """
    rough = central_difference(f, arrays, which, index, step)
    if not use_complex:
        return rough
    fine = complex_step(f, arrays, which, index)
    if fine is None or not np.allclose(fine, rough.value, rtol=1e-4, atol=1e-6 + rough.noise):
        return rough
    return Column(fine, 0.0, "the complex step", rough.kink)
