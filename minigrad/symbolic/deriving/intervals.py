"""Between which numbers the entries of a vector lie, as far as that follows from what they are made of."""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from ..terms.monomials import Rational, factors_of, ones, split
from ..terms.normal import equal
from ..terms.sums import add, minus
from ..terms.term import Term

__all__ = ["Interval", "Ranges", "are_complements", "complement_in"]

Interval = tuple[Fraction, Fraction]

_ZERO, _ONE = Fraction(0), Fraction(1)
_FUNCTIONS: dict[str, Interval] = {
    "tanh": (-_ONE, _ONE),
    "sigmoid": (_ZERO, _ONE),
    "positive": (_ZERO, _ONE),
}


class Ranges:
    """Interval arithmetic on formulas.

    Parameters
    ----------
    given : mapping
        Intervals of symbols.

    Attributes
    ----------
    used : set of Term
        The given symbols that an answer rested on.
    """

    def __init__(self, given: Mapping[Term, Interval]) -> None:
        self.given = dict(given)
        self.used: set[Term] = set()

    def interval(self, term: Term) -> Interval | None:
        """An interval that holds every entry; None if none is known."""
        if term in self.given:
            self.used.add(term)
            return self.given[term]
        if term.kind in ("ones", "zero"):
            value = Fraction(int(term.kind == "ones"))
            return value, value
        if term.kind == "softmax":
            return _ZERO, _ONE
        if term.kind == "function":
            return _FUNCTIONS.get(term.data)
        if term.kind in ("named", "entry"):
            return self.interval(term.args[0])
        if term.kind == "scale":
            coefficient, scalar, body = split(term)
            return _times([(Fraction(coefficient), Fraction(coefficient)), self.interval(scalar), self.interval(body)])
        if term.kind == "add":
            return self._of_sum(term)
        if term.kind == "hadamard":
            return self._of_product(term)
        return None

    def _of_sum(self, term: Term) -> Interval | None:
        mixed = self._convex(term)
        if mixed is not None:
            return mixed
        parts = [self.interval(part) for part in term.args]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return sum((low for low, _ in known), _ZERO), sum((high for _, high in known), _ZERO)

    def _of_product(self, term: Term) -> Interval | None:
        """Factor by factor; y (1 − y) is at most 1/4 for y in [0, 1]."""
        factors = dict(factors_of(term))
        found: list[Interval | None] = []
        for base in list(factors):
            other = complement_in(base, factors)
            if other is not None and factors.get(base) == factors[other] == 1 and self._within_unit(base):
                del factors[base], factors[other]
                found.append((_ZERO, Fraction(1, 4)))
        found += [_power(self.interval(base), exponent) for base, exponent in factors.items()]
        return _times(found)

    def _within_unit(self, term: Term) -> bool:
        interval = self.interval(term)
        return interval is not None and interval[0] >= 0 and interval[1] <= 1

    def _convex(self, term: Term) -> Interval | None:
        """a ⊙ x + (1 − a) ⊙ y lies between x and y, for a in [0, 1]."""
        if len(term.args) != 2:
            return None
        first, second = (dict(factors_of(part)) for part in term.args)
        for a in first:
            for b in second:
                if are_complements(a, b) and self._within_unit(a):
                    x, y = self._rest(first, a), self._rest(second, b)
                    if x is not None and y is not None:
                        return min(x[0], y[0]), max(x[1], y[1])
        return None

    def _rest(self, factors: dict[Term, Rational], left_out: Term) -> Interval | None:
        return _times(_power(self.interval(base), e) for base, e in factors.items() if base is not left_out)


def are_complements(a: Term, b: Term) -> bool:
    """Whether a + b = 1, also where one of them is the name of 1 − the other."""
    unit = ones(a.shape)
    for x, y in ((a, b), (b, a)):
        opened = x.args[0] if x.kind == "named" and x.args[0].kind == "add" else x
        if opened.kind == "add" and equal(opened, add([unit, minus(y)])):
            return True
    return False


def complement_in(term: Term, factors: Iterable[Term]) -> Term | None:
    """The factor that is 1 − term."""
    if term.kind == "add":
        return None
    return next(
        (one for one in factors if one is not term and one.shape == term.shape and are_complements(term, one)), None
    )


def _power(interval: Interval | None, exponent: Rational) -> Interval | None:
    if interval is None or exponent.denominator != 1 or exponent < 0:
        return None
    ends = [end ** int(exponent) for end in interval]
    if exponent % 2 == 0 and interval[0] < 0 < interval[1]:
        ends.append(_ZERO)
    return min(ends), max(ends)


def _times(intervals: Iterable[Interval | None]) -> Interval | None:
    low, high = _ONE, _ONE
    for interval in intervals:
        if interval is None:
            return None
        corners = [a * b for a in (low, high) for b in interval]
        low, high = min(corners), max(corners)
    return low, high
