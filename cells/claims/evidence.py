"""What the claims are checked with: steps of proofs, lines of derivations, and Jacobians of real nets."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.symbolic import check_derivation
from minigrad.symbolic.deriving.proof import ProofStep, Statement

from ..unroll import unroll

__all__ = ["REALS", "Step", "constant_params", "line", "reached", "state_jacobian", "step"]

#: What steps that SymPy does take for granted.
REALS = ("the real numbers", "SymPy's calculus of elementary functions")

Step = ProofStep


def step(text: str, latex: str, reason: str, check: Callable[[], bool]) -> Step:
    """A step of a proof."""
    return ProofStep(Statement(text, latex), reason, check)


def line(cell: Any, text: str, latex: str, status: str = "proved") -> Step:
    """A line of a derivation that `check_derivation` must find proved, or refuted with a real counterexample."""

    def check() -> bool:
        (verdict,) = check_derivation(cell, text)
        return verdict.status == status and (verdict.counterexample is not None) == (status == "refuted")

    said = text if status == "proved" else text.replace(" = ", " ≠ ")
    return step(said, latex, f"check_derivation: {status}", check)


def constant_params(cell: Any, **given: Any) -> dict[str, Any]:
    """Parameters that are all 0 but for those given."""
    zeros = {name: np.zeros_like(value) for name, value in cell.init(np.random.default_rng(0)).items()}
    unknown = set(given) - set(zeros)
    assert not unknown, f"{cell} has no parameters {unknown}"
    return zeros | {name: np.broadcast_to(np.asarray(v, float), zeros[name].shape) for name, v in given.items()}


def reached(cell: Any, params: Any, start: Any, steps: int) -> Any:
    """The state after some steps without input."""
    return unroll(cell, params, np.zeros((steps, cell.input_size)), start).final


def state_jacobian(cell: Any, params: Any, start: Any, steps: int) -> np.ndarray:
    """∂(state after `steps` steps)/∂(state before them) of a run without input, all parts side by side."""
    sizes = [len(part) for part in start]
    ends = np.cumsum([0, *sizes])

    def run(vector: Any) -> Any:
        parts = [vector[int(a) : int(b)] for a, b in pairwise(ends)]
        return mg.concatenate(list(reached(cell, params, type(start)(*parts), steps)), -1)

    return np.asarray(mg.jacobian(run)(np.concatenate(list(start))))
