"""What the formulas say about a cell: its derivation, and the bound that it proves."""

from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from typing import Any

import numpy as np

from minigrad.symbolic import FormulaError, derive
from minigrad.symbolic.deriving.bounds import Bound
from minigrad.symbolic.printing.latex import mathml

from ..cell import Cell
from ..readout import Readout

__all__ = ["Explained", "Formula", "explain", "formula_html", "over_lags"]


def formula_html(text: str, latex: str) -> str:
    """A formula as MathML, which browsers draw by themselves; as plain text without the library that makes it."""
    if find_spec("latex2mathml") is None:
        return f"<code>{escape(text)}</code>"
    return mathml(latex, display="block")


@dataclass(frozen=True)
class Formula:
    """One line of mathematics, and what it rests on if it is a step of a proof."""

    text: str
    latex: str
    reason: str = ""

    def _repr_html_(self) -> str:
        shown = formula_html(self.text, self.latex)
        return f"{shown} {escape(self.reason)}" if self.reason else shown


@dataclass(frozen=True)
class Explained:
    """The derivation of a cell and its proved bound for some parameters.

    Attributes
    ----------
    sections : dict
        The equations under their headings, then the bound with its proof.
    text, latex : str
        All of it.
    bound : (T + 1,) or None
        At least ‖∂s_T/∂s_k‖₂ at every lag T − k; None if none is proved for this cell.
    statement : Formula or None
        What the bound is.
    refusal : str
        Why there is none.
    """

    sections: dict[str, list[Formula]]
    text: str
    latex: str
    bound: np.ndarray | None = None
    statement: Formula | None = None
    refusal: str = ""

    def _repr_html_(self) -> str:
        """For a notebook: every heading with its formulas."""
        shown = [
            f"<h4>{escape(heading)}</h4>{''.join(f'<div>{line._repr_html_()}</div>' for line in lines)}"
            for heading, lines in self.sections.items()
        ]
        return "".join([*shown, f"<p>{escape(self.refusal)}</p>" if self.refusal else ""])


def explain(cell: Cell, readout: Readout | None, params: dict[str, Any], steps: int) -> Explained:
    """Derive a cell's gradients, prove a bound of its Jacobian over time, and evaluate it.

    Parameters
    ----------
    cell : Cell
    readout : Readout or None
        None: what is derived ends at the hidden state.
    params : dict
        Of the cell. The run is taken to start with zeros.
    steps : int
        T
    """
    derivation = derive(cell, readout)
    sections = {
        heading: [Formula(line.text, line.latex) for line in lines] for heading, lines in derivation.equations().items()
    }
    text, latex = derivation.text(), derivation.latex()
    try:
        bound = derivation.bound()
        proof = bound.proof()
    except FormulaError as error:
        return Explained(sections, text, latex, refusal=f"No bound is proved for this cell: {error}.")
    if not proof.holds:
        return Explained(sections, text, latex, refusal="The proof of the bound does not hold.")
    sections["A bound, and its proof"] = [
        Formula(step.statement.text, step.statement.latex, step.reason) for step in proof.steps
    ]
    claim = bound.over_time()
    return Explained(
        sections,
        f"{text}\n\nA bound, and its proof\n{bound.text()}",
        f"{latex}\n\n\\paragraph{{A bound, and its proof}}\n{bound.latex()}",
        over_lags(bound, params, steps),
        Formula(claim.text, claim.latex),
    )


def over_lags(bound: Bound, params: dict[str, Any], steps: int) -> np.ndarray:
    """The bound at the lags 0 … T: the product of the factors of the last steps."""
    factors = bound.factors(params, steps=steps, start=0.0)
    with np.errstate(over="ignore"):  # a bound may grow beyond all floating-point numbers
        return np.cumprod([1.0, *reversed(factors)])
