"""Jacobians over time, ∂s_T/∂s_k: step Jacobians, and the norms of their products, measured."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from threadpoolctl import threadpool_limits

import minigrad as mg
from minigrad.errors import DisconnectedOutputWarning, MinigradError, NaNWarning
from minigrad.sweep import forward_sweep

from ..cell import Cell
from ..unroll import unroll
from ..validation import grows
from .norms import spectral_norm

__all__ = ["LagNorms", "lag_norms", "measured_lags", "one_blas_thread", "quiet", "step_jacobians"]


#: Held by the one measurement that limits BLAS, of those that run at the same time.
_LIMITING = Lock()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread in the block, unless another measurement limits it already.

    The limit holds for the whole process, so the thread that sets it also lifts it.
    """
    if not _LIMITING.acquire(blocking=False):
        yield
        return
    try:
        with threadpool_limits(1, "blas"):
            yield
    finally:
        _LIMITING.release()


@contextmanager
def quiet() -> Iterator[None]:
    """Measure on one BLAS thread, without warnings about what norms show: overflow, NaN, a state that is not read.

    Products of step Jacobians are too small for several threads, which on a busy machine wait for each other.
    """
    with np.errstate(all="ignore"), catch_warnings(), one_blas_thread():
        simplefilter("ignore", NaNWarning)
        simplefilter("ignore", DisconnectedOutputWarning)
        yield


#: From cotangents of the state after the steps to those of the state before.
Pullback = Callable[[list[np.ndarray]], Any]

#: Columns of a Jacobian that are computed together: more take more memory and are no quicker.
_TOGETHER = 32
#: Up to this difference from the steps taken one by one, steps taken as a batch count as the same.
_SAME = 1e-9


def step_jacobians(cell: Cell, params: dict[str, Any], xs: np.ndarray, state: Any = None) -> list[np.ndarray]:
    """J_t = ∂s_t/∂s_{t−1} for t = 1 … T, along the run that starts in `state`.

    All steps are taken as one batch, and one forward sweep gives some columns of every J_t. A cell that takes no
    batches is differentiated step by step.

    Parameters
    ----------
    cell : Cell
        Its state must keep its shape; of one that grows, such as `AttentionCell`'s, see `measured_lags`.
    params : dict
        As the cell's `init` makes them.
    xs : (T, D)
        One sequence, no batch.
    state : state, optional
        Zeros by default.

    Returns
    -------
    list of (S, S)
        Numerator layout. s is the whole state, its parts one below the other ((h, c) for the LSTM, taken
        as independent), so that S is H for each part.
    """
    start = cell.initial_state((), xs.dtype) if state is None else state
    states = [start, *unroll(cell, params, xs, start).states]
    return _in_one_batch(cell, params, xs, states) or [
        _square(list(_parts(mg.jacobian(lambda s, x=x: list(_parts(cell.step(params, s, x))))(before))), before)
        for before, x in zip(states[:-1], xs, strict=True)
    ]


def _parts(state: Any) -> Iterator[Any]:
    """The arrays of a state, those of states inside it too."""
    if isinstance(state, tuple | list):
        for part in state:
            yield from _parts(part)
    elif state is not None:
        yield state


def _square(blocks: list[Any], state: Any) -> np.ndarray:
    """One matrix from the blocks ∂out_i/∂in_j, row after row."""
    count = len(list(_parts(state)))
    return np.block([blocks[i : i + count] for i in range(0, len(blocks), count)])


def _in_one_batch(cell: Cell, params: dict[str, Any], xs: np.ndarray, states: list[Any]) -> list[np.ndarray] | None:
    """The Jacobians of all steps from one step of a batch of T; None if the cell does not take the batch as that."""
    rows = [list(_parts(state)) for state in states]
    before = [np.stack(column) for column in zip(*rows[:-1], strict=True)]
    after = [np.stack(column) for column in zip(*rows[1:], strict=True)]
    with quiet():
        try:
            out, pullback = mg.vjp(lambda parts: list(_parts(cell.step(params, _like(states[0], parts), xs))), before)
        except (MinigradError, ValueError, TypeError, IndexError):
            return None
        if not all(
            a.shape == b.shape and np.allclose(a, b, rtol=_SAME, atol=_SAME, equal_nan=True)
            for a, b in zip(out, after, strict=True)
        ):
            return None
        return list(_by_columns(cell, params, xs, states[0], before, pullback) or _by_rows(after, before, pullback))


