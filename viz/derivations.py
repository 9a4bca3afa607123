"""What the formulas say about a cell: its derivation, and the bound that it proves."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cells import Cell

__all__ = ["Explained", "explain"]


@dataclass(frozen=True)
class Explained:
    """The derivation of a cell as text and LaTeX, and its proved bound for some parameters.

    Attributes
    ----------
    text, latex : str
    bound : (T + 1,) or None
        At least ‖∂s_T/∂s_k‖₂ at every lag T − k; None if none is proved for this cell.
    bound_words : str
        What the bound is.
    """

    text: str
    latex: str
    bound: np.ndarray | None = None
    bound_words: str = ""


def explain(cell: Cell, params: dict[str, Any], steps: int) -> Explained:
    """Derive a cell's step Jacobian, and evaluate what is proved about products of it."""
    return Explained("", "")
