"""A few steps of learning to predict the next character: what the report looks into."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

import numpy as np

import minigrad as mg

from ..cell import Cell
from ..errors import AnalysisError
from ..readout import Readout
from ..unroll import unroll
from .texts import read_text, shown_name

__all__ = [
    "POEM_CREDIT",
    "Corpus",
    "Model",
    "Window",
    "new_model",
    "read_corpus",
    "require_memory",
    "sequence_loss",
    "train",
    "window",
]


#: Christina Rossetti died in 1894, so her works are in the public domain everywhere.
POEM_CREDIT = "Christina Rossetti, “Who has seen the wind?”, from Sing-Song, 1872"


#: Floating-point numbers that an analysis may hold at once: 4 GB.
MOST_NUMBERS = 500_000_000


@dataclass(frozen=True)
class Corpus:
    """A text as numbers.

    Attributes
    ----------
    title : str
        Where it comes from.
    text : str
    encoding : str or None
        Of its file; None is UTF-8.
    """

    title: str
    text: str
    encoding: str | None = None

    @cached_property
    def alphabet(self) -> str:
        """The different characters of the text, sorted."""
        return "".join(sorted(set(self.text)))

    @cached_property
    def codes(self) -> np.ndarray:
        """The position of every character in the alphabet: (length,) integers."""
        place = {c: i for i, c in enumerate(self.alphabet)}
        return np.array([place[c] for c in self.text])


def read_corpus(path: str | os.PathLike[str] | None = None, encoding: str | None = None) -> Corpus:
    """Read a text, or the poem that comes with minigrad.

    Raises
    ------
    AnalysisError
        If the text cannot be read, see `read_text`, or is empty.
    """
    if path is None:
        poem = files("cells.analysis").joinpath("data", "who-has-seen-the-wind.txt")
        return Corpus(POEM_CREDIT, poem.read_text(encoding="utf-8"))
    text = read_text(path, encoding)
    if not text.strip():
        raise AnalysisError(f"{path} is empty; pass a text with at least two characters")
    return Corpus(shown_name(path), text, encoding)


def require_memory(numbers: int) -> None:
    """Refuse an analysis that would hold more than `MOST_NUMBERS` floating-point numbers, before it allocates them.

    Raises
    ------
    AnalysisError
        With the gigabytes that it would take.
    """
    if numbers > MOST_NUMBERS:
        raise AnalysisError(
            f"this would take about {8e-9 * numbers:,.0f} GB of memory, more than {8e-9 * MOST_NUMBERS:.0f} GB; "
            "use fewer steps, hidden units or sequences per update"
        )


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
    AnalysisError
        If the text is too short.
    """
    codes = corpus.codes
    if len(codes) <= steps:
        raise AnalysisError(
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
