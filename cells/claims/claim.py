"""Claim: a sentence of the textbooks, what became of it, and what that rests on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from minigrad.symbolic import ProofError
from minigrad.symbolic.deriving.proof import Proof, Statement, stands
from minigrad.symbolic.notation.prose import prose

__all__ = ["Claim", "Counterexample"]

Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Counterexample:
    """A net, or a number, for which a claim fails; computed anew whenever it is run.

    Attributes
    ----------
    statement : Statement
        What it is.
    compute : callable
        ``() -> {name: number}``, by the cells themselves.
    shows : callable
        Whether these numbers contradict the claim.
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
        What the verdict rests on: steps that are done again by `run`. Of a refuted claim, its refutation.
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
        """Whether the verdict stands, tried now."""
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
