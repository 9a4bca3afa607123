"""From hidden states to class scores."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import cross_entropy, linear, named, softmax, sum

from .initializers import glorot

__all__ = ["Readout"]


@dataclass(frozen=True)
class Readout:
    """logits = V h + c, ŷ = softmax(logits), E = Σ_t −y_t · log ŷ_t.

    Parameters
    ----------
    hidden_size : int
        H
    classes : int
        K

    Notes
    -----
    Parameters: ``V: (K, H)``, ``c: (K,)``.
    """

    hidden_size: int
    classes: int

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, np.ndarray]:
        """V Glorot, c zero."""
        return {"V": glorot(rng, (self.classes, self.hidden_size), dtype), "c": np.zeros(self.classes, dtype)}

    def logits(self, params: dict[str, Any], h: Any) -> Any:
        """Scores: h (..., H) -> (..., K)."""
        return named("logits", linear(params["V"], h) + params["c"])

    def probabilities(self, params: dict[str, Any], h: Any) -> Any:
        """ŷ: h (..., H) -> (..., K), at least 0 and summing to 1 over the last axis."""
        return named("yhat", softmax(self.logits(params, h)))

    def loss(self, params: dict[str, Any], h: Any, targets: Any) -> Any:
        """E, the cross-entropy summed over all positions; ∂E/∂logits = ŷ − y.

        Parameters
        ----------
        params : dict
        h : (..., H)
        targets : (...) class indices or (..., K) distributions
            See `minigrad.cross_entropy`.
        """
        return sum(cross_entropy(self.logits(params, h), targets))
