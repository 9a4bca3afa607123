"""Nets without recurrence, to compare the recurrent ones with: a convolution over time, and a layer without memory."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minigrad import linear, named

from .cell import ACTIVATIONS
from .initializers import glorot, initial_values
from .validation import check_sizes, check_switches

__all__ = ["Conv1d", "Conv1dState", "FeedForward", "FeedForwardState"]


class Conv1dState(NamedTuple):
    """The state of a `Conv1d`.

    Attributes
    ----------
    h : (..., H)
        The output; the next step does not read it.
    past : tuple of (..., D)
        The last width − 1 inputs, the newest first.
    """

    h: Any
    past: tuple[Any, ...]


@dataclass(frozen=True)
class Conv1d:
    """a_t = U_0 x_t + U_1 x_{t−1} + … + U_{width−1} x_{t−width+1} + b, h = tanh(a).

    It sees `width` steps and no further: ∂h_t/∂x_s = 0 for s > t and for s ≤ t − width. Before the first
    step the inputs are zero (padding on the left).

    Parameters
    ----------
    input_size : int
        D
    hidden_size : int
        H
    width : int
        How many inputs each output sees, at least 1.
    activation : {"tanh", "relu", "sigmoid", "identity"}
        Stands in the place of tanh.

    Raises
    ------
    OptionError
        If a size is no whole number, if there is no such activation, or the width is below 1.

    Notes
    -----
    Parameters: ``U_0, U_1, …: (H, D)``, ``b: (H,)``. PyTorch's ``conv1d`` has the taps in reverse order:
    ``weight[:, :, width − 1 − j]`` is U_j.
    """

    SWITCHES: ClassVar[dict[str, tuple[Any, ...]]] = {"activation": tuple(ACTIVATIONS)}

    input_size: int
    hidden_size: int
    width: int
    _: KW_ONLY
    activation: str = "tanh"

    def __post_init__(self) -> None:
        check_sizes(0, input_size=self.input_size)
        check_sizes(hidden_size=self.hidden_size)
        check_switches(self)
        check_sizes(width=self.width)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter."""
        H, D = self.hidden_size, self.input_size
        return {**{f"U_{j}": (H, D) for j in range(self.width)}, "b": (H,)}

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, np.ndarray]:
        """Every U_j Glorot, as one wide matrix; b zero."""
        H, D = self.hidden_size, self.input_size
        wide = glorot(rng, (H, D * self.width), dtype)
        taps = {f"U_{j}": wide[:, j * D : (j + 1) * D].copy() for j in range(self.width)}
        return taps | {"b": np.zeros(H, dtype)}

    def initial_state(self, batch_shape: tuple[int, ...] = (), dtype: Any = np.float64) -> Conv1dState:
        """Zeros in the place of the inputs before the first."""
        past = tuple(np.zeros((*batch_shape, self.input_size), dtype) for _ in range(self.width - 1))
        return Conv1dState(np.zeros((*batch_shape, self.hidden_size), dtype), past)

    def step(self, params: dict[str, Any], state: Conv1dState, x: Any) -> Conv1dState:
        """One position: x (..., D) and the inputs before it -> h (..., H)."""
        seen = (x, *state.past)
        a = linear(params["U_0"], x)
        for j in range(1, self.width):
            a = a + linear(params[f"U_{j}"], seen[j])
        a = named("a", a + params["b"])
        h = named("h", ACTIVATIONS[self.activation](a))
        return Conv1dState(h, seen[: self.width - 1])


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

    SWITCHES: ClassVar[dict[str, tuple[Any, ...]]] = {"activation": tuple(ACTIVATIONS)}

    input_size: int
    hidden_size: int
    _: KW_ONLY
    activation: str = "tanh"

    def __post_init__(self) -> None:
        check_sizes(0, input_size=self.input_size)
        check_sizes(hidden_size=self.hidden_size)
        check_switches(self)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter."""
        return {"U": (self.hidden_size, self.input_size), "b": (self.hidden_size,)}

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, np.ndarray]:
        """U Glorot, b zero."""
        return initial_values(rng, self.parameter_shapes(), dtype, U=glorot)

    def initial_state(self, batch_shape: tuple[int, ...] = (), dtype: Any = np.float64) -> FeedForwardState:
        """Zeros, for the sake of uniformity."""
        return FeedForwardState(np.zeros((*batch_shape, self.hidden_size), dtype))

    def step(self, params: dict[str, Any], state: FeedForwardState, x: Any) -> FeedForwardState:
        """One position: x (..., D) -> h (..., H); the state is not read."""
        a = named("a", linear(params["U"], x) + params["b"])
        h = named("h", ACTIVATIONS[self.activation](a))
        return FeedForwardState(h)
