"""What the formulas say about a cell: its derivation, and the bound that it proves."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cells import Cell, Readout
from minigrad.symbolic import FormulaError, derive
from minigrad.symbolic.bounds import Bound

__all__ = ["Explained", "explain"]


@dataclass(frozen=True)
class Explained:
    """The derivation of a cell as text and LaTeX, and its proved bound for some parameters.

    Attributes
    ----------
    text, latex : str
        The equations, then the bound with its proof.
    bound : (T + 1,) or None
        At least ‖∂s_T/∂s_k‖₂ at every lag T − k; None if none is proved for this cell.
    statement : str
        What the bound is, or why there is none.
    """

    text: str
    latex: str
    bound: np.ndarray | None
    statement: str


def explain(cell: Cell, readout: Readout, params: dict[str, Any], steps: int) -> Explained:
    """Derive a cell's gradients, prove a bound of its Jacobian over time, and evaluate it.

    Parameters
    ----------
    cell : Cell
    readout : Readout
    params : dict
        Of the cell. The run is taken to start with zeros.
    steps : int
        T
    """
    derivation = derive(cell, readout)
    try:
        bound = derivation.bound()
        proof = bound.proof()
    except FormulaError as error:
        return Explained(derivation.text(), derivation.latex(), None, f"No bound is proved for this cell: {error}.")
    if not proof.holds:
        return Explained(derivation.text(), derivation.latex(), None, "The proof of the bound does not hold.")
    text = f"{derivation.text()}\n\nA bound, and its proof\n{bound.text()}"
    latex = f"{derivation.latex()}\n\n\\paragraph{{A bound, and its proof}}\n{bound.latex()}"
    return Explained(text, latex, over_lags(bound, params, steps), bound.over_time().text)


def over_lags(bound: Bound, params: dict[str, Any], steps: int) -> np.ndarray:
    """The bound at the lags 0 … T: the product of the factors of the last steps."""
    factors = bound.factors(params, steps=steps, start=0.0)
    return np.cumprod([1.0, *reversed(factors)])
