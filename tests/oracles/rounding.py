"""How far a rule may be from many digits: rounding, and what its formula must lose.

A result is right if it is off by no more than a few units of rounding *of the terms that are added up in
it*. Where a formula adds a term that is larger than the derivative itself, that term is what rounds; each
such loss is written down here, and is explained in docs/accuracy.md.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["UNITS", "as_floats", "conditions", "disagreement", "underflow"]

#: Units of rounding that an elementary function of NumPy and a few operations after it may lose.
UNITS = 8

Matrix = Any


def as_floats(exact: Any, dtype: Any = np.float64) -> Any:
    """The nearest floats; inf beyond the largest."""
    with np.errstate(all="ignore"):
        return np.asarray(np.frompyfunc(float, 1, 1)(exact), np.float64).astype(dtype)


def _diagonal(J: Matrix, entries: Any) -> Matrix:
    """J with the diagonal replaced."""
    replaced = J.copy()
    np.fill_diagonal(replaced, entries)
    return replaced


def _softmax(J: Matrix, y: Any, args: Any) -> Matrix:
    """y_i (δ_ij − y_j) is a difference of y_i and y_i y_j, and e^(x − max x) carries the rounding of x."""
    spread = 1 + 2 * np.max(np.abs(args[0]))
    return (J + np.diag(y.ravel())) * spread


def _log_softmax(J: Matrix, y: Any, args: Any) -> Matrix:
    """δ_ij − e^(y_j): the exponential carries the rounding of y."""
    return (J + np.eye(len(J))) * (2 + np.max(np.abs(y)))


def _power(J: Matrix, y: Any, args: Any) -> Matrix:
    """n − 1 is rounded, and x to that power with it: relatively by (n − 1) log x."""
    x, n = args
    return J * (1 + (1 + np.abs(n).max()) * (1 + np.abs(np.log(x)).max()))


#: By name: the size of the terms in the Jacobian's entries, where it is not that of the entries themselves;
#: from |J|, y and the arguments.
TERMS: dict[str, Callable[[Matrix, Any, Any], Matrix]] = {
    "tanh": lambda J, y, args: _diagonal(J, 1.0),  # 1 − y² is a difference of numbers up to 1
    "sigmoid": lambda J, y, args: _diagonal(J, y.ravel()),  # so is the 1 − y in y (1 − y)
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "power": _power,
}


def conditions(name: str, J: Any, y: Any, args: Any) -> Matrix:
    """The size of what is added up in each entry of a Jacobian."""
    magnitudes = np.abs(as_floats(J))
    return TERMS.get(name, lambda J, y, args: J)(magnitudes, np.abs(as_floats(y)), args)


def underflow(name: str, args: Any, dtype: Any) -> float:
    """What is lost below the smallest number, and how a rule enlarges it: −y/b divides it by b."""
    if name == "sigmoid":  # where e⁻ˣ overflows 1 / (1 + e⁻ˣ) is 0, and the true value subnormal
        return float(np.finfo(dtype).smallest_normal)
    smallest = float(np.finfo(dtype).smallest_subnormal)
    enlarged = {"divide": lambda: 1 / np.abs(args[1]).min(), "power": lambda: np.abs(np.log(args[0])).max() + 4}
    with np.errstate(over="ignore"):
        factor = enlarged[name]() if name in enlarged else 1.0
    return smallest * (1 + float(factor))


def disagreement(got: Any, exact: Any, terms: Any, lost: float) -> str:
    """What is wrong with some numbers, or an empty text.

    Parameters
    ----------
    got : array
        The engine's numbers.
    exact : array of mpf
    terms : array
        The size of what was added up in each.
    lost : float
        What may be lost in underflow.
    """
    got = np.asarray(got)
    kind = np.finfo(got.dtype)
    with np.errstate(all="ignore"):
        expected = as_floats(exact)
        allowed = UNITS * float(kind.eps) * np.asarray(terms, np.float64) + lost
        far = np.abs(got.astype(np.float64) - expected) > allowed
        infinite = np.isinf(got) & (np.sign(got) == np.sign(expected))
        # a factor of a few may overflow before the last factor brings it back
        wrong = np.where(np.abs(expected) > float(kind.max) / 8, far & ~infinite, far | np.isinf(got))
        wrong = np.where(np.abs(expected) > float(kind.max) * (1 + UNITS * float(kind.eps)), ~infinite, wrong)
        wrong = np.where(np.isnan(got), np.asarray(terms, np.float64) < float(kind.max) / 8, wrong)  # inf − inf
    if not wrong.any():
        return ""
    places = np.argwhere(wrong)[:3].tolist()
    return f"at {places}: got {got[wrong][:3]}, expected {expected[wrong][:3]}, allowed {np.asarray(allowed)}"
