"""The long short-term memory cell."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from minigrad import linear, named, sigmoid, tanh

from .initializers import glorot, orthogonal

__all__ = ["LSTM", "LSTMState"]


class LSTMState(NamedTuple):
    """h: (..., H), c: (..., H)."""

    h: Any
    c: Any


@dataclass(frozen=True)
class LSTM:
    """i, f, o = σ(U_k x + W_k h_prev + b_k), g = tanh(U_g x + W_g h_prev + b_g),
    c = f ⊙ c_prev + i ⊙ g, s = tanh(c), h = o ⊙ s.

    Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997, with the
    forget gate of Gers, Schmidhuber and Cummins, "Learning to forget", Neural Computation 12(10), 2000.

    Parameters
    ----------
    input_size : int
        D
    hidden_size : int
        H
    forget_bias : float
        Initial value of b_f (Jozefowicz, Zaremba and Sutskever, ICML 2015, recommend 1).

    Notes
    -----
    Parameters, for k in i, f, g, o: ``U_k: (H, D)``, ``W_k: (H, H)``, ``b_k: (H,)``.
    """

    input_size: int
    hidden_size: int
    forget_bias: float = 1.0

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, np.ndarray]:
        """U Glorot, W orthogonal, biases zero but for b_f."""
        D, H = self.input_size, self.hidden_size
        params = {}
        for k in "ifgo":
            params[f"U_{k}"] = glorot(rng, (H, D), dtype)
            params[f"W_{k}"] = orthogonal(rng, (H, H), dtype)
            params[f"b_{k}"] = np.full(H, self.forget_bias if k == "f" else 0.0, dtype)
        return params

    def initial_state(self, batch_shape: tuple[int, ...] = (), dtype: Any = np.float64) -> LSTMState:
        """h_0 = c_0 = 0."""
        zeros = np.zeros((*batch_shape, self.hidden_size), dtype)
        return LSTMState(zeros, zeros)

    def step(self, params: dict[str, Any], state: LSTMState, x: Any) -> LSTMState:
        """One step: x (..., D), h_prev and c_prev (..., H) -> h and c (..., H)."""
        h_prev, c_prev = state

        def affine(k: str) -> Any:
            return linear(params[f"U_{k}"], x) + linear(params[f"W_{k}"], h_prev) + params[f"b_{k}"]

        i = named("i", sigmoid(affine("i")))
        f = named("f", sigmoid(affine("f")))
        g = named("g", tanh(affine("g")))
        o = named("o", sigmoid(affine("o")))
        c = named("c", f * c_prev + i * g)
        s = named("s", tanh(c))
        h = named("h", o * s)
        return LSTMState(h, c)
