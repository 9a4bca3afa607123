"""One training step, as a problem that every library is given in the same numbers.

Forward pass of a cell over T steps and a linear readout, softmax cross-entropy summed over time and batch,
gradients of all parameters and of the inputs. The gates' parameters stand below each other as PyTorch has
them (i f g o, r z n): U (gates · H, D), W (gates · H, H), b, and for the GRU c (H,) inside the reset gate's product.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

import minigrad as mg
from cells import GRU, LSTM, RNN, AttentionCell, Readout, unroll

__all__ = ["CELLS", "GATES", "SIZES", "Problem", "make", "minigrad_step"]

#: T, B, D, H
SIZES = {
    "tiny": (20, 1, 4, 8),
    "small": (50, 8, 16, 32),
    "medium": (100, 32, 64, 128),
    "large": (200, 64, 256, 512),
}
CELLS: dict[str, Callable[[int, int], Any]] = {
    "LSTM": LSTM,
    "GRU": lambda D, H: GRU(D, H, reset="after"),
    "RNN": RNN,
    "attention": lambda D, H: AttentionCell(LSTM(D, H)),
}
GATES = {"LSTM": "ifgo", "GRU": "rzn", "RNN": "", "attention": "ifgo"}


@dataclass(frozen=True)
class Problem:
    """A cell's name, its object, and the numbers.

    Attributes
    ----------
    params : dict
        As minigrad has them: {"cell": …, "readout": …}.
    xs, ys : array
        Inputs (T, B, D) and classes (T, B).
    """

    name: str
    cell: Any
    readout: Readout
    params: dict[str, Any]
    xs: ndarray
    ys: ndarray

    @property
    def stacked(self) -> dict[str, ndarray]:
        """The parameters with all gates below each other; attention's own ones under their names."""
        inner = self.params["cell"]["inner"] if self.name == "attention" else self.params["cell"]
        weights = {letter: _stack(inner, letter, GATES[self.name]) for letter in "UWb"}
        if self.name == "GRU":
            weights["c"] = inner["c_n"]
        if self.name == "attention":
            weights |= {"P": self.params["cell"]["P"], "C": self.params["cell"]["C"]}
            weights |= {f"a{letter}": value for letter, value in self.params["cell"]["attention"].items()}
        return weights | {"V": self.params["readout"]["V"], "d": self.params["readout"]["c"]}


def _stack(params: dict[str, ndarray], letter: str, gates: str) -> ndarray:
    return np.concatenate([params[f"{letter}_{gate}"] for gate in gates]) if gates else params[letter]


def make(cell: str, shape: tuple[int, int, int, int], dtype: str) -> Problem:
    """A problem of (T, B, D, H) with random numbers, the same in every run."""
    T, B, D, H = shape
    rng = np.random.default_rng(0)
    built = CELLS[cell](D, H)
    readout = Readout(H, D)
    kind = np.dtype(dtype)
    params = {"cell": built.init(rng, kind), "readout": readout.init(rng, kind)}
    xs = rng.standard_normal((T, B, D)).astype(kind)
    return Problem(cell, built, readout, params, xs, rng.integers(0, D, (T, B)))


def minigrad_step(problem: Problem) -> Callable[..., Any]:
    """Loss and gradients of (params, xs, ys), for `mg.compile` or as it is."""

    def loss(params: Any, xs: Any, ys: Any) -> Any:
        outputs = unroll(problem.cell, params["cell"], xs).outputs
        return problem.readout.loss(params["readout"], outputs, ys)

    return mg.value_and_grad(loss, wrt=(0, 1))
