"""A few steps of learning to predict the next character: what the report looks into."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg

from ..cell import Cell
from ..errors import AnalysisError
from ..readout import Readout
from ..unroll import unroll

__all__ = [
    "LARGEST",
    "POEM_CREDIT",
    "Corpus",
    "Model",
    "Window",
    "new_model",
    "read_corpus",
    "read_text",
    "sequence_loss",
    "train",
    "window",
]


#: Christina Rossetti died in 1894, so her works are in the public domain everywhere.
POEM_CREDIT = "Christina Rossetti, “Who has seen the wind?”, from Sing-Song, 1872"
#: Bytes; a recurrent net that is trained for seconds learns nothing from more.
LARGEST = 5_000_000


@dataclass(frozen=True)
class Corpus:
    """A text as numbers.

    Attributes
    ----------
    title : str
        Where it comes from.
    text : str
    """

    title: str
    text: str

    @cached_property
    def alphabet(self) -> str:
        """The different characters of the text, sorted."""
        return "".join(sorted(set(self.text)))

    @cached_property
    def codes(self) -> np.ndarray:
        """The position of every character in the alphabet: (length,) integers."""
        place = {c: i for i, c in enumerate(self.alphabet)}
        return np.array([place[c] for c in self.text])


def read_corpus(path: str | os.PathLike[str] | None = None) -> Corpus:
    """Read a UTF-8 text, or the poem that comes with minigrad.

    Raises
    ------
    AnalysisError
        If there is no such file, or it is a directory, unreadable, empty, too large, binary or not UTF-8.
    """
    if path is None:
        poem = files("cells.analysis").joinpath("data", "who-has-seen-the-wind.txt")
        return Corpus(POEM_CREDIT, poem.read_text(encoding="utf-8"))
    return Corpus(Path(path).name, read_text(path))


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a UTF-8 file.

    Raises
    ------
    AnalysisError
        See `read_corpus`.
    """
    content = _read(Path(path))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in content[:8192]:
            raise AnalysisError(f"{path} is a binary file; pass a text in UTF-8") from None
        raise AnalysisError(
            f"{path} is not UTF-8: byte {content[error.start]:#04x} at position {error.start}; "
            "convert it, for example with `iconv -f latin1 -t utf-8`"
        ) from None
    text = text.replace("\r\n", "\n")
    if "\0" in text:
        raise AnalysisError(f"{path} is a binary file; pass a text in UTF-8")
    if not text.strip():
        raise AnalysisError(f"{path} is empty; pass a text with at least two characters")
    return text


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise AnalysisError(f"{path} is a directory; pass a text file")
        if path.stat().st_size > LARGEST:
            raise AnalysisError(f"{path} has {path.stat().st_size:,} bytes; pass at most {LARGEST:,}")
        return path.read_bytes()
    except FileNotFoundError:
        raise AnalysisError(f"no such file: {path}") from None
    except (OSError, ValueError) as error:
        raise AnalysisError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None


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
