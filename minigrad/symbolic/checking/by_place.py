"""Formulas over a memory of n vectors, written place by place: M α becomes Σ_s α_s m_s.

Only for deciding whether two formulas are equal. A vector of a known length n is Σ_s x_s e_s, and a matrix with n
rows Σ_s e_s m_sᵀ; the laws of products then leave entries and unit vectors, in which every formula is written one way.
"""

from collections.abc import Iterable

from ..terms.monomials import scale
from ..terms.pieces import entry
from ..terms.products import basis, outer, row, transpose
from ..terms.rebuild import rebuild
from ..terms.sums import add
from ..terms.term import Term
from ..terms.walk import fold

__all__ = ["place_by_place"]

#: What is a sum over places already, or nothing but what it is made of.
_KEPT = ("add", "scale", "basis", "zero")

#: Matrices whose rows are known from what they are made of.
_BY_ROWS = ("diag", "function", "hadamard", "identity", "ones", "stack")


def place_by_place(term: Term, count: int) -> Term:
    """The same value with every vector of `count` entries, and every matrix made of such, as a sum over places.

    Parameters
    ----------
    term : Term
        Without named values.
    count : int
        How many places there are.

    Returns
    -------
    Term
        Not in normal form.
    """

    def rule(part: Term, *args: Term) -> Term:
        whole = rebuild(part, args)
        if whole.shape == (count,) and whole.kind not in _KEPT:
            return _summed(scale(1, entry(whole, s), basis(s, count)) for s in range(count))
        if whole.kind not in _BY_ROWS or len(whole.shape) != 2:
            return whole
        if whole.shape[0] == count:
            return _summed(outer(basis(s, count), row(whole, s)) for s in range(count))
        if whole.shape[1] == count:
            return _summed(outer(row(transpose(whole), s), basis(s, count)) for s in range(count))
        return whole

    found: Term = fold(term, rule)
    return found


def _summed(parts: Iterable[Term]) -> Term:
    return add(list(parts))
