"""Norms of what stands in a graph."""

from math import sqrt
from typing import Any

import numpy as np

__all__ = ["norm", "spectral_norm"]

#: Sums of squares in this range have neither overflowed nor lost small terms.
_SAFE = (1e-200, 1e200)


def norm(value: Any) -> float | None:
    """The Euclidean norm of all entries; None for what has none (formulas, indices)."""
    if not isinstance(value, np.ndarray | float | int) or np.asarray(value).dtype.kind not in "fiub":
        return None
    flat = np.asarray(value, np.float64).ravel()
    with np.errstate(all="ignore"):
        squares = float(flat @ flat)
        if _SAFE[0] < squares < _SAFE[1]:
            return sqrt(squares)
        largest = float(np.max(np.abs(flat), initial=0.0))
        if largest == 0.0 or not np.isfinite(largest):
            return largest
        return largest * float(np.sqrt(np.sum((flat / largest) ** 2)))


def spectral_norm(matrix: np.ndarray) -> float:
    """The largest singular value; nan or inf if there is one in the matrix."""
    return float(np.linalg.norm(matrix, 2)) if np.isfinite(matrix).all() else float(np.abs(matrix).max())
