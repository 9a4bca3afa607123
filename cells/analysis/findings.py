"""The findings of a report: train for a few updates, then measure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Graph

from ..cell import Cell
from ..errors import AnalysisError
from ..gru import GRU
from ..lstm import LSTM
from ..rnn import RNN
from ..unroll import unroll
from .bounds import Explained, explain
from .jacobians import LagNorms, measured_lags
from .training import Corpus, Model, Window, new_model, require_memory, train, window

__all__ = ["CELLS", "Findings", "Progress", "Settings", "findings", "last_loss_graph"]

#: The cells that the report knows, by the name on the command line.
CELLS: dict[str, Callable[[int, int], Cell]] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}

#: Wraps the iteration over updates, to show how far it is.
Progress = Callable[[Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Settings:
    """The settings of a report.

    Parameters
    ----------
    cell : str
        A key of `CELLS`.
    steps : int
        T, at least 1: the length of the sequences.
    hidden : int
        H, at least 1.
    updates : int
        How often the parameters move before anything is measured; 0 shows the fresh cell.
    batch : int
        Sequences in each update.
    learning_rate : float
    seed : int
        Of everything random: the same seed gives the same bytes.
    """

    cell: str = "lstm"
    steps: int = 20
    hidden: int = 16
    updates: int = 150
    batch: int = 8
    learning_rate: float = 0.01
    seed: int = 0


@dataclass(frozen=True)
class Findings:
    """The measurements, and the graph they were made on.

    Attributes
    ----------
    model : Model
        After training.
    losses : (updates,)
        The mean loss in each update.
    graph : Graph
        Of the loss of the last prediction, E_T.
    lags : LagNorms
    explained : Explained
        The derivation, and what it proves about the lags.
    """

    corpus: Corpus
    settings: Settings
    model: Model
    losses: np.ndarray
    sample: Window
    graph: Graph
    lags: LagNorms
    explained: Explained


def findings(corpus: Corpus, settings: Settings, progress: Progress = iter) -> Findings:
    """Train on the text, then measure on its first T characters.

    Parameters
    ----------
    corpus : Corpus
    settings : Settings
    progress : callable
        Wraps the iteration over updates, for a progress bar.

    Raises
    ------
    AnalysisError
        If the text is too short for T steps, the cell is unknown, or the sizes need too much memory.
    """
    if settings.cell not in CELLS:
        raise AnalysisError(f"no cell is called {settings.cell!r}; use one of {', '.join(CELLS)}")
    _require_memory(settings, len(corpus.alphabet))
    sample = window(corpus, settings.steps, 0)
    model, losses = _trained(corpus, settings, progress)
    lags = measured_lags(model.cell, model.params["cell"], sample.xs, stepwise=True)
    explained = explain(model.cell, model.readout, model.params["cell"], settings.steps)
    graph = last_loss_graph(model, sample)
    return Findings(corpus, settings, model, np.array(losses), sample, graph, lags, explained)


def _require_memory(settings: Settings, classes: int) -> None:
    """Refuse sizes whose parameters, training graph or step Jacobians do not fit into memory."""
    T, H = settings.steps, settings.hidden
    parameters = 4 * H * (H + classes) + H * classes
    training = T * settings.batch * (16 * H + 3 * classes)
    require_memory(6 * parameters + training + T * (2 * H) ** 2)


def _trained(corpus: Corpus, settings: Settings, progress: Progress) -> tuple[Model, list[float]]:
    rng = np.random.default_rng(settings.seed)
    classes = len(corpus.alphabet)
    model = new_model(CELLS[settings.cell](classes, settings.hidden), classes, rng)
    losses = []
    learning = train(
        model,
        corpus,
        steps=settings.steps,
        updates=settings.updates,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        rng=rng,
    )
    for trained, loss in progress(learning):
        model = trained
        losses.append(loss)
    return model, losses


def last_loss_graph(model: Model, sample: Window) -> Graph:
    """The graph of E_T, the loss of the last prediction alone: its gradient has to travel through all of time."""

    def last_loss(params: dict[str, Any], xs: Any) -> Any:
        final = unroll(model.cell, params["cell"], xs).final
        return mg.named("E", mg.cross_entropy(model.readout.logits(params["readout"], final.h), sample.targets[-1]))

    return mg.trace(last_loss, model.params, sample.xs)
