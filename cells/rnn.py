"""The plain recurrent cell."""

from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minigrad import linear, named

from .cell import ACTIVATIONS
from .initializers import Initializer, glorot, initial_values, orthogonal
from .validation import check_sizes, check_switches

__all__ = ["RNN", "RNNState"]


class RNNState(NamedTuple):
    """The state of an `RNN`.

    Attributes
    ----------
    h : (..., H)
        The hidden state.
    """

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
    activation : {"tanh", "relu", "sigmoid", "identity"}
        Stands in the place of tanh.
    recurrent_init : callable
        ``(rng, (H, H), dtype) -> W``; `orthogonal` by default. `identity` together with relu gives the
        IRNN of Le, Jaitly and Hinton (2015).
    bias : bool
        False: nothing is added, and there are no biases among the parameters, as in PyTorch.

    Raises
    ------
    OptionError
        If a size is no whole number, if there is no such activation.

    Notes
    -----
    Parameters: ``U: (H, D)``, ``W: (H, H)``, ``b: (H,)``.

    Examples
    --------
    >>> from cells import unroll
    >>> cell = RNN(input_size=2, hidden_size=3)
    >>> params = cell.init(np.random.default_rng(0))
    >>> sorted(params)
    ['U', 'W', 'b']
    >>> unroll(cell, params, np.ones((5, 2))).outputs.shape
    (5, 3)
    """

    SWITCHES: ClassVar[dict[str, tuple[Any, ...]]] = {"activation": tuple(ACTIVATIONS), "bias": (True, False)}

    input_size: int
    hidden_size: int
    _: KW_ONLY
    activation: str = "tanh"
    recurrent_init: Initializer = field(default=orthogonal, repr=False)
    bias: bool = field(default=True, repr=False)

    def __post_init__(self) -> None:
        check_sizes(0, input_size=self.input_size)
        check_sizes(hidden_size=self.hidden_size)
        check_switches(self)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter."""
        D, H = self.input_size, self.hidden_size
        return {"U": (H, D), "W": (H, H)} | ({"b": (H,)} if self.bias else {})

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, np.ndarray]:
        """U Glorot, W orthogonal (or as `recurrent_init` has it), b zero."""
        return initial_values(rng, self.parameter_shapes(), dtype, U=glorot, W=self.recurrent_init)

    def initial_state(self, batch_shape: tuple[int, ...] = (), dtype: Any = np.float64) -> RNNState:
        """h_0 = 0."""
        return RNNState(np.zeros((*batch_shape, self.hidden_size), dtype))

    def step(self, params: dict[str, Any], state: RNNState, x: Any) -> RNNState:
        """One step: x (..., D), h_prev (..., H) -> h (..., H)."""
        Ux, Wh = linear(params["U"], x), linear(params["W"], state.h)
        a = named("a", Ux + Wh + params["b"] if self.bias else Ux + Wh)
        h = named("h", ACTIVATIONS[self.activation](a))
        return RNNState(h)
