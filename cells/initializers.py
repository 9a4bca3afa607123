"""Initial values for parameters, as functions of an explicit Generator."""

from math import sqrt
from typing import Any

import numpy as np

__all__ = ["glorot", "orthogonal"]


def glorot(rng: np.random.Generator, shape: tuple[int, int], dtype: Any = np.float64) -> np.ndarray:
    """Uniform in ±√(6 / (rows + columns)): keeps the variance of signals and of gradients.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010, equation 16.
    """
    limit = sqrt(6.0 / sum(shape))
    return rng.uniform(-limit, limit, shape).astype(dtype)


def orthogonal(rng: np.random.Generator, shape: tuple[int, int], dtype: Any = np.float64) -> np.ndarray:
    """A random matrix with orthonormal rows or columns: all singular values are 1.

    Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks", ICLR 2014. The QR factor's signs are fixed so that the distribution is uniform.
    """
    tall = rng.standard_normal((max(shape), min(shape)))
    q, r = np.linalg.qr(tall)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return (q if shape[0] >= shape[1] else q.T).astype(dtype)
