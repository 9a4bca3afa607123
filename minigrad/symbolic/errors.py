"""What can go wrong with formulas and proofs."""

from ..errors import MinigradError

__all__ = ["FormulaError", "ProofError"]


class FormulaError(MinigradError, ValueError):
    """A formula that cannot be built, read or evaluated."""


class ProofError(MinigradError, AssertionError):
    """A step of a proof that does not hold."""
