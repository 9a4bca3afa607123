"""The limit of a training step: its matrix products and transcendental functions, and nothing else.

Products over all steps are taken in one piece where the recurrence allows it; each is timed by NumPy into
memory that is there already, on arrays as large as in the step.
"""

from collections.abc import Callable

import numpy as np
from problems import Problem

__all__ = ["limit"]

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
#: Rows of H numbers in a step that go through tanh: all gates, and for the LSTM tanh c.
ACTIVATIONS = {"LSTM": 5, "GRU": 3, "RNN": 1}


def limit(problem: Problem) -> Callable[[], np.ndarray] | None:
    """A function that does the products and the tanh of one step; None for attention, which has no fixed shapes."""
    if problem.name not in GATES:
        return None
    T, B, D = problem.xs.shape
    H = problem.params["readout"]["V"].shape[1]
    dtype, rows = problem.xs.dtype, GATES[problem.name] * H
    once = [
        (T * B, D, rows), (T * B, rows, D), (rows, T * B, D),  # inputs, their gradient, that of U
        (rows, T * B, H),  # the gradient of W
        (T * B, H, D), (T * B, D, H), (D, T * B, H),  # readout, gradient of the states, that of V
    ]  # fmt: skip
    products = [_arrays(shape, dtype) for shape in once]
    steps = [_arrays(shape, dtype) for shape in ((B, H, rows), (B, rows, H))]
    inside = np.zeros((B, ACTIVATIONS[problem.name] * H), dtype)
    powers = np.zeros((T * B, D), dtype)

    def run() -> np.ndarray:
        for a, b, out in products:
            np.dot(a, b, out)
        for _ in range(T):
            for a, b, out in steps:
                np.dot(a, b, out)
            np.tanh(inside, inside)
        return np.exp(powers)

    return run


def _arrays(shape: tuple[int, int, int], dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    m, k, n = shape
    return np.full((m, k), 0.1, dtype), np.full((k, n), 0.1, dtype), np.empty((m, n), dtype)
