"""Running a cell over a sequence: the same parameters at every step."""

from dataclasses import dataclass
from typing import Any

from minigrad import Tensor, named, scope, stack, tensor
from minigrad.errors import ShapeError
from minigrad.tree import flatten

from .cell import Cell

__all__ = ["Run", "unroll"]


@dataclass(frozen=True)
class Run:
    """What a cell did over a sequence.

    Attributes
    ----------
    outputs : (T, ..., H)
        h_1 … h_T.
    states : list
        The state after each step.
    final : state
        The last of them; pass it as the initial state to continue.
    """

    outputs: Any
    states: list[Any]
    final: Any


def unroll(cell: Cell, params: dict[str, Any], xs: Any, state: Any = None) -> Run:
    """Run a cell over time, h_t = step(h_{t−1}, x_t) for t = 1 … T.

    Every step stands in the scope ``t=1``, ``t=2``, …, and the initial state in ``t=0``.

    Parameters
    ----------
    cell : Cell
    params : dict
        As `cell.init` makes them.
    xs : (T, ..., D)
        Time first.
    state : state, optional
        The initial state; zeros by default.

    Returns
    -------
    Run
        Of Tensors if any argument holds a Tensor, of arrays otherwise.

    Raises
    ------
    ShapeError
        If `xs` has no step, or its last axis is not the cell's input size.
    """
    if len(xs.shape) < 2 or xs.shape[0] == 0 or xs.shape[-1] != cell.input_size:
        raise ShapeError(
            f"unroll needs xs of shape (T, ..., {cell.input_size}) with T at least 1, got {xs.shape}; time comes first"
        )
    if state is None:
        state = cell.initial_state(xs.shape[1:-1], xs.dtype)
    if any(isinstance(value, Tensor) for value in flatten([params, xs, state])[0]):
        state = _as_nodes(state)
    states = []
    for t in range(1, xs.shape[0] + 1):
        with scope(f"t={t}"):
            state = cell.step(params, state, named("x", xs[t - 1]))
        states.append(state)
    return Run(stack([s.h for s in states]), states, state)


def _as_nodes(state: Any) -> Any:
    """One node for each part of the initial state, however often the first step uses it."""
    with scope("t=0"):
        parts = [
            part if isinstance(part, Tensor) else tensor(part, name=name) for name, part in state._asdict().items()
        ]
    return type(state)(*parts)
