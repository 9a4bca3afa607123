"""A small calculus of norms: an upper bound for every matrix of a Jacobian, with the rule that gave it.

Its axioms are: ‖A + B‖ ≤ ‖A‖ + ‖B‖, ‖A B‖ ≤ ‖A‖ ‖B‖, ‖diag(v)‖ = max|v|, ‖u vᵀ‖ = ‖u‖ ‖v‖,
‖I‖ = 1, and max|A v| ≤ ‖A‖_∞ max|v| with ‖A‖_∞ the largest row sum of |A|. ‖·‖ is the spectral norm.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from ..terms.arithmetic import (
    ONE,
    Rational,
    add,
    diag,
    factors_of,
    magnitude,
    minus,
    number,
    ones,
    power,
    scale,
    split,
    times,
    zero,
)
from ..terms.normal_form import equal
from ..terms.products import outer
from ..terms.term import Term, make

__all__ = ["AXIOMS", "Inequality", "Interval", "Norms", "Ranges", "are_complements", "complement_in"]


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
    """True if a + b = 1, also where one of them is the name of 1 − the other."""
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


AXIOMS = {
    "triangle": "‖A + B‖ ≤ ‖A‖ + ‖B‖",
    "scale": "‖c A‖ = |c| ‖A‖",
    "product": "‖A B‖ ≤ ‖A‖ ‖B‖",
    "diagonal": "‖diag(v)‖ = max|v|",
    "outer": "‖u vᵀ‖ = ‖u‖ ‖v‖",
    "blocks": "a matrix of blocks has at most the norm of the matrix of their norms",
    "rows": "max|A v| ≤ ‖A‖_∞ max|v|, ‖A‖_∞ the largest row sum of |A|",
    "entries": "‖A‖ ≤ √(rows · columns) max|A_ij|",
    "column": "a column of A is no longer than ‖A‖",
    "softmax": "‖diag(α) − α αᵀ‖ ≤ 1/2 for a softmax α (proved in softmax_proof)",
}


@dataclass(frozen=True)
class Inequality:
    """``left ≤ right``, by a rule: a key of `AXIOMS`, or words."""

    left: Term
    right: Term
    rule: str


class Norms:
    """Bounds of norms, from intervals of some symbols, and from a scalar that others never exceed in any entry.

    Attributes
    ----------
    found : list of Inequality
        Every inequality used, in the order in which they are needed.
    """

    def __init__(self, given: Mapping[Term, Interval], limits: Mapping[Term, Term] | None = None) -> None:
        self.ranges = Ranges(given)
        self.limits = dict(limits or {})
        self.found: list[Inequality] = []
        self._known: dict[Term, Term] = {}

    def norm(self, matrix: Term) -> Term:
        """An upper bound of ‖matrix‖, in norms of its symbols; of a vector, its length, of a scalar, its magnitude."""
        if not matrix.shape:
            return self.largest(matrix)
        left = make("norm", (matrix,))
        if left not in self._known:
            bound, rule = self._norm(matrix) if matrix.ndim == 2 else self._length(matrix)
            self._note(left, bound, rule)
        return self._known[left]

    def largest(self, vector: Term) -> Term:
        """An upper bound of max|v_i|."""
        left = make("largest", (vector,))
        if left not in self._known:
            bound, rule = self._largest(vector)
            self._note(left, bound, rule)
        return self._known[left]

    def _note(self, left: Term, bound: Term, rule: str) -> None:
        self._known[left] = bound
        if left is not bound and rule:
            self.found.append(Inequality(left, bound, rule))

    def _norm(self, matrix: Term) -> tuple[Term, str]:
        kind = matrix.kind
        if kind == "identity":
            return ONE, ""
        if kind == "zero":
            return zero(), ""
        if kind == "diag":
            return self.largest(matrix.args[0]), "diagonal"
        if kind == "scale":
            coefficient, scalar, body = split(matrix)
            return scale(magnitude(coefficient), self.largest(scalar), self.norm(body)), "scale"
        if kind == "product":
            return times([self.norm(factor) for factor in matrix.args]), "product"
        if kind == "outer":
            return times([self.norm(side) for side in matrix.args]), "outer"
        if kind == "transpose":
            return self.norm(matrix.args[0]), "the norm of a transpose"
        if kind == "add":
            return self._norm_of_sum(matrix)
        if kind == "block":
            rows, columns = matrix.data
            norms = [self.norm(cell) for cell in matrix.args]
            grid = [
                make("entries", tuple(norms[i * columns : (i + 1) * columns]), None, (columns,)) for i in range(rows)
            ]
            return make("norm", (make("stack", tuple(grid), None, (rows, columns)),)), "blocks"
        return self._norm_of_entries(matrix) or (make("norm", (matrix,)), "")

    def _norm_of_entries(self, matrix: Term) -> tuple[Term, str] | None:
        """A matrix of which only the range of the entries is known."""
        interval = self.ranges.interval(matrix)
        if interval is None or not all(isinstance(size, int) for size in matrix.shape):
            return None
        largest = number(max(abs(interval[0]), abs(interval[1])))
        count = number(matrix.shape[0] * matrix.shape[1])
        return times([largest, power(count, Fraction(1, 2))]), "entries"

    def _norm_of_sum(self, matrix: Term) -> tuple[Term, str]:
        for part in matrix.args:
            inner = part.args[0] if part.kind == "diag" else None
            if inner is not None and _is_softmax(inner) and matrix is add([diag(inner), minus(outer(inner, inner))]):
                return number(Fraction(1, 2)), "softmax"
        entrywise = self._norm_of_entries(matrix)
        return entrywise or (add([self.norm(part) for part in matrix.args]), "triangle")

    def _length(self, vector: Term) -> tuple[Term, str]:
        """‖v‖₂ of a vector."""
        if _is_softmax(vector) or vector.kind == "basis":
            return ONE, "entries that are not negative and sum to 1"
        if vector.kind == "product":
            return times([self.norm(factor) for factor in vector.args]), "product"
        if vector.kind == "scale":
            coefficient, scalar, body = split(vector)
            return scale(magnitude(coefficient), self.largest(scalar), self.norm(body)), "scale"
        if vector.kind == "add":
            if _is_covariance_column(vector):
                return number(Fraction(1, 2)), "column"
            return add([self.norm(part) for part in vector.args]), "triangle"
        if vector.kind == "hadamard":
            return self._length_of_product(vector)
        return make("norm", (vector,)), ""

    def _length_of_product(self, vector: Term) -> tuple[Term, str]:
        """‖d ⊙ v‖ ≤ max|d| ‖v‖, where d are the factors of known range."""
        pairs = list(zip(vector.args, vector.data, strict=True))
        known = [power(base, e) for base, e in pairs if self.ranges.interval(base) is not None]
        rest = [power(base, e) for base, e in pairs if self.ranges.interval(base) is None]
        if not known or not rest:
            return make("norm", (vector,)), ""
        return times([self.largest(times(known)), self.norm(times(rest))]), "diagonal"

    def _largest(self, vector: Term) -> tuple[Term, str]:
        interval = self.ranges.interval(vector)
        if interval is not None:
            low, high = interval
            return number(max(abs(low), abs(high))), f"all entries are in [{low}, {high}]"
        if vector in self.limits:
            return self.limits[vector], "assumed"
        kind = vector.kind
        if kind == "add":
            return add([self.largest(part) for part in vector.args]), "triangle"
        if kind == "scale":
            coefficient, scalar, body = split(vector)
            return scale(magnitude(coefficient), self.largest(scalar), self.largest(body)), "scale"
        if kind == "hadamard":
            return self._largest_of_product(vector)
        if kind == "product" and len(vector.args) == 2:
            return times([make("row_sums", (vector.args[0],)), self.largest(vector.args[1])]), "rows"
        if kind == "named" and (
            vector.args[0].kind in ("named", "add", "hadamard", "scale") or _is_relu(vector.args[0])
        ):
            return self.largest(vector.args[0]), "its definition"
        if _is_relu(vector):
            return self.largest(vector.args[0]), "relu(x) is 0 or x"
        return make("largest", (vector,)), ""

    def _largest_of_product(self, vector: Term) -> tuple[Term, str]:
        """Factors of known range together, so that y (1 − y) ≤ 1/4 is seen; the others one by one."""
        factors = [(power(base, e), base, e) for base, e in zip(vector.args, vector.data, strict=True)]
        known = [factor for factor, _, _ in factors if self.ranges.interval(factor) is not None]
        bounds = [self._largest_power(factor, base, e) for factor, base, e in factors if factor not in known]
        if known:
            bounds.append(self.largest(times(known)))
        return times(bounds), "factor by factor"

    def _largest_power(self, factor: Term, base: Term, exponent: Rational) -> Term:
        """max|vᵉ|: a root of a number is itself; only powers that grow with |v| are bounded by max|v|."""
        if base.kind == "scale" and base.args[-1] is ONE:
            return factor
        if exponent < 0:
            return make("largest", (factor,))
        return power(self.largest(base), exponent)


def _is_covariance_column(vector: Term) -> bool:
    """True if a vector is α_s e_s − α_s α, a column of diag(α) − α αᵀ."""
    for part in vector.args:
        _, scalar, body = split(part)
        if body.kind == "basis" and scalar.kind == "entry" and _is_softmax(scalar.args[0]):
            alpha = scalar.args[0]
            return vector is add([scale(1, scalar, body), scale(-1, scalar, alpha)])
    return False


def _is_relu(term: Term) -> bool:
    return term.kind == "function" and term.data == "relu"


def _is_softmax(term: Term) -> bool:
    return term.kind == "softmax" or (term.kind == "named" and term.args[0].kind == "softmax")
