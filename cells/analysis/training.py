"""Training of a small net to predict the next character of a text, for reports."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
    "one_hot",
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


#: Different characters of a text to train on: each has a row of the readout and a column of every U.
MOST_CHARACTERS = 20_000


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
        If the text cannot be read, see `read_text`, is empty, or has too many different characters.
    """
    if path is None:
        poem = files("cells.analysis").joinpath("data", "who-has-seen-the-wind.txt")
        return Corpus(POEM_CREDIT, poem.read_text(encoding="utf-8"))
    text = read_text(path, encoding)
    if not text.strip():
        raise AnalysisError(f"{path} is empty; pass a text with at least two characters")
    different = len(set(text))
    if different > MOST_CHARACTERS:
        raise AnalysisError(
            f"{path} has {different:,} different characters, more than {MOST_CHARACTERS:,}; "
            "pass a part of the text, or replace its rare characters"
        )
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
    codes, targets : (T, ...)
        Positions in the alphabet.
    classes : int
        K, the length of the alphabet.
    """

    codes: np.ndarray
    targets: np.ndarray
    classes: int

    @property
    def xs(self) -> np.ndarray:
        """The characters one-hot, (T, ..., K)."""
        return one_hot(self.codes, self.classes)


def one_hot(codes: np.ndarray, classes: int) -> np.ndarray:
    """Vectors of zeros with a one at each code: (...) -> (..., K).

    Examples
    --------
    >>> one_hot(np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    return np.asarray(codes[..., None] == np.arange(classes), np.float64)


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
    return Window(codes[places], codes[places + 1], len(corpus.alphabet))


def sequence_loss(model: Model, params: dict[str, Any], batch: Window) -> Any:
    """E = the mean of −log ŷ over all positions and sequences.

    U x of a one-hot x is a column of U. The columns of the characters that the batch holds are gathered first, so
    that the work does not grow with the alphabet.
    """
    used, places = np.unique(batch.codes, return_inverse=True)
    cell: Any = replace(model.cell, input_size=len(used))  # type: ignore[type-var]
    gathered = {name: value[:, used] if name.startswith("U") else value for name, value in params["cell"].items()}
    run = unroll(cell, gathered, one_hot(places.reshape(batch.codes.shape), len(used)))
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
