"""The derivation of a cell, and the bound of its Jacobian over time that it proves."""

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

__all__ = ["Explained", "Formula", "bound_over_lags", "explain", "formula_html", "over_lags"]


def formula_html(text: str, latex: str) -> str:
    """A formula as MathML, which browsers draw by themselves; as plain text without the library that makes it."""
    if find_spec("latex2mathml") is None:
        return f"<code>{escape(text)}</code>"
    return mathml(latex, display="block")


@dataclass(frozen=True)
class Formula:
    """One line of mathematics, and the reason for it if it is a step of a proof."""

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


def explain(
    cell: Cell, readout: Readout | None, params: dict[str, Any], steps: int, inputs: float | None = None
) -> Explained:
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
    inputs : float, optional
        The largest magnitude in any input, for bounds that grow with it.
    """
    try:
        derivation = derive(cell, readout)
        sections = {
            heading: [Formula(line.text, line.latex) for line in lines]
            for heading, lines in derivation.equations().items()
        }
        text, latex = derivation.text(), derivation.latex()
    except Exception as error:  # a user's own step may fail in any way on terms
        return Explained({}, "", "", refusal=_no_bound(f"its formulas cannot be derived: {_first_line(error)}"))
    try:
        bound = derivation.bound()
        proof = bound.proof()
        over_time = over_lags(bound, params, steps, inputs)
    except FormulaError as error:
        return Explained(sections, text, latex, refusal=_no_bound(str(error)))
    if not proof.holds:
        return Explained(sections, text, latex, refusal=_no_bound("its proof does not hold"))
    sections["A bound, and its proof"] = [
        Formula(step.statement.text, step.statement.latex, step.reason) for step in proof.steps
    ]
    claim = bound.over_time()
    return Explained(
        sections,
        f"{text}\n\nA bound, and its proof\n{bound.text()}",
        f"{latex}\n\n\\paragraph{{A bound, and its proof}}\n{bound.latex()}",
        over_time,
        Formula(claim.text, claim.latex),
    )


def bound_over_lags(
    cell: Cell, params: dict[str, Any], steps: int, inputs: float | None = None
) -> tuple[np.ndarray | None, str]:
    """The bound alone, or None and why there is none; the steps of its proof are not checked again, see `explain`."""
    try:
        return over_lags(derive(cell).bound(), params, steps, inputs), ""
    except FormulaError as error:
        return None, _no_bound(str(error))
    except Exception as error:  # a user's own step may fail in any way on terms
        return None, _no_bound(f"its formulas cannot be derived: {_first_line(error)}")


def _no_bound(why: str) -> str:
    return f"No bound: {why.rstrip('.')}."


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def over_lags(bound: Bound, params: dict[str, Any], steps: int, inputs: float | None = None) -> np.ndarray:
    """The bound at the lags 0 … T: the product of the factors of the last steps."""
    with np.errstate(all="ignore"):  # a bound may grow beyond all floating-point numbers
        factors = bound.factors(params, steps=steps, start=0.0, inputs=inputs)
        return np.cumprod([1.0, *reversed(factors)])