def _by_columns(
    cell: Cell, params: dict[str, Any], xs: np.ndarray, state: Any, before: list[np.ndarray], pullback: Pullback
) -> list[np.ndarray] | None:
    """Columns of every J_t by forward sweeps, whose tangents (n, 1, H) are the same unit vectors in all steps.

    The product of a weight with them is one product for all steps, where a reverse sweep needs one for each. None if
    a rule of the cell's operations does not take such tangents: the result is compared with a reverse sweep.
    """
    graph = mg.trace(lambda *parts: tuple(_parts(cell.step(params, _like(state, list(parts)), xs))), *before)
    outputs = list(graph.outputs.values())
    ends = np.cumsum([0, *(node.shape[-1] for node in outputs)])
    jacobians = np.zeros((len(xs), ends[-1], ends[-1]), np.result_type(*before))
    column = 0
    for node in graph.inputs.values():
        units = np.eye(node.shape[-1], dtype=node.dtype)
        for start in range(0, len(units), _TOGETHER):
            some = units[start : start + _TOGETHER, None]
            try:
                moved = forward_sweep(outputs, {node: some})
                for out, row in zip(outputs, ends, strict=False):
                    tangent = np.broadcast_to(moved.get(out, 0.0), (len(some), *out.shape))
                    jacobians[:, row : row + out.shape[-1], column : column + len(some)] = tangent.transpose(1, 2, 0)
            except (MinigradError, ValueError, TypeError, IndexError):
                return None
            column += len(some)
    seeds = [np.random.default_rng(0).standard_normal(node.shape) for node in outputs]
    swept = np.concatenate(pullback(seeds)[0], -1)
    same = np.allclose(
        np.einsum("to,toi->ti", np.concatenate(seeds, -1), jacobians), swept, rtol=_SAME, atol=_SAME, equal_nan=True
    )
    return list(jacobians) if same else None


def _by_rows(after: list[np.ndarray], before: list[np.ndarray], pullback: Pullback) -> list[np.ndarray]:
    """Rows of every J_t, each by one reverse sweep over the batch of steps."""
    size = sum(part.shape[-1] for part in after)
    jacobians = np.empty((len(after[0]), size, size), np.result_type(*before))
    seeds = [np.zeros_like(part) for part in after]
    row = 0
    for seed in seeds:
        for i in range(seed.shape[-1]):
            seed[:, i] = 1
            jacobians[:, row] = np.concatenate(pullback(seeds)[0], -1)
            seed[:, i] = 0
            row += 1
    return list(jacobians)


def _like(state: Any, parts: list[Any]) -> Any:
    """A state of the same structure with these parts."""
    left = iter(parts)

    def rebuilt(old: Any) -> Any:
        if isinstance(old, tuple):
            new = [rebuilt(part) for part in old]
            return type(old)(*new) if hasattr(old, "_fields") else tuple(new)
        return None if old is None else next(left)

    return rebuilt(state)


@dataclass(frozen=True)
class LagNorms:
    """‖∂s_T/∂s_k‖₂ over the lag T − k.

    Attributes
    ----------
    measured : (T + 1,)
        The spectral norm of J_T J_{T−1} ⋯ J_{k+1}: the Jacobian in its worst direction; 1 at lag 0.
    stepwise : (T + 1,)
        The product of the steps' own norms, which is never smaller: ‖A B‖ ≤ ‖A‖ ‖B‖. NaN for a state that
        grows with time, whose steps have no square Jacobians.
    """

    measured: np.ndarray
    stepwise: np.ndarray


