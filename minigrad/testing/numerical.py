"""Derivatives by arithmetic alone, from values of the function: the judge of every rule.

Everything is computed in float64 or better, also for functions of float32 numbers, so that what is left
as a difference is the rule's own rounding. A judge may only accuse when it is sure itself: each entry
says whether the difference quotients have converged.

Squire and Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40(1),
1998; Richardson's extrapolation as in any textbook of numerical analysis.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

__all__ = ["STEP", "Column", "central_difference", "column", "complex_step"]

#: An array function as the judge sees it: some arrays in, one flat vector out.
Flat = Callable[[list[np.ndarray]], np.ndarray]

#: The widest difference, tried first; extrapolated, its error is of order h⁴, 1e-12.
STEP = 1e-3

#: So small that its square vanishes beside 1; no difference is taken, so nothing cancels.
TINY = 1e-30

#: D(h) and D(h/2) may differ by so much, relatively and absolutely. Their difference is of order h², the
#: error of the extrapolated value is of order its square.
CONVERGED = (1e-4, 1e-7)

#: Rounding may hide no more than this part of a derivative, or of 1.
QUIET = 1e-2

#: By how many powers of ten the width is shrunk before giving up.
DECADES = 10


class Column(NamedTuple):
    """∂out/∂(one entry) by arithmetic; every field has one number for each entry of the output.

    Attributes
    ----------
    value : numpy.ndarray
        The derivative.
    noise : numpy.ndarray
        Round-off of the difference quotient; 0 for the complex step.
    exact : numpy.ndarray of bool
        Found by the complex step, not by central differences.
    kink : numpy.ndarray of bool
        Where the slopes from the left and from the right differ, however narrow the difference.
    converged : numpy.ndarray of bool
        Where narrower differences do not change the value.
    """

    value: np.ndarray
    noise: np.ndarray
    exact: np.ndarray
    kink: np.ndarray
    converged: np.ndarray


def _moved(arrays: list[np.ndarray], which: int, index: tuple[int, ...], by: complex) -> list[np.ndarray]:
    """Copies of the arrays with one entry changed."""
    moved = list(arrays)
    kind = np.result_type(arrays[which], type(by))
    moved[which] = arrays[which].astype(kind)
    moved[which][index] += by
    return moved


def _beside(f: Flat, arrays: list[np.ndarray], which: int, index: tuple[int, ...], by: float, middle: Any) -> Any:
    """The distance that the entry was really moved, and the output there: NaN where the function is not defined."""
    moved = _moved(arrays, which, index, by)
    distance = moved[which][index] - arrays[which][index]
    try:
        return distance, f(moved)
    except (ValueError, ArithmeticError):
        return distance, np.full_like(middle, np.nan)


def _widths(entry: float, step: float) -> Iterator[float]:
    """`step` relative to entries above 1, then narrower and narrower, at last relative to the entry itself."""
    widest = step * max(1.0, abs(entry))
    for decade in range(DECADES + 1):
        yield widest / 10**decade
    if 0 < step * abs(entry) < widest / 10**DECADES:
        yield step * abs(entry)


def central_difference(
    f: Flat,
    arrays: list[np.ndarray],
    which: int,
    index: tuple[int, ...],
    step: float,
    middle: np.ndarray | None = None,
) -> Column:
    """``(4 D(h/2) − D(h)) / 3`` with ``D(h) = (f(x + h) − f(x − h)) / 2h``; the error is of order h⁴.

    The width h is shrunk where D(h) and D(h/2) disagree or are not finite, as they do close to the edge of
    the domain, to a pole or to a kink.

    Parameters
    ----------
    f : callable
        A list of float64 arrays to one vector.
    arrays : list of numpy.ndarray
        Where.
    which, index : int, tuple of int
        The entry to move.
    step : float
        The widest h, relative to the size of the entry where that is above 1.
    middle : numpy.ndarray, optional
        ``f(arrays)``, if it is known already.
    """
    here = f(arrays) if middle is None else middle
    best, doubt = _nothing(here), np.full(here.shape, np.inf)
    lost, calm, last = np.zeros(here.shape, bool), np.zeros(here.shape, bool), doubt
    for h in _widths(float(arrays[which][index]), step):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found, gap, smooth = _extrapolated(f, arrays, which, index, h, here)
        lost |= calm & (gap > 3 * last)  # it was nearly there and gets worse: narrower shows rounding alone
        better = (gap < doubt) | (found.converged & ~found.kink)
        better &= (~best.converged | best.kink) & ~lost
        best = Column(*(np.where(better, new, old) for new, old in zip(found, best, strict=True)))
        doubt, calm, last = np.where(better, gap, doubt), smooth, gap
        if (best.converged & ~best.kink | lost).all():
            break
    return best


def _extrapolated(
    f: Flat, arrays: list[np.ndarray], which: int, index: tuple[int, ...], h: float, middle: np.ndarray
) -> tuple[Column, np.ndarray, np.ndarray]:
    """The central difference of one width, how far its two quotients and its rounding leave it open, and
    where quotients and sides agree to a few parts in a hundred.
    """
    slopes, bends, size = [], [], np.abs(middle)
    for width in (h, h / 2):
        (right, above), (left, below) = (_beside(f, arrays, which, index, by, middle) for by in (width, -width))
        if right == 0 or left == 0:
            return _nothing(middle), np.full(middle.shape, np.inf), np.zeros(middle.shape, bool)
        slopes.append((above - below) / (right - left))
        bends.append(np.abs((above - middle) / right - (below - middle) / left))
        size = np.maximum(size, np.maximum(np.abs(above), np.abs(below)))
    value = (4 * slopes[1] - slopes[0]) / 3
    noise = 10 * _precision(middle) * size / h
    gap = np.abs(slopes[1] - slopes[0])
    relative, absolute = CONVERGED
    converged = np.isfinite(value) & (gap <= relative * np.abs(value) + absolute + noise)
    steepness = np.abs(slopes[1]) + bends[1]
    kink = (bends[1] > 0.75 * bends[0]) & (bends[1] > 1e-3 * steepness + 1e-6 + noise)
    calm = np.maximum(gap, bends[1]) <= 0.05 * np.abs(slopes[1])
    exact = np.zeros(middle.shape, bool)
    doubt = np.where(np.isfinite(gap + noise), gap + noise, np.inf)
    return Column(value, noise, exact, kink, converged), doubt, calm


def _nothing(middle: np.ndarray) -> Column:
    """The knowledge before the first width, and if a width is lost beside the entry."""
    unknown, no = np.full(middle.shape, np.nan), np.zeros(middle.shape, bool)
    return Column(unknown, unknown, no, no, no)


def _precision(out: np.ndarray) -> float:
    """The machine epsilon of what the function returns, float64's at best."""
    usual = float(np.finfo(np.float64).eps)
    return max(usual, float(np.finfo(out.dtype).eps)) if out.dtype.kind in "fc" else usual


