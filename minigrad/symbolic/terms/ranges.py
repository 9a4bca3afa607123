"""Sums and products over time, with symbolic ends."""

from .labels import Index
from .monomials import ONE, scale, split, zero
from .term import Term, make

__all__ = ["ordered_product", "sum_over"]


def sum_over(body: Term, letter: str, first: Index, last: Index) -> Term:
    """``Σ_{letter=first}^{last} body``; a plain number is taken out."""
    if body.kind == "zero":
        return zero(body.shape)
    coefficient, scalar, inner = split(body)
    inner = scale(1, scalar, inner)
    return scale(coefficient, ONE, make("sum_over", (inner,), (letter, first, last), body.shape))


def ordered_product(factor: Term, letter: str, first: Index, last: Index, *, descending: bool = True) -> Term:
    """``J_last … J_first``, as the chain rule multiplies: the latest factor on the left.

    Ascending order, the earliest on the left, exists so that a wrong claim can be stated. An empty
    range gives I.
    """
    if first.symbol == last.symbol and last.offset == first.offset - 1:
        return make("identity", shape=factor.shape)
    return make("ordered", (factor,), (letter, first, last, descending), factor.shape)
