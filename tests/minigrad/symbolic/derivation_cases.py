"""The cells and random numbers that the tests of derivations share."""

from typing import Any

import numpy as np

from cells import GRU, LSTM, RNN, AttentionCell, Stacked
from cells.lstm import VARIANTS
from minigrad.pytree import flatten

#: One cell for each kind and each switch.
CELLS: dict[str, Any] = {
    **{f"RNN {name}": RNN(2, 3, activation=name) for name in ("tanh", "relu", "sigmoid", "identity")},
    "RNN with D = H": RNN(3, 3),
    "LSTM": LSTM(2, 3),
    "LSTM peephole": LSTM(2, 3, peephole=True),
    "LSTM coupled": LSTM(2, 3, coupled=True),
    "LSTM relu": LSTM(2, 3, input_activation="relu", output_activation="sigmoid"),
    **{f"LSTM {name}": LSTM.variant(name, 2, 3) for name in VARIANTS},
    **{
        f"GRU {reset} {update}": GRU(2, 3, reset=reset, update=update)
        for reset in ("before", "after")
        for update in ("keep", "write")
    },
    "two RNNs": Stacked([RNN(2, 3), RNN(3, 2)]),
    "RNN, GRU, LSTM": Stacked([RNN(2, 3), GRU(3, 2), LSTM(2, 2)]),
}

#: Cells that read all of their earlier states.
REMEMBERING: dict[str, Any] = {
    f"attention {when} {score}": AttentionCell(RNN(3, 3), when=when, score=score)
    for when in ("before", "after")
    for score in ("additive", "dot", "scaled_dot", "general", "concat")
}


def random_like(rng: np.random.Generator, tree: Any, scale: float = 1.0) -> Any:
    """A tree of the same structure with normal entries."""
    leaves, structure = flatten(tree)
    return structure.unflatten([scale * rng.standard_normal(np.shape(leaf)) for leaf in leaves])


def random_step(cell: Any, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Random parameters, a random state that can be reached in shape, and a random input."""
    params = random_like(rng, cell.init(rng))
    state = cell.initial_state()
    for _ in range(2):
        state = cell.step(params, state, rng.standard_normal(cell.input_size))
    return params, state, rng.standard_normal(cell.input_size)
