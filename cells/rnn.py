"""The plain recurrent cell."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from minigrad import linear, named, tanh

from .initializers import glorot, orthogonal

__all__ = ["RNN", "RNNState"]


class RNNState(NamedTuple):
    """h: (..., H)."""

    h: Any


@dataclass(frozen=True)
class RNN:
    """a = U x + W h_prev + b, h = tanh(a).

    Elman, "Finding structure in time", Cognitive Science 14, 1990.

    Parameters
    ----------
    input_size : int
        D
    hidden_size : int
        H

    Notes
    -----
    Parameters: ``U: (H, D)``, ``W: (H, H)``, ``b: (H,)``.
    """

    input_size: int
    hidden_size: int

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, np.ndarray]:
        """U Glorot, W orthogonal, b zero."""
        D, H = self.input_size, self.hidden_size
        return {
            "U": glorot(rng, (H, D), dtype),
            "W": orthogonal(rng, (H, H), dtype),
            "b": np.zeros(H, dtype),
        }

    def initial_state(self, batch_shape: tuple[int, ...] = (), dtype: Any = np.float64) -> RNNState:
        """h_0 = 0."""
        return RNNState(np.zeros((*batch_shape, self.hidden_size), dtype))

    def step(self, params: dict[str, Any], state: RNNState, x: Any) -> RNNState:
        """One step: x (..., D), h_prev (..., H) -> h (..., H)."""
        U, W, b = params["U"], params["W"], params["b"]
        a = named("a", linear(U, x) + linear(W, state.h) + b)
        h = named("h", tanh(a))
        return RNNState(h)
