"""A few steps of learning to predict the next character: what the report looks into."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import minigrad as mg
from cells import Cell, Readout, unroll

from .errors import ReportInputError
from .texts import Corpus

__all__ = ["Model", "Window", "new_model", "sequence_loss", "train", "window"]

#: The global norm above which gradients are scaled down (Pascanu, Mikolov and Bengio, ICML 2013).
CLIP = 1.0


@dataclass(frozen=True)
class Window:
    """T characters and the ones that follow them.

    Attributes
    ----------
    xs : (T, ..., K)
        One-hot.
    targets : (T, ...)
        Positions in the alphabet.
    """

    xs: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True)
class Model:
    """A cell with its readout and the parameters of both: ``{"cell": ..., "readout": ...}``."""

    cell: Cell
    readout: Readout
    params: dict[str, Any]


def new_model(cell: Cell, classes: int, rng: np.random.Generator) -> Model:
    """A readout for the cell, and fresh parameters."""
    readout = Readout(cell.hidden_size, classes)
    return Model(cell, readout, {"cell": cell.init(rng), "readout": readout.init(rng)})


def window(corpus: Corpus, steps: int, starts: Any) -> Window:
    """The windows of `steps` characters that begin at `starts` (an integer, or an array of them).

    Raises
    ------
    ReportInputError
        If the text is too short.
    """
    codes = corpus.codes
    if len(codes) <= steps:
        raise ReportInputError(
            f"the text has {len(codes)} characters, too few for {steps} steps and the character that follows; "
            + (f"use at most {len(codes) - 1} steps" if len(codes) > 1 else "pass a longer text")
        )
    places = np.arange(steps).reshape(-1, *(1,) * np.ndim(starts)) + starts
    return Window(np.eye(len(corpus.alphabet))[codes[places]], codes[places + 1])


def sequence_loss(model: Model, params: dict[str, Any], batch: Window) -> Any:
    """E = the mean of −log ŷ over all positions and sequences."""
    run = unroll(model.cell, params["cell"], batch.xs)
    return mg.cross_entropy(model.readout.logits(params["readout"], run.outputs), batch.targets).mean()


def train(
    model: Model,
    corpus: Corpus,
    *,
    steps: int,
    updates: int,
    batch: int,
    learning_rate: float,
    rng: np.random.Generator,
) -> Iterator[tuple[Model, float]]:
    """Adam on random windows of the text; yields the model and its loss after each update.

    Parameters
    ----------
    model : Model
    corpus : Corpus
    steps : int
        T, the length of a window.
    updates : int
        How many times the parameters move.
    batch : int
        Windows in each update.
    learning_rate : float
    rng : numpy.random.Generator
        Draws the windows.
    """
    optimiser = mg.optim.Adam(learning_rate)
    params, memory = model.params, optimiser.init(model.params)
    for _ in range(updates):
        drawn = window(corpus, steps, rng.integers(0, len(corpus.text) - steps, batch))
        loss, gradient = mg.value_and_grad(lambda p, drawn=drawn: sequence_loss(model, p, drawn))(params)
        params, memory = optimiser.step(params, mg.optim.clip_by_norm(gradient, CLIP), memory)
        yield Model(model.cell, model.readout, params), float(loss)
