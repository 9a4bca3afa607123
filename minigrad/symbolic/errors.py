"""Errors of formulas and proofs."""

from ..errors import MinigradError

__all__ = ["FormulaError", "NoBoundError", "ProofError"]


class FormulaError(MinigradError, ValueError):
    """A formula that cannot be built, read or evaluated.

    Attributes
    ----------
    message : str
        What was wrong, without its place.
    line, column : int or None
        Where it was, counted from 1, if it was in a text.
    """

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line: int | None = None
        self.column = column

    def at(self, *, line: int | None = None, column: int | None = None) -> "FormulaError":
        """The same error with its place, as far as that was not known; returns itself."""
        self.line = line if self.line is None else self.line
        self.column = column if self.column is None else self.column
        return self

    def __str__(self) -> str:
        places = [f"{name} {n}" for name, n in (("line", self.line), ("column", self.column)) if n is not None]
        return f"{', '.join(places)}: {self.message}" if places else self.message


class NoBoundError(FormulaError):
    """A norm for which no bound in the parameters is proved; the message is the reason, to stand after "no bound: "."""


class ProofError(MinigradError, AssertionError):
    """A step of a proof that does not hold."""
