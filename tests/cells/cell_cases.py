"""Every cell with every switch, and random parameters for them, for all tests of this folder."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st

from cells import (
    GRU,
    LSTM,
    RNN,
    AttentionCell,
    Bidirectional,
    Conv1d,
    FeedForward,
    Stacked,
    to_torch,
)
from cells.attention import SCORES
from cells.cell import ACTIVATIONS
from cells.lstm import VARIANTS
from minigrad.pytree import tree_map

Factory = Callable[[int, int], Any]

SINGLE: dict[str, Factory] = {
    **{f"RNN {a}": (lambda D, H, a=a: RNN(D, H, activation=a)) for a in ACTIVATIONS},
    **{f"LSTM {v}": (lambda D, H, v=v: LSTM.variant(v, D, H)) for v in VARIANTS},
    "LSTM plain": LSTM,
    "LSTM coupled": lambda D, H: LSTM(D, H, coupled=True),
    "LSTM relu sigmoid": lambda D, H: LSTM(D, H, input_activation="relu", output_activation="sigmoid"),
    "LSTM chrono": lambda D, H: LSTM(D, H, chrono=10.0),
    **{
        f"GRU {r} {u}": (lambda D, H, r=r, u=u: GRU(D, H, reset=r, update=u))
        for r, u in product(("before", "after"), ("keep", "write"))
    },
    "GRU chrono": lambda D, H: GRU(D, H, chrono=10.0),
    "FeedForward": FeedForward,
    **{f"Conv1d {w}": (lambda D, H, w=w: Conv1d(D, H, w)) for w in (1, 2, 3)},
}

ATTENTIVE: dict[str, Factory] = {
    f"Attention {when} {score}": (lambda D, H, w=when, s=score: AttentionCell(GRU(D, H), when=w, score=s))
    for when, score in product(("before", "after"), SCORES)
}

NETS: dict[str, Factory] = {
    "Stacked": lambda D, H: Stacked([LSTM(D, 2), RNN(2, H)]),
    "Bidirectional": lambda D, H: Bidirectional(GRU(D, H), LSTM(D, 1)),
    "Stacked Bidirectional": lambda D, H: Stacked([Bidirectional(RNN(D, 1), RNN(D, 2)), GRU(3, H)]),
    "Stacked Attention": lambda D, H: Stacked([AttentionCell(RNN(D, 2)), LSTM(2, H)]),
    "Attention of Stacked": lambda D, H: AttentionCell(Stacked([RNN(D, 2), LSTM(2, H)])),
}

CELLS = SINGLE | ATTENTIVE
LAYERS = CELLS | NETS

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 3)


def sigma(a: Any) -> Any:
    """The logistic function."""
    return 1 / (1 + np.exp(-a))


#: The activation functions as NumPy has them.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": np.tanh,
    "sigmoid": sigma,
    "relu": lambda a: np.maximum(a, 0),
    "identity": lambda a: a,
}


def filled(cell: Any, rng: np.random.Generator, scale: float = 0.7) -> dict[str, Any]:
    """Parameters with nothing left at zero, so that no rule can hide behind a zero."""
    return tree_map(lambda p: scale * rng.standard_normal(p.shape), cell.init(rng))


def filled_state(cell: Any, rng: np.random.Generator, batch_shape: tuple[int, ...] = ()) -> Any:
    """An initial state with nothing left at zero."""
    return tree_map(lambda s: 0.5 * rng.standard_normal(s.shape), cell.initial_state(batch_shape))


def close(actual: Any, expected: Any, tolerance: float = 1e-12) -> None:
    """Compare two arrays, relative to the larger of 1 and the largest entry."""
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale)


def lstm_weights(**changes: Any) -> dict[str, Any]:
    """A small LSTM's state dict, with entries changed or (None) left out."""
    cell = LSTM(2, 3)
    whole = to_torch(cell, filled(cell, np.random.default_rng(0))) | changes
    return {key: value for key, value in whole.items() if value is not None}
