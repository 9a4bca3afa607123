"""Proofs as objects: what is claimed, from what, and steps that can be run again and can fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import ProofError
from ..printing.text import prose

__all__ = ["Proof", "ProofStep", "Statement", "aligned", "stands"]


@dataclass(frozen=True)
class Statement:
    """One line of mathematics, as text and as LaTeX."""

    text: str
    latex: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class ProofStep:
    """One step of a proof.

    Attributes
    ----------
    statement : Statement
    reason : str
        Which axiom, rule or computation it rests on.
    check : callable
        Does the computation again; False means that the step does not hold.
    """

    statement: Statement
    reason: str
    check: Callable[[], bool]

    def run(self) -> None:
        """Do the step.

        Raises
        ------
        ProofError
            If it does not hold.
        """
        if not self.check():
            raise ProofError(f"this step of the proof does not hold: {self.statement.text} ({self.reason})")


@dataclass(frozen=True)
class Proof:
    """A claim with all that it rests on.

    Attributes
    ----------
    claim : Statement
    axioms : tuple of str
        What is taken for granted of mathematics.
    assumptions : tuple of str
        What is taken for granted of the case at hand.
    steps : tuple of ProofStep
    """

    claim: Statement
    axioms: tuple[str, ...]
    assumptions: tuple[str, ...]
    steps: tuple[ProofStep, ...]

    def run(self) -> "Proof":
        """Do every step again; returns itself.

        Raises
        ------
        ProofError
            Naming the first step that does not hold.
        """
        for step in self.steps:
            step.run()
        return self

    @property
    def holds(self) -> bool:
        """True if every step holds, tried now."""
        return stands(self.run)

    def text(self) -> str:
        """The proof as lines of text."""
        lines = [f"Claim: {self.claim.text}"]
        lines += [f"Axiom: {axiom}" for axiom in self.axioms]
        lines += [f"Assumed: {assumption}" for assumption in self.assumptions]
        lines += [f"{i}. {step.statement.text}    [{step.reason}]" for i, step in enumerate(self.steps, start=1)]
        return "\n".join(lines)

    def latex(self) -> str:
        """The proof as an `align*` environment with the reasons beside the steps."""
        rows = [_row(self.claim.latex, "claim")]
        rows += [_row(step.statement.latex, step.reason) for step in self.steps]
        return aligned(rows)

    def _repr_latex_(self) -> str:
        return self.latex()


def stands(run: Callable[[], object]) -> bool:
    """True if a proof, or what rests on one, runs to its end now."""
    try:
        run()
    except ProofError:
        return False
    return True


def _row(formula: str, remark: str) -> str:
    return rf"& {formula} && \text{{({prose(remark)})}}"


def aligned(rows: Sequence[str]) -> str:
    """Rows one below the other."""
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"
