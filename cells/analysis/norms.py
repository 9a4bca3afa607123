"""Norms of what stands in a graph."""

from math import sqrt
from typing import Any

import numpy as np

__all__ = ["norm", "spectral_norm"]

#: Sums of squares in this range have neither overflowed nor lost small terms.
_SAFE = (1e-200, 1e200)
#: Sizes for which all singular values are found as quickly as the largest.
_SMALL = 48
#: Lanczos' method: the residual that ends it, relative to the eigenvalue, and its most steps.
_RESIDUAL, _MOST_STEPS = 1e-12, 120


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
    if not np.isfinite(matrix).all():
        return float(np.abs(matrix).max())
    return float(np.linalg.norm(matrix, 2)) if min(matrix.shape) <= _SMALL else _by_lanczos(matrix)


def _by_lanczos(matrix: np.ndarray) -> float:
    """The largest singular value as the root of the largest eigenvalue of AᵀA, by Lanczos' method.

    With full reorthogonalisation; a residual of the largest Ritz value below 10⁻¹² of it ends the iteration
    (Golub and Van Loan, "Matrix Computations", section 10.1).
    """
    scale = float(np.abs(matrix).max())
    if scale == 0.0:
        return 0.0
    A = matrix.astype(np.float64) / scale
    basis = np.empty((_MOST_STEPS + 1, A.shape[1]))
    start = np.random.default_rng(0).standard_normal(A.shape[1])
    basis[0] = start / np.linalg.norm(start)
    diagonal, beside = np.zeros(_MOST_STEPS), np.zeros(_MOST_STEPS)
    for k in range(_MOST_STEPS):
        image = A.T @ (A @ basis[k])
        diagonal[k] = basis[k] @ image
        for _ in range(2):  # twice is enough (Parlett)
            image -= basis[: k + 1].T @ (basis[: k + 1] @ image)
        beside[k] = np.linalg.norm(image)
        if k % 4 == 3 or beside[k] == 0.0:
            tridiagonal = np.diag(diagonal[: k + 1]) + np.diag(beside[:k], 1) + np.diag(beside[:k], -1)
            values, vectors = np.linalg.eigh(tridiagonal)
            if beside[k] * abs(vectors[-1, -1]) <= _RESIDUAL * values[-1]:
                return scale * sqrt(values[-1])
        basis[k + 1] = image / beside[k]
    return float(np.linalg.norm(matrix, 2))
