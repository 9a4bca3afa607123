"""Numbers, scalar multiples and entrywise products: what every other constructor normalises with.

A monomial is ``fraction · scalar · body``. Fractions and scalars are always pulled to the front, so that
like terms can be collected.
"""

from collections.abc import Iterable
from fractions import Fraction
from math import isqrt
from typing import Any

from ..errors import FormulaError
from .term import Term, make

__all__ = [
    "ONE",
    "Rational",
    "add",
    "collect",
    "diag",
    "factors_of",
    "fraction",
    "magnitude",
    "minus",
    "number",
    "ones",
    "plain_sum",
    "power",
    "scale",
    "split",
    "summand_order",
    "summands",
    "times",
    "whole",
    "zero",
]


#: Numbers in terms: exact.
Rational = int | Fraction


def ones(shape: tuple[Any, ...] = ()) -> Term:
    """All entries 1."""
    return make("ones", shape=tuple(shape))


def zero(shape: tuple[Any, ...] = ()) -> Term:
    """All entries 0."""
    return make("zero", shape=tuple(shape))


ONE = ones()


def whole(value: Rational) -> Rational:
    """A fraction without a denominator as an int: numbers in terms have one way of being written."""
    return value.numerator if value.denominator == 1 else value


def magnitude(value: Rational) -> Rational:
    """|value|."""
    return -value if value < 0 else value


