"""Running a cell over a sequence: the same parameters at every step."""

import sys
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from minigrad import Tensor, stack, transpose, where
from minigrad.errors import OptionError, ShapeError
from minigrad.pytree import flatten

from .arrays import as_array, converted, is_foreign
from .batch_first import BatchFirst
from .cell import Layer
from .parameters import checked_params
from .scan import ScanOptions, run_layer
from .validation import checked_lengths, checked_state, column, within

__all__ = ["Run", "unroll"]


@dataclass(frozen=True)
class Run:
    """The run of a cell over a sequence.

    Attributes
    ----------
    outputs : (T, ..., H)
        h_1 … h_T; zero past the end of a sequence.
    states : list
        The state after each step; held past the end of a sequence.
    final : state
        The last of them; pass it as the initial state to continue.
    """

    outputs: Any
    states: list[Any]
    final: Any

    def _repr_html_(self) -> str | None:
        """For notebooks: what happened at each step, once `viz` has been imported; cells import no pictures."""
        viz = sys.modules.get("viz")
        return None if viz is None else str(viz.run_html(self))


def unroll(
    cell: Layer,
    params: dict[str, Any],
    xs: Any,
    state: Any = None,
    *,
    lengths: Any = None,
    truncate: int | None = None,
) -> Run:
    """Run a cell over time, h_t = step(h_{t−1}, x_t) for t = 1 … T.

    Every step stands in the scope ``t=1``, ``t=2``, …, and the initial state in ``t=0``; a stacked net
    opens ``layer 1``, … around them, a bidirectional one ``forward`` and ``backward``.

    Parameters
    ----------
    cell : Layer
        A cell, or a net of cells.
    params : dict
        As `cell.init` makes them: none missing, none that the cell does not use.
    xs : (T, ..., D)
        Time first (for a `BatchFirst` net the batch); an array (of NumPy, PyTorch, JAX), a Tensor, or a list of either.
    state : state, optional
        The initial state; zeros by default.
    lengths : (...) integers from 0 to T, optional
        How long each sequence of the batch is. Past its end the state holds and the output is zero, so
        that what stands there in `xs` has no influence, were it NaN.
    truncate : int, optional
        Truncated backpropagation through time: the state becomes a constant after every `truncate`
        steps. The gradient is that of the function with `minigrad.stop_gradient` at these cuts; the
        values are the same as without.

    Returns
    -------
    Run
        Of Tensors if any argument holds a Tensor, of arrays otherwise.

    Raises
    ------
    ShapeError
        If `xs` has no step, its last axis is not the cell's input size, or the shapes of `state` or
        `lengths` do not fit.
    ParameterError
        If a parameter is missing or not used; the error names it, and the switch of the cell.
    DroppedGradientError
        If `xs` or a parameter is an array of another library that records gradients.
    TreeError
        If `state` is no state of this cell.
    DtypeError
        If `lengths` are no integers.
    OptionError
        If a length is not from 0 to T, or `truncate` is no integer or below 1.

    Examples
    --------
    >>> from cells import LSTM
    >>> rng = np.random.default_rng(0)
    >>> cell, xs = LSTM(2, 3), rng.standard_normal((5, 4, 2))
    >>> params = cell.init(rng)
    >>> unroll(cell, params, xs).outputs.shape
    (5, 4, 3)

    A long sequence in two parts:

    >>> first = unroll(cell, params, xs[:2])
    >>> second = unroll(cell, params, xs[2:], first.final)
    >>> bool(np.all(second.outputs == unroll(cell, params, xs).outputs[2:]))
    True
    """
    xs = _as_array(xs)
    if isinstance(cell, BatchFirst):
        run = unroll(cell.layer, params, _swapped(xs), state, lengths=lengths, truncate=truncate)
        return Run(_swapped(run.outputs), run.states, run.final)
    params = checked_params(cell, params, strict=False)
    if len(xs.shape) < 2 or xs.shape[0] == 0 or xs.shape[-1] != cell.input_size:
        raise ShapeError(
            f"unroll needs xs of shape (T, ..., {cell.input_size}) with T at least 1, got {xs.shape}; time comes first"
        )
    if truncate is not None and not (isinstance(truncate, Integral) and truncate >= 1):
        raise OptionError(
            f"truncate must be an integer of at least 1 step, got {truncate!r}; leave it out for the full gradient"
        )
    batch_shape = xs.shape[1:-1]
    if lengths is not None:
        lengths = checked_lengths(lengths, batch_shape, xs.shape[0])
        xs = _without_padding(xs, lengths)
    zeros = cell.initial_state(batch_shape, np.float64 if _counts(xs) else xs.dtype)
    state = zeros if state is None else checked_state(converted(state, "state"), zeros)
    recorded = any(isinstance(value, Tensor) for value in flatten([params, xs, state, lengths])[0])
    steps = run_layer(cell, params, xs, state, ScanOptions(lengths, truncate, recorded))
    return Run(stack(steps.outputs), steps.states, steps.final)


def _as_array(xs: Any) -> Any:
    """An array of another library, or a list of vectors, arrays or Tensors, as the one array or Tensor to run over."""
    if is_foreign(xs):
        return as_array(xs, "xs")
    if hasattr(xs, "shape"):
        return xs
    given = [as_array(x, "xs") if is_foreign(x) else x for x in xs]
    return stack(given) if any(isinstance(x, Tensor) for x in given) else np.asarray(given)


def _swapped(xs: Any) -> Any:
    """Time and batch exchanged, (B, T, ...) <-> (T, B, ...); a sequence without a batch as it is."""
    axes = len(xs.shape)
    return xs if axes < 3 else transpose(xs, (1, 0, *range(2, axes)))


def _without_padding(xs: Any, lengths: Any) -> Any:
    """Zeros past the end of each sequence: what stands there, NaN too, must not meet a weight (0 · NaN = NaN)."""
    return where(column(within(lengths, xs.shape[0])), xs, 0.0)


def _counts(xs: Any) -> bool:
    """True if the inputs are integers or booleans, which is no type for a state."""
    return getattr(xs.dtype, "kind", "f") in "iub"