def complex_step(f: Flat, arrays: list[np.ndarray], which: int, index: tuple[int, ...]) -> np.ndarray | None:
    """``Im f(x + ih) / h``: exact to the last digits, for functions that carry complex numbers through.

    Returns
    -------
    numpy.ndarray or None
        None if the function does not take or does not return complex numbers.
    """
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            out = f(_moved(arrays, which, index, 1j * TINY))
    except (TypeError, ValueError, ArithmeticError, np.exceptions.ComplexWarning):
        return None
    if out.dtype.kind != "c":
        return None
    return out.imag / TINY


def column(
    f: Flat,
    arrays: list[np.ndarray],
    which: int,
    index: tuple[int, ...],
    *,
    step: float,
    use_complex: bool,
    middle: np.ndarray | None = None,
) -> Column:
    """The derivative by central differences, made exact by the complex step where the two agree.

    Where they do not agree the function is not analytic (it takes an absolute value, say), and the
    central difference stands, unless its rounding hides the derivative.
    """
    rough = central_difference(f, arrays, which, index, step, middle)
    visible = rough.converged & (rough.noise <= QUIET * np.maximum(1.0, np.abs(rough.value)))
    fine = complex_step(f, arrays, which, index) if use_complex else None
    if fine is None or fine.shape != rough.value.shape:
        return rough._replace(converged=visible)
    agree = rough.converged & (np.abs(fine - rough.value) <= 1e-4 * np.abs(rough.value) + 1e-6 + rough.noise)
    return Column(
        np.where(agree, fine, rough.value), np.where(agree, 0.0, rough.noise), agree, rough.kink, agree | visible
    )
