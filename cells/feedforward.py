"""A net without memory, to hold against the recurrent ones."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import numpy as np

from minigrad import linear, named

from .activations import ACTIVATIONS
from .initializers import glorot
from .options import check_sizes, check_switch

__all__ = ["FeedForward", "FeedForwardState"]


class FeedForwardState(NamedTuple):
    """The state of a `FeedForward` layer.

    Attributes
    ----------
    h : (..., H)
        The output; the next step does not read it.
    """

    h: Any


@dataclass(frozen=True)
class FeedForward:
    """a = U x + b, h = tanh(a): every position by itself, so ∂h_t/∂x_s = 0 for s ≠ t.

    Parameters
    ----------
    input_size : int
        D
    hidden_size : int
        H
    activation : {"tanh", "relu", "sigmoid", "identity"}
        Stands in the place of tanh.

    Raises
    ------
    OptionError
        If a size is no whole number, if there is no such activation.

    Notes
    -----
    Parameters: ``U: (H, D)``, ``b: (H,)``.
    """

    input_size: int
    hidden_size: int
    _: KW_ONLY
    activation: str = "tanh"

    def __post_init__(self) -> None:
        check_sizes(0, input_size=self.input_size)
        check_sizes(hidden_size=self.hidden_size)
        check_switch("activation", self.activation, ACTIVATIONS)

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, np.ndarray]:
        """U Glorot, b zero."""
        return {
            "U": glorot(rng, (self.hidden_size, self.input_size), dtype),
            "b": np.zeros(self.hidden_size, dtype),
        }

    def initial_state(self, batch_shape: tuple[int, ...] = (), dtype: Any = np.float64) -> FeedForwardState:
        """Zeros, for the sake of uniformity."""
        return FeedForwardState(np.zeros((*batch_shape, self.hidden_size), dtype))

    def step(self, params: dict[str, Any], state: FeedForwardState, x: Any) -> FeedForwardState:
        """One position: x (..., D) -> h (..., H); the state is not read."""
        a = named("a", linear(params["U"], x) + params["b"])
        h = named("h", ACTIVATIONS[self.activation](a))
        return FeedForwardState(h)
