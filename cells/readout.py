"""From hidden states to class scores."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import linear, named

from .initializers import glorot

__all__ = ["Readout"]


@dataclass(frozen=True)
class Readout:
    """logits = V h + c; ŷ = softmax(logits); the loss is `minigrad.cross_entropy` of the logits.

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
