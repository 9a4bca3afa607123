"""Diagnosis of a recurrent net with given weights, cell by cell."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from json import dumps
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Graph
from minigrad.errors import DtypeError, ShapeError
from minigrad.pytree import flatten

from ..arrays import as_array, is_foreign
from ..batch_first import BatchFirst
from ..bidirectional import Bidirectional
from ..cell import Cell, Layer
from ..errors import AnalysisError
from ..pytorch import from_torch
from ..stacked import Stacked
from ..unroll import unroll
from .attribution import flow_norms
from .bounds import Explained, bound_over_lags, explain
from .diagnosis import Diagnosis, diagnose_numbers, finite
from .jacobians import LagNorms, measured_lags, one_blas_thread, quiet
from .texts import require_regular, shown_name
from .training import one_hot, read_corpus, require_memory

__all__ = ["Part", "WeightFindings", "checked_sequence", "diagnose_net", "read_weights", "weight_findings"]


@dataclass(frozen=True)
class Part:
    """One cell of a net: its place, such as ``layer 2, backward``, and what was measured on it.

    Attributes
    ----------
    graph : Graph
        Of the sum of this cell's own last output, on what it reads in the net.
    state_names : tuple of str
        h, and c if there is one.
    """

    title: str
    cell: Cell
    graph: Graph
    lags: LagNorms
    explained: Explained
    state_names: tuple[str, ...]

    def diagnosis(self) -> Diagnosis:
        """The diagnosis of the gradients in this cell."""
        return diagnose_numbers(self.lags, self.graph, self.explained.bound, self.explained.refusal)


@dataclass(frozen=True)
class WeightFindings:
    """The measurements on a net, and the graph they were made on.

    Attributes
    ----------
    title, source : str
        The kind of net, and the name of the file.
    facts : dict
        Term by term.
    parts : tuple of Part
    graph : Graph
        Of the sum of the last output.
    state : str
        The state that `flow` shows over time.
    diagnoses : dict
        By the parts' titles.
    command : str
    """

    title: str
    source: str
    facts: dict[str, str]
    steps: int
    parts: tuple[Part, ...]
    graph: Graph
    state: str
    diagnoses: dict[str, Diagnosis]
    command: str

    def sentences(self) -> list[str]:
        """For readers, cell by cell."""
        return [
            f"{title}: {said}" if title and i == 0 else said
            for title, one in self.diagnoses.items()
            for i, said in enumerate(one.sentences())
        ]

    def json(self) -> str:
        """The diagnosis; for several cells one for each, by title."""
        found = {title: asdict(one) for title, one in self.diagnoses.items()}
        return dumps(finite(found.get("", found)), indent=2, ensure_ascii=False) + "\n"


def read_weights(path: str | os.PathLike[str], prefix: str = "") -> tuple[Layer, dict[str, Any]]:
    """The net in a ``.safetensors`` file, in float64.

    Raises
    ------
    AnalysisError
        If there is no such file, or a weight is inf or nan.
    StateDictError
        If it is no safetensors file, or does not hold the weights of a recurrent net.
    MissingSafetensorsError
        If the extra ``safetensors`` is not installed.
    """
    place = Path(path)
    try:
        require_regular(place)
        cell, params = from_torch(place, prefix)
    except FileNotFoundError:
        raise AnalysisError(f"no such file: {place}") from None
    except OSError as error:
        raise AnalysisError(f"cannot read {place}: {error.strerror or error}") from None
    leaves, structure = flatten(params)
    for leaf in leaves:
        if not np.isfinite(leaf).all():
            raise AnalysisError(f"{place} holds weights that are inf or nan; nothing can be measured with them")
    return cell, structure.unflatten([np.asarray(leaf, np.float64) for leaf in leaves])


def weight_findings(
    path: str | os.PathLike[str],
    text: str | os.PathLike[str] | None = None,
    steps: int = 20,
    seed: int = 0,
    prefix: str = "",
    encoding: str | None = None,
) -> WeightFindings:
    """Run saved weights over a text or over random inputs, and measure.

    Parameters
    ----------
    path : path
        A ``.safetensors`` file.
    text : path, optional
        A text with as many different characters as the net has inputs: they are its one-hot inputs in
        the order of their code points. Without it the inputs are standard normal numbers.
    steps : int
        T
    seed : int
        Of random inputs.
    prefix : str
        See `cells.from_torch`.
    encoding : str, optional
        Of the text; by default UTF-8.

    Raises
    ------
    AnalysisError
        See `read_weights`; or if the text is too short or has another number of characters.
    """
    cell, params = read_weights(path, prefix)
    require_memory(steps * ((2 * cell.hidden_size) ** 2 + 16 * cell.hidden_size + cell.input_size))
    xs, shown = _inputs(cell.input_size, text, encoding, steps, seed)
    graph = _graph(cell, params, xs)
    parts = tuple(_measured(*part) for part in _parts(cell, params, xs))
    return WeightFindings(
        title=_title(cell),
        source=shown_name(path),
        facts={
            "Net": f"{_title(cell)}, {cell.input_size} inputs, {cell.hidden_size} outputs",
            "Weights": f"{sum(np.size(leaf) for leaf in flatten(params)[0]):,} numbers, taken as they are",
            "Shown for": shown,
        },
        steps=steps,
        parts=parts,
        graph=graph,
        state=next(name for name in flow_norms(graph) if name.rpartition("/")[2] == "h"),
        diagnoses={part.title: part.diagnosis() for part in parts},
        command=_command(path, text, encoding, steps, seed, prefix),
    )


def diagnose_net(cell: Layer, params: dict[str, Any], xs: Any) -> dict[str, Diagnosis]:
    """Diagnose the gradients of a net with these parameters on these inputs, cell by cell.

    Parameters
    ----------
    cell : Layer
        A cell, or a `Stacked` or `Bidirectional` net of cells, such as `cells.from_torch` returns.
    params : dict
        As the cell's `init` makes them, or `cells.from_torch` reads them.
    xs : (T, ..., D)
        One sequence, or a batch of them: the Jacobian's norm is then the largest of any sequence, and the loss
        is summed over all.

    Returns
    -------
    dict of str to Diagnosis
        By place in the net, such as ``layer 1, forward``; the place of a single cell is the empty text.

    Examples
    --------
    >>> import numpy as np
    >>> from cells import RNN
    >>> cell = RNN(1, 1)
    >>> params = {"U": np.zeros((1, 1)), "W": np.array([[0.5]]), "b": np.zeros(1)}
    >>> diagnose_net(cell, params, np.zeros((3, 1)))[""].half_life
    1.0
    """
    xs = checked_sequence(cell, xs)
    with one_blas_thread():
        return {place: _diagnosis(*part) for place, *part in _parts(cell, params, xs)}


def checked_sequence(cell: Layer, xs: Any) -> np.ndarray:
    """A sequence or a batch of sequences, in float64.

    Raises
    ------
    ShapeError
        If it is not (T, ..., D) with T at least 1.
    """
    given = np.asarray(as_array(xs, "xs") if is_foreign(xs) else xs)
    if given.dtype.kind not in "fiub":
        raise DtypeError(f"xs are numbers, got an array of {given.dtype}")
    if given.ndim < 2 or given.shape[0] == 0 or given.size == 0 or given.shape[-1] != cell.input_size:
        raise ShapeError(f"a diagnosis needs xs of shape (T, ..., {cell.input_size}), got {given.shape}")
    return given.astype(np.float64)


def _diagnosis(cell: Cell, params: dict[str, Any], xs: np.ndarray) -> Diagnosis:
    bound, why = bound_over_lags(cell, params, len(xs), _largest(xs))
    with quiet():
        return diagnose_numbers(measured_lags(cell, params, xs), _graph(cell, params, xs), bound, why)


def _largest(xs: np.ndarray) -> float:
    """The largest magnitude in any input, for bounds that grow with it."""
    return float(np.max(np.abs(xs), initial=0.0))


def _inputs(size: int, text: Any, encoding: str | None, steps: int, seed: int) -> tuple[np.ndarray, str]:
    if text is None:
        return np.random.default_rng(seed).normal(size=(steps, size)), f"{steps} steps of standard normal inputs"
    corpus = read_corpus(text, encoding)
    if len(corpus.alphabet) != size:
        raise AnalysisError(
            f"the net has {size} inputs, but {corpus.title} has {len(corpus.alphabet)} different characters; "
            "pass the text that it was trained on, or none for random inputs"
        )
    if len(corpus.codes) < steps:
        raise AnalysisError(f"the text has {len(corpus.codes)} characters, too few for {steps} steps")
    return one_hot(corpus.codes[:steps], size), f"“{corpus.text[:steps]}” from {corpus.title}"


def _graph(cell: Layer, params: dict[str, Any], xs: np.ndarray) -> Graph:
    return mg.trace(lambda p, xs: mg.named("E", mg.sum(unroll(cell, p, xs).outputs[-1])), params, xs)


def _parts(cell: Any, params: dict[str, Any], xs: np.ndarray, place: str = "") -> Iterator[tuple[str, Cell, Any, Any]]:
    """Every cell with its parameters and its inputs in the net, in its own order of time."""
    if isinstance(cell, BatchFirst):
        yield from _parts(cell.layer, params, xs if xs.ndim < 3 else np.swapaxes(xs, 0, 1), place)
    elif isinstance(cell, Stacked):
        for i, layer in enumerate(cell.layers, start=1):
            own = params[f"layer {i}"]
            yield from _parts(layer, own, xs, f"layer {i}")
            xs = np.asarray(unroll(layer, own, xs).outputs)
    elif isinstance(cell, Bidirectional):
        comma = ", " if place else ""
        yield from _parts(cell.forward, params["forward"], xs, f"{place}{comma}forward")
        yield from _parts(cell.backward, params["backward"], xs[::-1], f"{place}{comma}backward")
    else:
        yield place, cell, params, xs


def _measured(title: str, cell: Cell, params: dict[str, Any], xs: np.ndarray) -> Part:
    explained = explain(cell, None, params, len(xs), _largest(xs))
    with quiet():
        lags, graph = measured_lags(cell, params, xs, stepwise=True), _graph(cell, params, xs)
    return Part(title, cell, graph, lags, explained, cell.initial_state()._fields)


def _title(cell: Any) -> str:
    if isinstance(cell, Stacked):
        return f"{len(cell.layers)}-layer {_title(cell.layers[0])}"
    if isinstance(cell, Bidirectional):
        return f"bidirectional {_title(cell.forward)}"
    return type(cell).__name__


def _command(path: Any, text: Any, encoding: str | None, steps: int, seed: int, prefix: str) -> str:
    words = ["minigrad", "report", "--weights", shown_name(path)]
    words += ["--prefix", prefix] if prefix else []
    words += ["--text", shown_name(text)] if text is not None else []
    words += ["--encoding", encoding] if encoding is not None else []
    return shlex.join([*words, "--steps", str(steps), "--seed", str(seed)])
