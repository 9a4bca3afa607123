"""Multiplying out: the normal form in which two formulas are compared.

Everything is opened and distributed until a formula is a sum of monomials: names are replaced by their
definitions, products and entrywise products run over sums, and diag(u + v) A becomes
diag(u) A + diag(v) A. The constructors of terms are normalising and shared, so two formulas that
multiply out alike are the same object. Nothing here is printed: for reading, the factored form is better.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import product as choices
from math import prod

from .errors import FormulaError
from .monomials import ONE, power, scale, times
from .products import hadamard, outer, product, total, transpose
from .rebuild import rebuild
from .sums import add, diag
from .terms import Term
from .walk import fold

__all__ = ["MAX_MONOMIALS", "TooLargeError", "expand", "same"]

#: A formula that a person writes has some tens of monomials; past this many, deciding is given up.
MAX_MONOMIALS = 4000


class TooLargeError(FormulaError):
    """A formula with too many monomials to be multiplied out."""


def same(a: Term, b: Term) -> bool:
    """Whether two formulas multiply out to the same: a proof of equality for all sizes and all values.

    False proves nothing: an identity between functions, such as σ(2x) = (1 + tanh x)/2, is not seen.

    Raises
    ------
    TooLargeError
        If there are too many monomials.
    """
    return a.shape == b.shape and expand(add([a, scale(-1, ONE, b)])).kind == "zero"


def expand(term: Term) -> Term:
    """A formula as a sum of monomials, all names replaced by what they stand for.

    Raises
    ------
    TooLargeError
        If there are more than `MAX_MONOMIALS`.
    """
    return fold(term, _expanded, inside=lambda part: part.args)


def _expanded(term: Term, *args: Term) -> Term:
    """One part, given its own parts multiplied out."""
    match term.kind:
        case "named":
            return args[0]
        case "scale":
            scalars, bodies = (_summands(args[0]) if len(args) == 2 else [ONE]), _summands(args[-1])
            return _distribute(lambda scalar, body: scale(term.data, scalar, body), [scalars, bodies])
        case "hadamard":
            return _distribute(
                hadamard, [part for base, e in zip(args, term.data, strict=True) for part in _powers(base, e)]
            )
        case "product":
            return _distribute(product, [_matrix_summands(arg) for arg in args])
        case "outer":
            return _distribute(outer, [_summands(arg) for arg in args])
        case "total":
            return _distribute(lambda part: _turned(total(part)), [_summands(args[0])])
        case _:
            return rebuild(term, args)


def _distribute(combine: Callable[..., Term], sums: Iterable[list[Term]]) -> Term:
    """Σ over every choice of one summand from each."""
    parts = list(sums)
    if prod(map(len, parts)) > MAX_MONOMIALS:
        raise TooLargeError(
            f"multiplied out, this formula has more than {MAX_MONOMIALS} terms; check it in smaller parts"
        )
    return add([combine(*choice) for choice in choices(*parts)])


def _summands(term: Term) -> list[Term]:
    return list(term.args) if term.kind == "add" else [term]


def _powers(base: Term, exponent: Fraction) -> list[list[Term]]:
    """Factors of a power: (u + v)² is two factors; other powers of a sum are kept together."""
    if base.kind == "add" and exponent.denominator == 1 and exponent > 0:
        return [_summands(base)] * int(exponent)
    return [[power(base, exponent)]]


def _matrix_summands(factor: Term) -> list[Term]:
    """Summands of a factor of a matrix product, diagonal matrices of sums taken apart."""
    parts = []
    for part in _summands(factor):
        split_up = part.kind == "diag" and part.args[0].kind == "add"
        parts += [diag(vector) for vector in part.args[0].args] if split_up else [part]
    return parts


def _turned(scalar: Term) -> Term:
    """Of uᵀ (A v) and vᵀ (Aᵀ u), which are equal, always the same one."""
    if scalar.kind != "total" or scalar.args[0].kind != "hadamard":
        return scalar
    bases = list(zip(scalar.args[0].args, scalar.args[0].data, strict=True))
    candidates = [scalar]
    for i, (base, exponent) in enumerate(bases):
        if base.kind == "product" and exponent == 1:
            rest = [power(other, e) for j, (other, e) in enumerate(bases) if j != i]
            *matrices, vector = base.args
            turned = product(*(transpose(one) for one in reversed(matrices)), times(rest))
            candidates.append(total(hadamard(vector, turned)))
    return min(candidates, key=lambda one: one.order)
