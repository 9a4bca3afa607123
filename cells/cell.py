"""The interface of every cell, so that `unroll`, pictures and formulas can take any of them."""

from collections.abc import Callable
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np

from minigrad import relu, sigmoid, tanh

from .errors import NoStepError

__all__ = ["ACTIVATIONS", "Cell", "Layer", "one_step"]


def _identity(a: Any) -> Any:
    return a


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": tanh,
    "relu": relu,
    "sigmoid": sigmoid,
    "identity": _identity,
}


@runtime_checkable
class Layer(Protocol):
    """A layer that `unroll` can run over a sequence: a `Cell`, or a net of cells such as `Bidirectional`.

    Sizes and switches stand in a frozen dataclass, parameters in a plain dict beside it.
    """

    @property
    def input_size(self) -> int:
        """D, the length of x_t."""

    @property
    def hidden_size(self) -> int:
        """H, the length of h_t."""

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, Any]:
        """Fresh parameters; each class says which, and of what shapes.

        Parameters
        ----------
        rng : numpy.random.Generator
            The only source of randomness.
        dtype : dtype
            float64 or float32.

        Returns
        -------
        dict
            Of arrays, by the letters of the formula; nets of cells nest them.
        """

    def initial_state(self, batch_shape: tuple[int, ...] = (), dtype: Any = np.float64) -> Any:
        """The state before the first step: zeros.

        Parameters
        ----------
        batch_shape : tuple of int
            The leading axes of the state: () for one sequence.
        dtype : dtype
            float64 or float32.

        Returns
        -------
        NamedTuple
            Of arrays of shape ``(*batch_shape, H)``; the field h comes first.
        """


@runtime_checkable
class Cell(Layer, Protocol):
    """A recurrent cell: a layer that goes forward one step at a time.

    `step` is a pure function that runs on arrays, on Tensors and on matrix terms. States are
    NamedTuples with a field or property ``h``.
    """

    def step(self, params: dict[str, Any], state: Any, x: Any) -> Any:
        """One step in time: the next state.

        Parameters
        ----------
        params : dict
            As `init` makes them.
        state : NamedTuple
            That before the step, of arrays (..., H).
        x : (..., D) array, Tensor or term
            The input of the step.

        Returns
        -------
        NamedTuple
            The state after the step, of the shapes of that before.

        Raises
        ------
        NoStepError
            By nets with a layer that needs the whole sequence.
        """


def one_step(what: str, layer: Any) -> Cell:
    """The layer itself, as one that can go a step at a time.

    Raises
    ------
    NoStepError
        If it cannot, or a layer inside it cannot; the error names that one.
    """
    if not hasattr(layer, "step"):
        raise NoStepError(
            f"{what} is a {type(layer).__name__}, which needs the whole sequence and has no single step; "
            "use unroll on it, or on a Stacked net with it as a layer"
        )
    for i, inside in enumerate(getattr(layer, "layers", ()), start=1):
        one_step(f"layer {i} of {what}", inside)
    return cast(Cell, layer)
