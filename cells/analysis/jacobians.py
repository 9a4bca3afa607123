"""How much of a change at step k is left at step T: the norms of products of step Jacobians, measured."""

from dataclasses import dataclass
from typing import Any

import numpy as np

import minigrad as mg

from ..cell import Cell
from ..unroll import unroll
from .norms import spectral_norm

__all__ = ["LagNorms", "lag_norms", "step_jacobians"]


def step_jacobians(cell: Cell, params: dict[str, Any], xs: np.ndarray, state: Any = None) -> list[np.ndarray]:
    """J_t = ∂s_t/∂s_{t−1} for t = 1 … T, along the run that starts in `state`.

    Parameters
    ----------
    cell : Cell
    params : dict
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
    return [
        _square(mg.jacobian(lambda s, x=x: cell.step(params, s, x))(before))
        for before, x in zip(states[:-1], xs, strict=True)
    ]


def _square(blocks: Any) -> np.ndarray:
    """One matrix from a state of states."""
    return np.block([list(row) for row in blocks])


@dataclass(frozen=True)
class LagNorms:
    """‖∂s_T/∂s_k‖₂ over the lag T − k.

    Attributes
    ----------
    measured : (T + 1,)
        The spectral norm of J_T J_{T−1} ⋯ J_{k+1}; 1 at lag 0.
    stepwise : (T + 1,)
        The product of the steps' own norms, which is never smaller: ‖A B‖ ≤ ‖A‖ ‖B‖.
    """

    measured: np.ndarray
    stepwise: np.ndarray


def lag_norms(jacobians: list[np.ndarray]) -> LagNorms:
    """The norms of J_T ⋯ J_{k+1} for every k from T down to 0.

    Examples
    --------
    >>> lag_norms([np.diag([0.5, 0.1]), np.diag([0.1, 0.5])])
    LagNorms(measured=array([1.  , 0.5 , 0.05]), stepwise=array([1.  , 0.5 , 0.25]))
    """
    product = np.eye(len(jacobians[0]))
    measured, stepwise = [1.0], [1.0]
    for jacobian in reversed(jacobians):
        product = product @ jacobian
        measured.append(spectral_norm(product))
        stepwise.append(stepwise[-1] * spectral_norm(jacobian))
    return LagNorms(np.array(measured), np.array(stepwise))
