"""The canonical form: everything multiplied out, like terms collected, so that equal formulas are one object.

The constructors keep formulas as they were written, o ⊙ (1 − s²), which reads well but leaves several ways
to write one thing. Here sums are distributed over every operation that is linear, diagonal matrices are
split, and a scalar like uᵀ A v, which can be read from either end, is written in one way. Named values
are symbols to it.
"""

from collections.abc import Callable, Iterable
from itertools import product as choices
from typing import Any

from .monomials import ONE, Rational, factors_of, power, scale, split, summands, times
from .products import hadamard, product, total, transpose
from .rebuild import rebuild
from .sums import collect, plain_sum
from .term import Term, make
from .walk import fold

__all__ = ["equal", "multiplied_out", "normal_form"]

#: So many ways of writing a scalar are compared: a product of n matrices has n + 1.
_ROOTS = 100

#: Operations that distribute over a sum in each of their parts.
_LINEAR = ("transpose", "diag", "outer", "total", "entry", "row", "slice", "product", "sum_over", "scale", "cell")


def normal_form(term: Term) -> Term:
    """The same value, written in the canonical way.

    Two formulas that agree by the laws of sums, products, transposes, diagonal and outer matrices have
    the same normal form. That two normal forms differ does not show that the formulas do: functions of
    different arguments may be related, as tanh and σ are; see `relations`.

    Parameters
    ----------
    term : Term
        Any formula.

    Returns
    -------
    Term
        Of the same shape.

    Examples
    --------
    >>> import minigrad as mg
    >>> h = mg.symbol("h", ("n",)).value
    >>> print(normal_form((1 - h) * (1 + h)))
    1 − h²
    """
    found: Term = fold(term, multiplied_out)
    return found


def multiplied_out(part: Term, *parts: Term) -> Term:
    """A part in normal form, given its own parts in normal form."""
    return _joined(_monomials(part, *parts), part.shape)


def equal(a: Term, b: Term) -> bool:
    """Whether two formulas have the same normal form.

    Parameters
    ----------
    a, b : Term
        Two formulas.

    Returns
    -------
    bool
        True is a proof; False is not, see `normal_form`.
    """
    return a.shape == b.shape and normal_form(a) is normal_form(b)


def _joined(monomials: Iterable[Term], shape: tuple[Any, ...]) -> Term:
    return plain_sum(collect(monomials), shape)


def _monomials(term: Term, *parts: Term) -> list[Term]:
    """A part as a list of terms without sums, given its own parts in normal form."""
    if term.kind == "add":
        return [one for part in parts for one in summands(part)]
    if term.kind == "hadamard":
        return _of_hadamard(term.data, parts)
    if term.kind in _LINEAR:
        finish: Callable[[Term], Term] = _rooted if term.kind == "total" else _unchanged
        return [one for chosen in choices(*map(summands, parts)) for one in summands(finish(rebuild(term, chosen)))]
    return list(summands(rebuild(term, parts)))


def _unchanged(term: Term) -> Term:
    return term


def _of_hadamard(exponents: tuple[Rational, ...], bases: tuple[Term, ...]) -> list[Term]:
    """Whole positive powers of sums are multiplied out."""
    factors: list[tuple[Term, ...]] = []
    for base, exponent in zip(bases, exponents, strict=True):
        if exponent.denominator == 1 and exponent > 0:
            factors += [summands(base)] * int(exponent)
        else:
            factors.append((power(base, exponent),))
    return [one for chosen in choices(*factors) for one in summands(hadamard(*chosen))]


def _rooted(term: Term) -> Term:
    """A scalar 1ᵀ (u ⊙ A v) = 1ᵀ (v ⊙ Aᵀ u), written from the end that sorts first."""
    coefficient, _, body = split(term)
    factors = body.args if body.kind == "hadamard" and not body.shape else (body,)
    exponents = body.data if body.kind == "hadamard" and not body.shape else (1,)
    rooted = [
        power(_best_root(one), e) if one.kind == "total" else power(one, e)
        for one, e in zip(factors, exponents, strict=True)
    ]
    return scale(coefficient, ONE, times(rooted))


def _best_root(scalar: Term) -> Term:
    seen = {scalar}
    queue = [scalar]
    while queue and len(seen) < _ROOTS:
        for other in _other_roots(queue.pop().args[0]):
            if other.kind == "total" and other not in seen:
                seen.add(other)
                queue.append(other)
    return min(seen, key=lambda one: one.order)


def _other_roots(body: Term) -> list[Term]:
    """Move one matrix of a product to the other side of the scalar product."""
    factors = factors_of(body)
    roots = []
    for i, (base, exponent) in enumerate(factors):
        if base.kind == "product" and exponent == 1:
            rest = [power(one, e) for j, (one, e) in enumerate(factors) if j != i]
            others = times(rest) if rest else make("ones", shape=body.shape)
            moved = product(transpose(base.args[0]), others)
            roots.append(total(hadamard(product(*base.args[1:]), moved)))
    return roots
