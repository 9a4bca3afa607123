"""The scan over time that `unroll` and the nets of cells share."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from minigrad import Tensor, named, scope, stop_gradient, tensor, where
from minigrad.context import TimeStep
from minigrad.pytree import tree_map

from .validation import column, grows

__all__ = ["ScanOptions", "Steps", "hold", "run_layer"]


class Steps(NamedTuple):
    """The run of a layer: its output and its state at t = 1 … T, and the state it ended with."""

    outputs: list[Any]
    states: list[Any]
    final: Any


@dataclass(frozen=True)
class ScanOptions:
    """The order and the lengths in which a layer goes over time.

    Parameters
    ----------
    lengths : (...) integers or None
        The steps that each sequence of the batch has.
    truncate : int or None
        Cut the gradient between t = k, 2k, 3k, … and the step after.
    recorded : bool
        Whether Tensors are involved.
    backward : bool
        From t = T to 1 instead of from 1 to T.
    """

    lengths: Any = None
    truncate: int | None = None
    recorded: bool = False
    backward: bool = False

    def turned(self) -> "ScanOptions":
        """The same walk in the other direction; cuts and lengths stay where they are in time."""
        return replace(self, backward=not self.backward)

    def times(self, T: int) -> range:
        """The steps in the order in which they are taken."""
        return range(T, 0, -1) if self.backward else range(1, T + 1)

    def cuts_before(self, t: int, T: int) -> bool:
        """True if the state with which step t starts is to be a constant."""
        if self.truncate is None:
            return False
        border = t if self.backward else t - 1
        return 0 < border < T and border % self.truncate == 0

    def alive(self, t: int) -> Any:
        """Which sequences of the batch have a step t, (...) booleans; None if all have."""
        if self.lengths is None:
            return None
        mask = self.lengths >= t
        return None if not isinstance(mask, Tensor) and np.all(mask) else mask


def run_layer(cell: Any, params: dict[str, Any], xs: Any, state: Any, walk: ScanOptions) -> Steps:
    """Run a layer over xs, an array (T, ..., D) or a list of T inputs.

    A net of cells says itself how, by a method ``run`` of the same arguments; everything else is taken
    step by step.
    """
    run = getattr(cell, "run", None)
    return _run_steps(cell, params, xs, state, walk) if run is None else run(params, xs, state, walk)


def _run_steps(cell: Any, params: dict[str, Any], xs: Any, state: Any, walk: ScanOptions) -> Steps:
    T = len(xs)
    if walk.recorded:
        with scope(TimeStep(T + 1 if walk.backward else 0)):
            state = _as_nodes(state)
    outputs, states = [], []
    for t in walk.times(T):
        with scope(TimeStep(t)):
            if walk.cuts_before(t, T):
                state = tree_map(stop_gradient, state)
            before, alive = state, walk.alive(t)
            state = cell.step(params, before, named("x", xs[t - 1]))
            if alive is not None:
                state = hold(alive, state, before)
            outputs.append(state.h if alive is None else where(column(alive), state.h, 0.0))
        states.append(state)
    final = states[-1]
    return Steps(outputs[::-1], states[::-1], final) if walk.backward else Steps(outputs, states, final)


def hold(alive: Any, new: Any, old: Any) -> Any:
    """The new state of sequences that go on, the old one of those that have ended.

    A state that grows with time says itself how to hold, by a method ``hold(alive, old)``.
    """
    if grows(new):
        return new.hold(alive, old)
    if isinstance(new, tuple):
        parts = [hold(alive, a, b) for a, b in zip(new, old, strict=True)]
        return type(new)(*parts) if hasattr(new, "_fields") else tuple(parts)
    return where(column(alive), new, old)


def _as_nodes(state: Any, name: str | None = None) -> Any:
    """One node for each part of the initial state, however often the first step uses it."""
    if state is None or isinstance(state, Tensor):
        return state
    if isinstance(state, tuple):
        names = getattr(state, "_fields", [name] * len(state))
        parts = [_as_nodes(part, part_name) for part_name, part in zip(names, state, strict=True)]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return tensor(state, name=name)
