"""What is asked of a difference before it is multiplied out: is it 0 on numbers, and would it end?"""

from fractions import Fraction

import numpy as np

from ..errors import FormulaError
from ..terms.evaluate import evaluate
from ..terms.rebuild import rebuild
from ..terms.term import Term
from ..terms.walk import fold, subterms

__all__ = ["MAX_MONOMIALS", "TooLargeError", "check_terms", "differs_somewhere"]

#: A formula that a person writes has some tens of monomials; past this many, deciding is given up.
MAX_MONOMIALS = 5000

#: Lengths for trying formulas on numbers.
_LENGTHS = {"H": 2, "D": 3, "K": 4, "Q": 2, "M": 3, "A": 4}


#: What symbols are drawn from, so that sums of products stay of order 1; a difference of rounding is far below the
#: other number. One that is taken for 0 wrongly costs time, for the normal forms then decide.
_LARGEST, _NOT_ROUNDING = 0.75, 1e-8


class TooLargeError(FormulaError):
    """A formula with too many monomials to be multiplied out."""


def differs_somewhere(difference: Term) -> bool:
    """Whether a formula is not 0 where all its symbols have random values: then its normal form is not 0 either.

    Far quicker than the normal form, and nearly always enough where two formulas differ. A sum over time is
    compared summand by summand, as the normal form does.
    """
    summand = fold(difference, lambda part, *parts: parts[0] if part.kind == "sum_over" else rebuild(part, parts))
    rng = np.random.default_rng(0)
    values = {}
    for part in subterms([summand]):
        if part.kind in ("symbol", "named"):
            shape = tuple(size if isinstance(size, int) else _LENGTHS[str(size)] for size in part.shape)
            values[part] = rng.uniform(-_LARGEST, _LARGEST, shape)
    with np.errstate(all="ignore"):
        found = evaluate(summand, values, sizes=_LENGTHS)
    return bool(np.isfinite(found).all() and np.max(np.abs(found), initial=0.0) > _NOT_ROUNDING)


def check_terms(term: Term) -> None:
    """Refuse to multiply out what would not end."""
    for part in subterms([term]):
        if part is term or part.kind in ("function", "softmax"):
            monomials = fold(part if part is term else part.args[0], _count)
            if monomials > MAX_MONOMIALS:
                raise TooLargeError(f"multiplied out, this has more than {MAX_MONOMIALS} terms; check smaller parts")


def _count(part: Term, *counts: int) -> int:
    """At most how many monomials a part has when it is multiplied out; past the limit, any larger number."""
    if part.kind == "add":
        return min(sum(counts), MAX_MONOMIALS + 1)
    if part.kind in ("function", "softmax"):
        return 1
    exponents = part.data if part.kind == "hadamard" else (Fraction(1),) * len(counts)
    found = 1
    for count, exponent in zip(counts, exponents, strict=True):
        times = int(exponent) if exponent > 0 and exponent.denominator == 1 and count > 1 else 0
        found *= count ** min(times, MAX_MONOMIALS.bit_length())
    return min(found, MAX_MONOMIALS + 1)
