"""A net whose sequences have the batch on the first axis and time on the second, as PyTorch's batch_first."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .cell import Layer, one_step

__all__ = ["BatchFirst"]


@dataclass(frozen=True)
class BatchFirst:
    """The same net on sequences (B, T, ..., D): `unroll` takes them, and its outputs are (B, T, ..., H).

    A sequence without a batch, (T, D), stays as it is. States and lengths have the batch's shape either way.

    Parameters
    ----------
    layer : Layer
        A cell, or a net of cells.

    Notes
    -----
    Parameters: those of the layer.
    """

    layer: Layer

    @property
    def input_size(self) -> int:
        """D of the layer."""
        return self.layer.input_size

    @property
    def hidden_size(self) -> int:
        """H of the layer."""
        return self.layer.hidden_size

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, Any]:
        """The layer's own initial parameters."""
        return self.layer.init(rng, dtype)

    def initial_state(self, batch_shape: tuple[int, ...] = (), dtype: Any = np.float64) -> Any:
        """The layer's own initial state."""
        return self.layer.initial_state(batch_shape, dtype)

    def step(self, params: dict[str, Any], state: Any, x: Any) -> Any:
        """One step of the layer: a step has no axis of time.

        Raises
        ------
        NoStepError
            If the layer has no single step.
        """
        return one_step("the layer", self.layer).step(params, state, x)
