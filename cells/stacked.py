"""Deep recurrent nets: each layer reads the hidden states of the layer below."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from minigrad import scope
from minigrad.errors import ShapeError

from .cell import Layer, one_step
from .scan import ScanOptions, Steps, run_layer

__all__ = ["Stacked", "StackedState"]


class StackedState(NamedTuple):
    """The states of all layers at one time; the property ``h`` is that of the top layer, (..., H).

    Attributes
    ----------
    layers : tuple of states
        The lowest first.
    """

    layers: tuple[Any, ...]

    @property
    def h(self) -> Any:
        """(..., H) of the top layer."""
        return self.layers[-1].h


@dataclass(frozen=True)
class Stacked:
    """h⁽¹⁾_t = step₁(h⁽¹⁾_{t−1}, x_t), h⁽²⁾_t = step₂(h⁽²⁾_{t−1}, h⁽¹⁾_t), …: the output is that of the top layer.

    Parameters
    ----------
    layers : sequence of Layer
        Cells and bidirectional nets, the lowest first; each must take what the one below gives.

    Raises
    ------
    ShapeError
        If there is no layer, or the sizes of two neighbours do not fit.

    Notes
    -----
    Parameters: ``{"layer 1": ..., "layer 2": ...}``. Each layer stands in a scope of that name, with the
    steps inside it.

    Examples
    --------
    >>> from cells import LSTM, unroll
    >>> rng = np.random.default_rng(0)
    >>> deep = Stacked([LSTM(2, 3), LSTM(3, 4)])
    >>> unroll(deep, deep.init(rng), rng.standard_normal((5, 2))).outputs.shape
    (5, 4)
    """

    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ShapeError("a stacked net needs at least one layer, got none")
        for i, (lower, upper) in enumerate(zip(self.layers, self.layers[1:], strict=False), start=1):
            if upper.input_size != lower.hidden_size:
                raise ShapeError(
                    f"layer {i} gives vectors of length {lower.hidden_size}, but layer {i + 1} takes {upper.input_size}"
                )

    @property
    def input_size(self) -> int:
        """D of the lowest layer."""
        return self.layers[0].input_size

    @property
    def hidden_size(self) -> int:
        """H of the top layer."""
        return self.layers[-1].hidden_size

    def members(self) -> dict[str, Layer]:
        """The layers by the keys of their parameters: ``layer 1``, ``layer 2``, …."""
        return {f"layer {i}": layer for i, layer in enumerate(self.layers, start=1)}

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, Any]:
        """Each layer's own initial parameters."""
        return {name: layer.init(rng, dtype) for name, layer in self.members().items()}

    def initial_state(self, batch_shape: tuple[int, ...] = (), dtype: Any = np.float64) -> StackedState:
        """Each layer's own initial state."""
        return StackedState(tuple(layer.initial_state(batch_shape, dtype) for layer in self.layers))

    def step(self, params: dict[str, Any], state: StackedState, x: Any) -> StackedState:
        """One step of all layers: x (..., D) -> the states of all layers.

        Raises
        ------
        NoStepError
            If a layer is bidirectional.
        """
        states = []
        for (name, layer), layer_state in zip(self.members().items(), state.layers, strict=True):
            cell = one_step(name, layer)
            with scope(name):
                states.append(cell.step(params[name], layer_state, x))
            x = states[-1].h
        return StackedState(tuple(states))

    def run(self, params: dict[str, Any], xs: Any, state: StackedState, walk: ScanOptions) -> Steps:
        """Layer after layer over the whole sequence, so that a layer's steps stand together.

        Parameters
        ----------
        params : dict
            As `init` makes them.
        xs : (T, ..., D)
            The whole sequence.
        state : StackedState
            Before the first step.
        walk : ScanOptions
            Lengths, truncation and direction, as `unroll` hands them down.

        Returns
        -------
        Steps
            Outputs (T, ..., H) and the state after each step.
        """
        states, final = [], []
        for (name, layer), layer_state in zip(self.members().items(), state.layers, strict=True):
            with scope(name):
                steps = run_layer(layer, params[name], xs, layer_state, walk)
            states.append(steps.states)
            final.append(steps.final)
            xs = steps.outputs
        return Steps(xs, [StackedState(row) for row in zip(*states, strict=True)], StackedState(tuple(final)))
