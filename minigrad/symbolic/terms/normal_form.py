"""The canonical form: everything multiplied out, like terms collected, so that equal formulas are one object.

The constructors keep formulas as they were written, o ⊙ (1 − s²), which reads well but leaves several ways
to write one thing. Here sums are distributed over every operation that is linear, diagonal matrices are
split, and a scalar like uᵀ A v, which can be read from either end, is written in one way. Named values
are symbols to it.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import product as choices
from typing import Any

from .arithmetic import (
    ONE,
    Rational,
    add,
    collect,
    factors_of,
    magnitude,
    minus,
    ones,
    plain_sum,
    power,
    scale,
    split,
    summands,
    times,
    zero,
)
from .entries import function
from .products import hadamard, product, total, transpose
from .rebuild import rebuild
from .term import Term, make
from .traversal import fold

__all__ = ["equal", "multiplied_out", "normal_form", "related_form"]


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
    """True if two formulas have the same normal form.

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


def related_form(term: Term) -> Term:
    """The normal form after every function was written in the same few; 0 if two equal formulas are subtracted.

    Parameters
    ----------
    term : Term

    Returns
    -------
    Term
        With the same value for all real numbers for which the formula has one.
    """
    found: Term = fold(term, _rewritten)
    return found


def _rewritten(part: Term, *parts: Term) -> Term:
    if part.kind == "function" and part.data in _RULES:
        return _merged(normal_form(_RULES[part.data](parts[0])))
    if part.kind == "softmax":
        weights = function("exp", _without_numbers(parts[0]))
        return normal_form(scale(1, power(total(weights), -1), weights))
    if part.kind == "hadamard":
        powers = [_power(base, exponent) for base, exponent in zip(parts, part.data, strict=True)]
        return _merged(normal_form(times(powers)))
    return _merged(multiplied_out(part, *parts))


# -- functions -------------------------------------------------------------------------------------


def _first_coefficient(term: Term) -> Rational:
    """The coefficient of the summand that sorts first; that of −x is its negative."""
    pairs = [split(one) for one in summands(term)]
    return min(pairs, key=lambda one: (one[2].order, one[1].order))[0]


def _sigmoid(x: Term) -> Term:
    if _first_coefficient(x) < 0:
        return add([ones(x.shape), minus(function("sigmoid", normal_form(minus(x))))])
    return function("sigmoid", x)


def _tanh(x: Term) -> Term:
    return add([scale(2, ONE, _sigmoid(normal_form(scale(2, ONE, x)))), minus(ones(x.shape))])


def _relu(x: Term) -> Term:
    if x.kind != "zero" and _first_coefficient(x) < 0 and _positive(x).kind == "function":
        opposite = normal_form(minus(x))
        return add([times([opposite, _positive(opposite)]), x])
    return times([x, _positive(x)])


def _positive(x: Term) -> Term:
    """[x > 0], of which positive factors are left out."""
    x = _without_common_factors(x)
    signs = {_sign(one) for one in summands(x)}
    if signs == {1}:
        return ones(x.shape)
    if x.kind == "zero" or signs == {-1}:
        return zero(x.shape)
    if x.kind == "add":
        return function("positive", normal_form(scale(1 / Fraction(magnitude(_first_coefficient(x))), ONE, x)))
    coefficient, _, body = split(x)
    bases = [power(base, e) for base, e in factors_of(body) if not _is_positive(base)]
    sign = 1 if coefficient > 0 else -1
    return function("positive", scale(sign, _scalar_of_unknown_sign(x), times(bases) if bases else ones(x.shape)))


def _without_common_factors(x: Term) -> Term:
    """A sum without the positive factors that all its summands have."""
    monomials = [dict(factors_of(split(one)[2])) for one in summands(x)]
    for base, exponent in monomials[0].items() if len(monomials) > 1 else ():
        if base.shape == x.shape and _is_positive(base) and all(one.get(base) == exponent for one in monomials):
            x = normal_form(add([times([one, power(base, -exponent)]) for one in summands(x)]))
    return x


def _scalar_of_unknown_sign(x: Term) -> Term:
    _, scalar, _ = split(x)
    unknown = [power(base, e) for base, e in factors_of(scalar) if not _is_positive(base)]
    return times(unknown) if unknown else ONE


