"""Initial values for parameters, as functions of an explicit Generator.

`glorot`, `orthogonal` and `identity` make matrices, ``(rng, shape, dtype) -> array``; `chrono` and
`forget_bias` make the bias of a gate, ``(rng, size, ..., dtype) -> array``.
"""

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any

import numpy as np

from minigrad.errors import OptionError

__all__ = ["Initializer", "chrono", "forget_bias", "glorot", "identity", "initial_values", "orthogonal"]

Initializer = Callable[[np.random.Generator, tuple[int, int], Any], np.ndarray]


def glorot(rng: np.random.Generator, shape: tuple[int, int], dtype: Any = np.float64) -> np.ndarray:
    """Uniform in ±√(6 / (rows + columns)): keeps the variance of signals and of gradients.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010, equation 16.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness.
    shape : (int, int)
        Rows and columns.
    dtype : dtype
        float64 or float32.

    Returns
    -------
    (rows, columns)
        A fresh array.
    """
    limit = sqrt(6.0 / max(1, sum(shape)))  # a matrix without entries has no limit
    return rng.uniform(-limit, limit, shape).astype(dtype)


def orthogonal(rng: np.random.Generator, shape: tuple[int, int], dtype: Any = np.float64) -> np.ndarray:
    """A random matrix with orthonormal rows or columns: all singular values are 1.

    Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks", ICLR 2014. The QR factor's signs are fixed so that the distribution is uniform.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness.
    shape : (int, int)
        Rows and columns.
    dtype : dtype
        float64 or float32.

    Returns
    -------
    (rows, columns)
        A fresh array.
    """
    tall = rng.standard_normal((max(shape), min(shape)))
    q, r = np.linalg.qr(tall)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return (q if shape[0] >= shape[1] else q.T).astype(dtype)


def identity(
    rng: np.random.Generator, shape: tuple[int, int], dtype: Any = np.float64, *, scale: float = 1.0
) -> np.ndarray:
    """``scale`` · I: with relu and b = 0 this makes an RNN the IRNN, which starts by keeping its state.

    Le, Jaitly and Hinton, "A simple way to initialize recurrent networks of rectified linear units",
    arXiv 1504.00941, 2015. Nothing is random; the Generator is there so that all initialisers look alike.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness.
    shape : (int, int)
        Rows and columns.
    dtype : dtype
        float64 or float32.
    scale : float
        What the state is multiplied by at each step.

    Returns
    -------
    (rows, columns)
        A fresh array; zero outside the diagonal.

    Examples
    --------
    >>> from functools import partial
    >>> from cells import RNN
    >>> irnn = RNN(1, 2, activation="relu", recurrent_init=partial(identity, scale=0.5))
    >>> irnn.init(np.random.default_rng(0))["W"]
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    return (scale * np.eye(*shape)).astype(dtype)


def chrono(rng: np.random.Generator, size: int, longest: float, dtype: Any = np.float64) -> np.ndarray:
    """b = log u with u uniform in [1, longest − 1]: the bias of a gate that keeps.

    With f = σ(b) the time that a unit remembers is 1 / (1 − f) = 1 + u exactly, so memories of 2 to
    `longest` steps are there from the start. The gate that writes gets −b. Tallec and Ollivier, "Can
    recurrent neural networks warp time?", ICLR 2018, equation 16.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness.
    size : int
        H
    longest : float
        The longest dependency expected, in steps; at least 2.
    dtype : dtype
        float64 or float32.

    Returns
    -------
    (H,)
        A bias for each unit.

    Raises
    ------
    OptionError
        If `longest` is below 2.
    """
    if longest < 2:
        raise OptionError(f"chrono initialisation needs a longest dependency of at least 2 steps, got {longest!r}")
    return np.log(rng.uniform(1.0, longest - 1.0, size)).astype(dtype)


def forget_bias(rng: np.random.Generator, size: int, value: float = 1.0, dtype: Any = np.float64) -> np.ndarray:
    """The same bias for every unit of the forget gate: σ(1) = 0.731 of the cell is kept at each step.

    Jozefowicz, Zaremba and Sutskever, "An empirical exploration of recurrent network architectures",
    ICML 2015, recommend 1. Nothing is random.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness.
    size : int
        H
    value : float
        The bias.
    dtype : dtype
        float64 or float32.

    Returns
    -------
    (H,)
        A bias for each unit.
    """
    return np.full(size, value, dtype)


def initial_values(
    rng: np.random.Generator,
    shapes: Mapping[str, tuple[int, ...]],
    dtype: Any = np.float64,
    **matrices: Initializer,
) -> dict[str, np.ndarray]:
    """A value for each parameter: by the first letter of its name an initializer's, else zeros.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness.
    shapes : mapping of str to shape
        Drawn in this order.
    dtype : dtype
        float64 or float32.
    **matrices
        An initializer for each first letter, such as ``U=glorot`` for U, U_i, U_f, ….

    Returns
    -------
    dict of arrays
        By name.
    """
    return {
        name: matrices[name[0]](rng, shape, dtype) if name[0] in matrices else np.zeros(shape, dtype)  # type: ignore[arg-type]
        for name, shape in shapes.items()
    }
