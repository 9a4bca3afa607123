"""Claims: a statement of textbooks, its verdict, and the proof or counterexample for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.symbolic import ProofError, check_derivation
from minigrad.symbolic.deriving.proof import Proof, ProofStep, Statement, stands
from minigrad.symbolic.printing.text import prose

from ..unroll import unroll

__all__ = ["REALS", "Claim", "Counterexample", "Step", "constant_params", "line", "reached", "state_jacobian", "step"]


#: The axioms of steps that SymPy does.
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


Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Counterexample:
    """A net, or a number, for which a claim fails; computed anew whenever it is run.

    Attributes
    ----------
    statement : Statement
        The net or number in words.
    compute : callable
        ``() -> {name: number}``, by the cells themselves.
    shows : callable
        True if these numbers contradict the claim.
    """

    statement: Statement
    compute: Callable[[], Numbers]
    shows: Callable[[Numbers], bool]

    def run(self) -> Numbers:
        """Compute it, and return its numbers.

        Returns
        -------
        dict of str to float
            Its numbers by name.

        Raises
        ------
        ProofError
            If they do not contradict the claim.
        """
        numbers = self.compute()
        if not self.shows(numbers):
            raise ProofError(f"this is no counterexample: {self.statement.text} gives {_listed(numbers)}")
        return numbers

    def text(self) -> str:
        """The statement with its numbers, computed now."""
        return f"{self.statement.text}: {_listed(self.run())}"

    def latex(self) -> str:
        """As `text`, for a document in LaTeX."""
        return f"${self.statement.latex}$: {prose(_listed(self.run()))}"


def _listed(numbers: Numbers) -> str:
    return ", ".join(f"{name} = {value:.6g}" for name, value in numbers.items())


@dataclass(frozen=True)
class Claim:
    """One claim of the textbooks about recurrent nets.

    Attributes
    ----------
    name : str
        A short identifier.
    statement : Statement
        The claim, as text and as LaTeX.
    verdict : {"proved", "refuted", "qualified"}
        Qualified: true under the conditions that the reason names, and not without them.
    reason : str
        Two or three sentences.
    proof : Proof
        The steps behind the verdict, which `run` does again. Of a refuted claim, its refutation.
    counterexample : Counterexample or None
        Of a refuted claim; of a qualified one, a case in which the conditions do not hold.
    """

    name: str
    statement: Statement
    verdict: str
    reason: str
    proof: Proof
    counterexample: Counterexample | None = None

    def run(self) -> "Claim":
        """Do every step of the proof again and recompute the counterexample; returns itself.

        Returns
        -------
        Claim
            Itself.

        Raises
        ------
        ProofError
            Naming what does not hold.
        """
        self.proof.run()
        if self.counterexample is not None:
            self.counterexample.run()
        return self

    @property
    def holds(self) -> bool:
        """True if the verdict stands, tried now."""
        return stands(self.run)

    def text(self) -> str:
        """All of it as text, with its counterexample computed now."""
        lines = [f"{self.verdict.upper()}  {self.statement.text}", f"  {self.reason}"]
        lines += [f"  {line}" for line in self.proof.text().splitlines()]
        if self.counterexample is not None:
            lines.append(f"  Counterexample: {self.counterexample.text()}")
        return "\n".join(lines)

    def latex(self) -> str:
        """All of it as LaTeX; needs amsmath."""
        heading = rf"\paragraph{{{self.name.replace('_', ' ').capitalize()} ({self.verdict})}}"
        parts = [f"{heading} ${self.statement.latex}$", f"{prose(self.reason)}\n{self.proof.latex()}"]
        if self.counterexample is not None:
            parts.append(f"Counterexample: {self.counterexample.latex()}.")
        return "\n\n".join(parts)

    def _repr_latex_(self) -> str:
        return f"$\\text{{{self.verdict}: }}\\; {self.statement.latex}$"

    def __str__(self) -> str:
        return f"{self.verdict}: {self.statement.text}"
