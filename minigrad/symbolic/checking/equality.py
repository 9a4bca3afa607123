"""Equality of two formulas for all sizes and values, decided in one normal form after another."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ..deriving.derivation import Derivation
from ..errors import FormulaError
from ..terms.arithmetic import ONE, add, scale
from ..terms.entries import entry
from ..terms.evaluate import evaluate
from ..terms.names import NEXT, NOW, PREVIOUS
from ..terms.normal_form import normal_form, related_form
from ..terms.products import basis, outer, row, total, transpose
from ..terms.rebuild import at_time, rebuild, substitute
from ..terms.symbols import symbol_term
from ..terms.term import Term
from ..terms.traversal import fold, subterms

__all__ = [
    "MAX_MONOMIALS",
    "Equality",
    "TooLargeError",
    "check_terms",
    "differs_somewhere",
    "known_adjoints",
    "place_by_place",
    "with_definitions",
]


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
    """True if a formula is not 0 where all its symbols have random values: then its normal form is not 0 either.

    Far quicker than the normal form, and nearly always enough where two formulas differ. A sum over time is
    compared summand by summand, as the normal form does.
    """
    summand = fold(difference, lambda part, *parts: parts[0] if part.kind == "sum_over" else rebuild(part, parts))
    rng = np.random.default_rng(0)
    values = {}
    for part in subterms([summand]):
        if part.kind in ("symbol", "named"):
            values[part] = rng.uniform(-_LARGEST, _LARGEST, _shape(part))
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


def with_definitions(term: Term, known: Mapping[Term, Term]) -> Term:
    """A formula with names replaced by their definitions, and the terms that are known by what is known of them."""

    def rule(part: Term, *args: Term) -> Term:
        return args[0] if part.kind == "named" else rebuild(part, args)

    return fold(term, rule, inside=lambda part: part.args, known=known)


def known_adjoints(derivation: Derivation, recurrences: Mapping[str, Term]) -> dict[Term, Term]:
    """The substitutes for the adjoint of every value, at this step and at the next, and for what is assumed.

    Parameters
    ----------
    derivation : Derivation
    recurrences : mapping
        A formula for the adjoint of each computed value, the latest first.
    """
    step, carried = derivation.step, derivation.step.carried()
    within = _assumptions(derivation)
    for key, formula in recurrences.items():
        if key not in carried:
            within[step.seed(key)] = with_definitions(formula, within)
    found = _assumptions(derivation)
    # Where the memory grows, other steps are others.
    times = () if step.remembers() else (NEXT, PREVIOUS)
    for key in recurrences:
        seed = step.seed(key)
        for time in times if key not in carried else ():
            found[at_time(seed, "t", time)] = with_definitions(at_time(within[seed], "t", time), found)
    for key, formula in recurrences.items():
        found[step.seed(key)] = with_definitions(formula, found)
    return found


def _assumptions(derivation: Derivation) -> dict[Term, Term]:
    """Targets sum to 1, the one thing that is assumed of them; and the state before step t+1 is that of step t."""
    known = {} if derivation.readout is None else {total(derivation.readout.values["y"]): ONE}
    for key in derivation.step.carried():
        state = derivation.step.term(key)
        known[symbol_term(state.label, state.shape)] = with_definitions(state, {})
    return known


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


#: Letters of other steps that are free all the same.
_INPUTS = ("x", "y", "epsilon")

#: How often free values are drawn.
_DRAWS = 4


def _shape(term: Term) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else _LENGTHS[str(size)] for size in term.shape)


def _turned(time: Any) -> Any:
    """The step after one, for a state from the step before; the reverse for a half that goes back in time."""
    return NEXT if time == PREVIOUS else PREVIOUS


class Equality:
    """Decides for one derivation; what is known of its adjoints is worked out once.

    Attributes
    ----------
    derivation : Derivation
    """

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        adjoints = {} if derivation.readout is None else derivation.readout.adjoints
        self._of_readout = {term: term.args[0] for term in adjoints.values()}
        self._true_adjoints: dict[Term, Term] | None = None

    def same(self, a: Term, b: Term, overrides: Mapping[str, Term] | None = None) -> bool:
        """True if two formulas multiply out to the same: a proof of equality for all sizes and values.

        Names are replaced by their definitions, and adjoints by their recurrences, until only parameters,
        inputs, the state before and the adjoints of the next step's state are left; then functions are written
        in terms of each other, as `relations` has it. False proves nothing.

        Parameters
        ----------
        a, b : Term
        overrides : mapping, optional
            Formulas to take for some adjoints in the place of the true ones.

        Raises
        ------
        TooLargeError
            If there are too many monomials to multiply out.
        """
        if a.shape != b.shape:
            return False
        difference = substitute(add([a, scale(-1, ONE, b)]), self._of_readout)
        check_terms(difference)
        if not differs_somewhere(difference) and normal_form(difference).kind == "zero":
            return True
        known = self._known(overrides)
        opened = with_definitions(difference, known)
        if differs_somewhere(opened) and self._divides_by_yhat(difference):
            opened = with_definitions(normal_form(difference), known)
        if differs_somewhere(opened):
            return False
        check_terms(opened)
        if normal_form(opened).kind == "zero" or related_form(opened).kind == "zero":
            return True
        return self._same_at_each_place(opened)

    def difference(self, a: Term, b: Term) -> Term | None:
        """The difference of two formulas multiplied out, if it is not 0 for some values of what is free.

        Free are parameters, inputs, targets that sum to 1, the state before, and the adjoints of the next step's
        state: a net has any values of these. A sum over time is tried for one step, where these adjoints are 0.
        None if that cannot be told: it proves nothing.

        Raises
        ------
        TooLargeError
            If there are too many monomials to multiply out.
        """
        if a.shape != b.shape or self.derivation.step.remembers():
            return None
        found = normal_form(substitute(add([a, scale(-1, ONE, b)]), self._of_readout))
        opened = with_definitions(found, self._known(None))
        check_terms(opened)
        is_sum = any(part.kind == "sum_over" for part in subterms([opened]))
        summand = fold(opened, lambda part, *parts: parts[0] if part.kind == "sum_over" else rebuild(part, parts))
        monomials = normal_form(summand)
        symbols = [part for part in subterms([monomials]) if part.kind == "symbol"]
        if not all(map(self._is_free, symbols)):
            return None
        parts = monomials.args if monomials.kind == "add" else (monomials,)
        for seed in range(_DRAWS):
            values = self._drawn(symbols, np.random.default_rng(seed), ends=is_sum)
            with np.errstate(all="ignore"):
                each = np.array([np.broadcast_to(evaluate(part, values, sizes=_LENGTHS), _shape(a)) for part in parts])
            size = np.abs(each).sum(0)
            if np.isfinite(size).all() and (np.abs(each.sum(0)) > _NOT_ROUNDING * size).any():
                return found
        return None

    def _is_free(self, symbol: Term) -> bool:
        """True if a symbol has any value, whatever the others have."""
        step, label = self.derivation.step, symbol.label
        given = {step.term(key).label for key in step.before}
        later = {step.seed(now).label.at(_turned(step.term(key).label.time)) for now, key in step.carried().items()}
        return label.time is None or label.at(NOW).key in _INPUTS or label in given | later

    def _drawn(self, symbols: Iterable[Term], rng: np.random.Generator, *, ends: bool) -> dict[Term, np.ndarray]:
        """Random values; with `ends` those of a run of one step, in which nothing comes back from later ones."""
        values = {}
        for symbol in symbols:
            drawn = rng.uniform(-1, 1, _shape(symbol))
            if ends and symbol.label.name.startswith("d_"):
                drawn *= 0
            if symbol.label.name == "y" and drawn.ndim == 1:
                drawn = np.abs(drawn) / np.abs(drawn).sum()
            values[symbol] = drawn
        return values

    def _same_at_each_place(self, opened: Term) -> bool:
        """True if a difference is 0 when it is written place by place of the memory, if there is one."""
        places = len(self.derivation.step.memory())
        if not places:
            return False
        written = place_by_place(opened, places)
        check_terms(written)
        return normal_form(written).kind == "zero"

    def _divides_by_yhat(self, term: Term) -> bool:
        """True if ŷ may cancel, ŷᵀ (y / ŷ) = 1ᵀ y, so that what is assumed of y is seen only when multiplied out."""
        readout = self.derivation.readout
        if readout is None:
            return False
        yhat = readout.values["yhat"]
        quotients = (part for part in subterms([term]) if part.kind == "hadamard" and yhat in part.args)
        return any(part.data[part.args.index(yhat)] < 0 for part in quotients)

    def _known(self, overrides: Mapping[str, Term] | None) -> dict[Term, Term]:
        """The known adjoints, see `known_adjoints`; the truth is worked out once."""
        if overrides:
            return known_adjoints(self.derivation, self.derivation.adjoints_of_a_step | dict(overrides))
        if self._true_adjoints is None:
            self._true_adjoints = known_adjoints(self.derivation, self.derivation.adjoints_of_a_step)
        return self._true_adjoints