def fraction(value: Any) -> Rational:
    """A number as an exact fraction; a float becomes the simplest fraction that rounds to it.

    Raises
    ------
    FormulaError
        If it is not a finite real number.
    """
    if type(value) is int:
        return value
    try:
        exact = Fraction(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormulaError(f"a number in a formula must be real and finite, got {value!r}") from error
    if isinstance(value, float):
        simple = exact.limit_denominator(10**6)
        return whole(simple if float(simple) == value else exact)
    return whole(exact)


def number(value: Any) -> Term:
    """A scalar constant."""
    return scale(fraction(value), ONE, ONE)


def split(term: Term) -> tuple[Rational, Term, Term]:
    """``fraction, scalar, body`` of a monomial; a scalar is all body."""
    if term.kind == "scale":
        return term.data, term.args[0] if len(term.args) == 2 else ONE, term.args[-1]
    return 1, ONE, term


def summands(term: Term) -> tuple[Term, ...]:
    """The terms of a sum; of anything else itself alone."""
    return term.args if term.kind == "add" else (term,)


def factors_of(body: Term) -> list[tuple[Term, Rational]]:
    """The bases of an entrywise product with their exponents; of anything else itself, once."""
    return list(zip(body.args, body.data, strict=True)) if body.kind == "hadamard" else [(body, 1)]


def scale(coefficient: Rational, scalar: Term, body: Term) -> Term:
    """``fraction · scalar · body``; a plain number is multiplied into a sum."""
    if scalar is ONE and coefficient == 1:
        return body
    own, own_scalar, inner = split(body)
    if body.shape:
        factor, _, scalar = split(times([scalar, own_scalar]))
    else:
        factor, _, inner = split(times([scalar, inner]))
        scalar = ONE
    coefficient = whole(coefficient * own * factor)
    if coefficient == 0 or scalar.kind == "zero" or inner.kind == "zero":
        return zero(body.shape)
    if scalar is not ONE:
        return make("scale", (scalar, inner), coefficient, body.shape)
    if coefficient == 1:
        return inner
    if inner.kind == "add":
        return _rescale_sum(coefficient, inner)
    return make("scale", (inner,), coefficient, body.shape)


def _rescale_sum(coefficient: Rational, total: Term) -> Term:
    parts = [scale(coefficient, ONE, part) for part in total.args]
    return make("add", tuple(sorted(parts, key=summand_order)), None, total.shape)


def summand_order(term: Term) -> tuple[Any, ...]:
    """Positive terms first: 1 − h², ŷ − y."""
    coefficient, scalar, body = split(term)
    return (coefficient < 0, body.order, scalar.order, coefficient)


def times(factors: Iterable[Term], exponents: Iterable[Rational] | None = None) -> Term:
    """∏ factorᵉ elementwise, for factors of one shape; on scalars, their product."""
    factors = list(factors)
    shape = factors[0].shape
    coefficient: Rational = 1
    scalars: list[Term] = []
    powers: dict[Term, Rational] = {}
    for factor, exponent in zip(factors, exponents or [1] * len(factors), strict=True):
        own, scalar, body = split(factor)
        if body.kind == "zero":
            if exponent <= 0:
                raise FormulaError(f"a formula divides by zero: 0 to the power {exponent}")
            return zero(shape)
        if exponent.denominator != 1:
            powers[factor] = powers.get(factor, 0) + exponent
            continue
        if own != 1:
            coefficient *= Fraction(own) ** int(exponent)
        if scalar is not ONE:
            scalars.append(power(scalar, exponent))
        for base, own_exponent in factors_of(body):
            powers[base] = powers.get(base, 0) + own_exponent * exponent
    body = _entrywise(powers, shape)
    if scalars:
        return scale(coefficient, times(scalars), body)
    return body if coefficient == 1 else scale(coefficient, ONE, body)


def _entrywise(powers: dict[Term, Rational], shape: tuple[Any, ...]) -> Term:
    """The normal entrywise product: sorted, without exponents 0. An indicator is its own square, as e_i is."""
    kept = []
    for base, exponent in powers.items():
        if exponent and base.kind != "ones":
            indicator = base.kind == "basis" or (base.kind == "function" and base.data == "positive")
            kept.append((base, 1 if indicator and exponent > 0 else whole(exponent)))
    if not kept:
        return ones(shape)
    if len(kept) == 1 and kept[0][1] == 1:
        return kept[0][0]
    kept.sort(key=lambda pair: pair[0].order)
    return make("hadamard", tuple(base for base, _ in kept), tuple(exponent for _, exponent in kept), shape)


def power(base: Term, exponent: Any) -> Term:
    """``baseᵉ`` elementwise; 1/x is x⁻¹ and √x is x^(1/2)."""
    exponent = fraction(exponent)
    if exponent == 1:
        return base
    if exponent == 0:
        return ones(base.shape)
    root = _whole_root(base) if exponent.denominator == 2 else None
    return times([base], [exponent]) if root is None else number(Fraction(root) ** int(2 * exponent))


def _whole_root(base: Term) -> int | None:
    """√base of a square number."""
    if base.kind != "scale" or base.args[-1] is not ONE or base.data < 0 or base.data.denominator != 1:
        return None
    root = isqrt(int(base.data))
    return root if root * root == base.data else None


def collect(terms: Iterable[Term]) -> dict[tuple[Term, Term], Rational]:
    """Like terms together: ``{(scalar, body): fraction}``, without those that cancel."""
    found: dict[tuple[Term, Term], Rational] = {}
    for term in terms:
        for part in summands(term):
            coefficient, scalar, body = split(part)
            found[scalar, body] = found.get((scalar, body), 0) + coefficient
    return {key: value for key, value in found.items() if value and key[1].kind != "zero"}


def add(terms: Iterable[Term]) -> Term:
    """The sum of terms of one shape."""
    terms = list(terms)
    found = collect(terms)
    if any(body.kind == "diag" for _, body in found) and len(found) > 1:
        found = _merge_diagonals(found)
    return plain_sum(found, terms[0].shape)


def plain_sum(found: dict[tuple[Term, Term], Rational], shape: tuple[object, ...]) -> Term:
    """The sum of collected terms, in the order in which sums are written."""
    parts = [scale(coefficient, scalar, body) for (scalar, body), coefficient in found.items()]
    if not parts:
        return zero(shape)
    if len(parts) == 1:
        return parts[0]
    return make("add", tuple(sorted(parts, key=summand_order)), None, shape)


def _merge_diagonals(found: dict[tuple[Term, Term], Rational]) -> dict[tuple[Term, Term], Rational]:
    """All diagonal parts as one diag of one sum; identities join in."""
    vectors, rest = [], {}
    for (scalar, body), coefficient in found.items():
        if body.kind == "diag":
            vectors.append(scale(coefficient, scalar, body.args[0]))
        elif body.kind == "identity":
            vectors.append(scale(coefficient, scalar, ones(body.shape[:1])))
        else:
            rest[scalar, body] = coefficient
    coefficient, scalar, body = split(diag(add(vectors)))
    if body.kind != "zero":
        rest[scalar, body] = coefficient
    return rest


def diag(vector: Term) -> Term:
    """The diagonal matrix of a vector."""
    coefficient, scalar, body = split(vector)
    size = vector.shape[0]
    if body.kind == "zero":
        return zero((size, size))
    if body.kind == "ones":
        matrix = make("identity", shape=(size, size))
    else:
        matrix = make("diag", (body,), None, (size, size))
    return scale(coefficient, scalar, matrix)


def minus(term: Term) -> Term:
    """``−term``."""
    return scale(-1, ONE, term)