def lag_norms(jacobians: list[np.ndarray], stepwise: bool = True) -> LagNorms:
    """The norms of J_T ⋯ J_{k+1} for every k from T down to 0; the steps' own norms are left out on request.

    Examples
    --------
    >>> lag_norms([np.diag([0.5, 0.1]), np.diag([0.1, 0.5])])
    LagNorms(measured=array([1.  , 0.5 , 0.05]), stepwise=array([1.  , 0.5 , 0.25]))
    """
    product = np.eye(len(jacobians[0]))
    measured, singly = [1.0], [1.0]
    with quiet():  # a product may overflow: its norm is then inf or nan
        for jacobian in reversed(jacobians):
            product = product @ jacobian
            measured.append(spectral_norm(product))
            singly.append(singly[-1] * spectral_norm(jacobian) if stepwise else np.nan)
    return LagNorms(np.array(measured), np.array(singly))


def measured_lags(cell: Cell, params: dict[str, Any], xs: np.ndarray, stepwise: bool = False) -> LagNorms:
    """‖∂s_T/∂s_k‖₂ over the lag, of any cell, along the run that starts with zeros.

    Parameters
    ----------
    cell : Cell
    params : dict
    xs : (T, ..., D)
        One sequence or a batch of them.
    stepwise : bool
        True to measure the steps' own norms too, which takes twice as long.

    Returns
    -------
    LagNorms
        Of a batch, at each lag the largest norm of any sequence. Of a state that grows with time, such as
        `AttentionCell`'s memory, s are the parts that do not grow, and what the memory carries is in ∂s_T/∂s_k.
    """
    flat = xs.reshape(len(xs), -1, xs.shape[-1])
    found = [_of_sequence(cell, params, flat[:, i], stepwise) for i in range(flat.shape[1])]
    return LagNorms(np.max([one.measured for one in found], 0), np.max([one.stepwise for one in found], 0))


def _of_sequence(cell: Cell, params: dict[str, Any], xs: np.ndarray, stepwise: bool) -> LagNorms:
    zeros = cell.initial_state((), xs.dtype)
    if len(list(_fixed(zeros, zeros))) == len(list(_parts(zeros))) and not grows(zeros):
        return lag_norms(step_jacobians(cell, params, xs), stepwise)
    norms = np.array([spectral_norm(jacobian) for jacobian in _over_time(cell, params, xs)])
    return LagNorms(norms[::-1], np.full(len(norms), np.nan))


def _over_time(cell: Cell, params: dict[str, Any], xs: np.ndarray) -> list[np.ndarray]:
    """∂s_T/∂s_k for k = 0 … T of a state with parts that grow.

    Every s_k gets a summand of zeros, with respect to which s_T is differentiated; the rows of the Jacobians
    are a batch of equal runs, so that one reverse sweep gives them all.
    """
    size = sum(part.shape[-1] for part in _fixed(*[cell.initial_state((), xs.dtype)] * 2))
    zeros = cell.initial_state((size,), xs.dtype)
    wide = np.broadcast_to(xs[:, None], (len(xs), size, xs.shape[-1]))
    summands = [[np.zeros_like(part) for part in _fixed(zeros, zeros)] for _ in range(len(xs) + 1)]

    def last(summands: Any) -> Any:
        state = _added(zeros, zeros, iter(summands[0]))
        for x, summand in zip(wide, summands[1:], strict=True):
            state = _added(cell.step(params, state, x), zeros, iter(summand))
        return mg.concatenate(list(_fixed(state, zeros)), -1)

    with quiet():
        _, pullback = mg.vjp(last, summands)
        return [np.concatenate(parts, -1) for parts in pullback(np.eye(size, dtype=xs.dtype))[0]]


def _fixed(state: Any, zeros: Any) -> Iterator[Any]:
    """The arrays of a state that keep their shape over time."""
    if not isinstance(zeros, tuple):
        if zeros is not None:
            yield state
        return
    for part, zero in zip(state, zeros, strict=True):
        if not (grows(zeros) and type(zero) is tuple):
            yield from _fixed(part, zero)


def _added(state: Any, zeros: Any, summands: Iterator[Any]) -> Any:
    """A state with a summand added to each array that keeps its shape."""
    if not isinstance(zeros, tuple):
        return state if zeros is None else state + next(summands)
    parts = [
        part if grows(zeros) and type(zero) is tuple else _added(part, zero, summands)
        for part, zero in zip(state, zeros, strict=True)
    ]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
