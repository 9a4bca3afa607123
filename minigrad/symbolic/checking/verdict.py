"""Verdicts on lines."""

from dataclasses import dataclass

from ..printing.text import prose, visible
from .counterexamples import Counterexample

__all__ = ["Verdict"]


@dataclass(frozen=True, repr=False)
class Verdict:
    """The verdict on one line.

    Attributes
    ----------
    line : str
        As it was written, with escapes for what a terminal would act on.
    status : {"proved", "refuted", "undecided", "unread"}
        "unread" if the line could not be read; `reason` says why, `position` where.
    expected : str
        The engine's own formula for the line's target.
    counterexample : Counterexample or None
        Of a refuted line.
    hint : str or None
        The slip, where it is a known one.
    reason : str
        One sentence.
    follows_from : int or None
        The number, from 1, of an earlier wrong line from which this wrong one follows by right steps.
    defines : bool
        Whether the line gives a name to a formula, and so claims nothing.
    expected_latex : str
        The right side of `expected` as LaTeX.
    position : (int, int) or None
        Line and column, from 1, of what could not be read.
    target : str
        What the left side is, however it was written and at whatever step: ``d_f`` for ``∂E/∂f_t``,
        ``dh/dh_prev`` for ``dh_next/dh``, or a name.
    needs : tuple of str
        Targets that the line takes for granted although they are made of its own, or its own: ``("d_a_f",)`` for
        ``d_f = d_a_f / (f * (1 - f))``. See `answered`.
    uses : tuple of str
        Targets of the same step that it takes for granted besides: ``("d_f",)`` for ``d_a_f = d_f * f * (1 - f)``.
    held : bool
        Whether the two sides were equal in every state tried.
    """

    line: str
    status: str
    expected: str
    counterexample: Counterexample | None
    hint: str | None
    reason: str
    follows_from: int | None = None
    defines: bool = False
    expected_latex: str = ""
    position: tuple[int, int] | None = None
    target: str = ""
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    held: bool = False

    def __post_init__(self) -> None:
        for name in ("line", "expected", "hint", "reason", "target"):
            said = getattr(self, name)
            object.__setattr__(self, name, None if said is None else visible(said))

    def __repr__(self) -> str:
        return f"<{self.status}: {self.line}>"

    def __str__(self) -> str:
        parts = [f"{self.status}: {self.line}", f"  {self.reason}"]
        if self.hint:
            parts.append(f"  hint: {self.hint}")
        if self.status != "proved" and self.expected:
            parts.append(f"  the engine's own form: {self.expected}")
        if self.counterexample is not None:
            parts.append(f"  {self.counterexample}")
        return "\n".join(parts)

    def latex(self) -> str:
        """All of it as LaTeX, with the engine's own formula for the line's target; needs amsmath."""
        parts = [rf"\paragraph{{{self.status.capitalize()}}} \texttt{{{prose(self.line)}}}", prose(self.reason)]
        if self.hint:
            parts.append(f"Hint: {prose(self.hint)}.")
        if self.status != "proved" and self.expected_latex:
            parts.append(f"The engine's own form: ${self.expected_latex}$.")
        if self.counterexample is not None:
            parts.append(f"Counterexample: {prose(str(self.counterexample))}.")
        return "\n\n".join(parts) + "\n"
