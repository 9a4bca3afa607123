"""Two-way recurrent nets: one cell reads the sequence forward, another one backward."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from minigrad import concatenate, named, scope
from minigrad.context import Direction, TimeStep
from minigrad.errors import ShapeError

from .cell import Layer
from .scan import ScanOptions, Steps, run_layer

__all__ = ["Bidirectional", "BidirectionalState"]


class BidirectionalState(NamedTuple):
    """The states of the two cells at one time; the property ``h`` has both outputs, (..., H_forward + H_backward).

    Attributes
    ----------
    forward : state
        Of the cell that reads from the first step on.
    backward : state
        Of the cell that reads from the last step back.
    """

    forward: Any
    backward: Any

    @property
    def h(self) -> Any:
        """(..., H_forward + H_backward)."""
        return concatenate([self.forward.h, self.backward.h], -1)


@dataclass(frozen=True)
class Bidirectional:
    """h→_t = step(h→_{t−1}, x_t) for t = 1 … T, h←_t = step(h←_{t+1}, x_t) for t = T … 1, h_t = [h→_t; h←_t].

    Schuster and Paliwal, "Bidirectional recurrent neural networks", IEEE Transactions on Signal
    Processing 45(11), 1997. With `lengths` the backward cell starts at the end of each sequence.

    Parameters
    ----------
    forward, backward : Layer
        Two cells of the same input size; the hidden sizes may differ.

    Raises
    ------
    ShapeError
        If the input sizes differ.

    Notes
    -----
    Parameters: ``{"forward": ..., "backward": ...}``; scopes of the same names. There is no single step:
    the output at any time depends on the whole sequence. The final state holds h→_T and h←_1; as the
    initial state of a second run it continues the forward half only. The backward half of the earlier
    part would need what comes later, so a two-way net cannot be run over a sequence in parts:
    ``run.final`` is accepted, its shapes fit, but h←_1 then stands where h←_{T+1} is meant.
    """

    forward: Layer
    backward: Layer

    def __post_init__(self) -> None:
        if self.forward.input_size != self.backward.input_size:
            raise ShapeError(
                f"both directions read the same sequence, but forward takes vectors of length "
                f"{self.forward.input_size} and backward of length {self.backward.input_size}"
            )

    @property
    def input_size(self) -> int:
        """D of both cells."""
        return self.forward.input_size

    @property
    def hidden_size(self) -> int:
        """The hidden sizes of both cells together."""
        return self.forward.hidden_size + self.backward.hidden_size

    def members(self) -> dict[str, Layer]:
        """The two cells by the keys of their parameters, ``forward`` and ``backward``."""
        return {"forward": self.forward, "backward": self.backward}

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, Any]:
        """Each cell's own initial parameters."""
        return {key: member.init(rng, dtype) for key, member in self.members().items()}

    def initial_state(self, batch_shape: tuple[int, ...] = (), dtype: Any = np.float64) -> BidirectionalState:
        """Each cell's own initial state: forward before t = 1, backward after t = T."""
        return BidirectionalState(
            self.forward.initial_state(batch_shape, dtype), self.backward.initial_state(batch_shape, dtype)
        )

    def run(self, params: dict[str, Any], xs: Any, state: BidirectionalState, walk: ScanOptions) -> Steps:
        """Both cells over the whole sequence, and their outputs side by side.

        Parameters
        ----------
        params : dict
            As `init` makes them.
        xs : (T, ..., D)
            The whole sequence.
        state : BidirectionalState
            Before the first step.
        walk : ScanOptions
            Lengths, truncation and direction, as `unroll` hands them down.

        Returns
        -------
        Steps
            Outputs (T, ..., H) and the state after each step.
        """
        with scope(Direction("forward")):
            ahead = run_layer(self.forward, params["forward"], xs, state.forward, walk)
        with scope(Direction("backward")):
            back = run_layer(self.backward, params["backward"], xs, state.backward, walk.turned())
        outputs = []
        for t, halves in enumerate(zip(ahead.outputs, back.outputs, strict=True), start=1):
            with scope(TimeStep(t)):
                outputs.append(named("h", concatenate(halves, -1)))
        states = [BidirectionalState(a, b) for a, b in zip(ahead.states, back.states, strict=True)]
        return Steps(outputs, states, BidirectionalState(ahead.final, back.final))