def _sign(monomial: Term) -> int:
    """1 or −1 if a summand has that sign everywhere; 0 if that is not known."""
    coefficient, scalar, body = split(monomial)
    known = all(_is_positive(base) for base, _ in (*factors_of(scalar), *factors_of(body)))
    return (1 if coefficient > 0 else -1) if known and monomial.kind != "zero" else 0


def _is_positive(base: Term) -> bool:
    """True if a factor is above 0 everywhere."""
    if base.kind == "total":
        return all(_sign(one) == 1 for one in summands(base.args[0]))
    return base.kind == "ones" or (base.kind == "function" and base.data in ("exp", "sigmoid"))


_RULES = {"sigmoid": _sigmoid, "tanh": _tanh, "relu": _relu, "positive": _positive}


def _without_numbers(x: Term) -> Term:
    """A vector without the summands that are the same in every entry: softmax does not see them."""
    kept = [one for one in summands(x) if split(one)[2].kind != "ones"]
    return add(kept) if kept else zero(x.shape)


# -- products of exponentials ----------------------------------------------------------------------


def _power(base: Term, exponent: Rational) -> Term:
    """A power; one over a sum of two exponentials is written with σ."""
    if base.kind == "add" and len(base.args) == 2 and exponent < 0 and exponent.denominator == 1:
        (a, u), (b, v) = (_as_exponential(one) for one in base.args)
        if u is not None and v is not None and a == b:
            quotient = times([function("exp", minus(u)), _sigmoid(normal_form(add([u, minus(v)])))])
            return power(scale(1 / Fraction(a), ONE, quotient), -exponent)
    return power(base, exponent)


def _as_exponential(monomial: Term) -> tuple[Rational, Term | None]:
    """``a, u`` of a eᵘ; a number is a e⁰."""
    coefficient, scalar, body = split(monomial)
    if scalar is ONE and body.kind == "ones":
        return coefficient, zero(body.shape)
    if scalar is ONE and body.kind == "function" and body.data == "exp":
        return coefficient, body.args[0]
    return coefficient, None


def _merged(term: Term) -> Term:
    """Exponentials in one product as one; then eᵛ σ(v) and e⁻ᵛ σ(v) without the product."""
    found = [_merged_monomial(one) for one in summands(term)]
    if all(new is old for new, old in zip(found, summands(term), strict=True)):
        return term
    return _merged(normal_form(add(found)))


def _merged_monomial(monomial: Term) -> Term:
    coefficient, scalar, body = split(monomial)
    factors = factors_of(body)
    exponents = [scale(e, ONE, base.args[0]) for base, e in factors if _is_exponential(base)]
    if not exponents:
        return monomial
    rest = [(base, e) for base, e in factors if not _is_exponential(base)]
    whole = normal_form(add(exponents))
    for i, (base, e) in enumerate(rest):
        if base.kind == "function" and base.data == "sigmoid" and e > 0 and e.denominator == 1:
            short = _without_product(whole, base)
            if short is not None:
                others = [power(b, n - 1 if j == i else n) for j, (b, n) in enumerate(rest)]
                return scale(coefficient, scalar, times([short, *others]))
    if len(exponents) == 1 and not any(_is_exponential(base) and e != 1 for base, e in factors):
        return monomial
    return scale(coefficient, scalar, times([function("exp", whole), *(power(b, n) for b, n in rest)]))


def _is_exponential(base: Term) -> bool:
    return base.kind == "function" and base.data == "exp"


def _without_product(whole: Term, sigmoid: Term) -> Term | None:
    """e^whole σ(v), if `whole` is a whole multiple of v."""
    v = sigmoid.args[0]
    ratio = Fraction(_first_coefficient(whole)) / _first_coefficient(v) if whole.kind != "zero" else Fraction(0)
    if ratio == 0 or ratio.denominator != 1 or normal_form(add([whole, scale(-ratio, ONE, v)])).kind != "zero":
        return None
    if ratio > 0:
        less = function("exp", normal_form(add([whole, minus(v)])))
        return add([function("exp", whole), minus(times([less, sigmoid]))])
    more = function("exp", normal_form(add([whole, v])))
    return add([more, minus(times([more, sigmoid]))])
