"""Naming a slip: what has to be changed in a wrong line to make it right.

Each known slip has a repair (`repairs`). A repair is tried on real nets; the first that makes the line true names
the slip. Dropped paths are found the other way round (`missing`): a path is left out of the true formula, and if
that is what was written, the path is what is missing. No hint is a guess.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, islice
from typing import NamedTuple

import numpy as np

from ...errors import FormulaError
from ...parsing.syntax import Binary, Call, Expression, Line, Name, Number, subexpressions
from ...terms.arithmetic import ONE, add, scale, zero
from ...terms.names import PREVIOUS
from ...terms.products import product
from ...terms.rebuild import at_time, substitute
from ...terms.term import Term
from ...terms.traversal import subterms
from ..budget import Budget
from ..counterexamples import CounterexampleSearch
from ..resolve import Vocabulary
from .edits import Repair, likely_repairs, unlikely_repairs

__all__ = ["DENOMINATOR_LAYOUT", "Slip", "find_slip", "missing_path", "name_the_slip"]


#: Said of a Jacobian that is transposed.
DENOMINATOR_LAYOUT = "Jacobians here are in numerator layout, ∂u_i/∂v_j in row i; this one is in denominator layout"

#: A sum of so many paths is searched for every set of them that may be missing.
MAX_PATHS = 6


def missing_path(line: Line, vocabulary: Vocabulary, budget: Budget) -> str | None:
    """The path, or the paths, that a wrong line lacks.

    Raises
    ------
    FormulaError
        If the line cannot be read.
    """
    written = vocabulary.read(line.formula)
    expected = vocabulary.expected(line.of, line.by)
    if expected is None or written.shape != expected.shape:
        return None
    candidates = _from_a_recurrence(expected, vocabulary) if line.of == "E" else _within_a_step(line, vocabulary)
    for hint, candidate, overrides in candidates:
        if not budget.has_time_for_hints():
            return None
        if vocabulary.same(written, candidate, overrides):
            return hint
    for hint, candidate in _without_summands(expected):
        if not budget.has_time_for_hints():
            return None
        if vocabulary.same(written, candidate):
            return hint
    return None


def _words(term: Term) -> str:
    return term.text()


def _without_summands(expected: Term) -> Iterator[tuple[str, Term]]:
    """The right formula without any set of summands, or without one summand of a sum within it."""
    summands = expected.args if expected.kind == "add" else ()
    for count in range(1, len(summands) if len(summands) <= MAX_PATHS else 2):
        for dropped in combinations(summands, count):
            which = " and ".join(map(_words, dropped))
            hint = f"a path is missing: {which}" if count == 1 else f"paths are missing: {which}"
            yield hint, add([one for one in summands if one not in dropped])
    for total in subterms([expected]):
        if total.kind == "add" and total is not expected:
            for one in total.args:
                rest = add([other for other in total.args if other is not one])
                yield f"a path is missing: {_words(one)}, in {_words(total)}", substitute(expected, {total: rest})
                yield (
                    f"paths are missing: of {_words(total)} only {_words(one)} is there",
                    substitute(expected, {total: one}),
                )


Candidate = tuple[str, Term, dict[str, Term]]


def _within_a_step(line: Line, vocabulary: Vocabulary) -> Iterator[Candidate]:
    """The true Jacobian without the paths through one value, and with those alone."""
    derivation = vocabulary.derivation
    if line.of is None:
        return
    expected = derivation.jacobian(line.of, line.by)
    for through in derivation.definitions:
        if through in (line.of, line.by) or through not in derivation.step.values:
            continue
        onward, onto = derivation.jacobian(line.of, through), derivation.jacobian(through, line.by)
        if "zero" in (onward.kind, onto.kind) or onward.ndim != 2 or onto.ndim != 2:
            continue
        path = product(onward, onto)
        yield f"the path through {through} is missing", add([expected, scale(-1, ONE, path)]), {}
        yield f"only the path through {through} is there", path, {}


def _from_a_recurrence(expected: Term, vocabulary: Vocabulary) -> Iterator[Candidate]:
    """One summand of an adjoint's recurrence left out, here or in an adjoint that was put in."""
    adjoints = vocabulary.derivation.adjoints
    for key, recurrence in adjoints.items():
        summands = recurrence.args if recurrence.kind == "add" else ()
        later = [one for one in summands if "_{t+1}" in _words(one)]
        groups = [[one] for one in summands] + ([later] if len(later) > 1 else [])
        for dropped in groups:
            left = add([zero(recurrence.shape), *(one for one in summands if one not in dropped)])
            what = "what comes back from the next step" if dropped == later else _words(dropped[0])
            target = left if recurrence is expected else expected
            yield f"a path is missing: {what}, in ∂E/∂{key}", target, {key: left}


#: How many parts of formulas are evaluated in search of a repair, so that no line takes a second: a long line gets
#: fewer repairs.
MAX_PARTS = 30_000


class Slip(NamedTuple):
    """The fault of a line in a few words, and the line's formula without it, if it was found by a repair."""

    hint: str
    repaired: Expression | None = None


def name_the_slip(line: Line, search: CounterexampleSearch, vocabulary: Vocabulary) -> str | None:
    """A refuted line's slip in a few words, if it is one of the known ones."""
    found = find_slip(line, search, vocabulary)
    return None if found is None else found.hint


def find_slip(line: Line, search: CounterexampleSearch, vocabulary: Vocabulary) -> Slip | None:
    """The slip in a refuted line, if it is one of the known ones."""
    if not search.budget.has_time_for_hints():
        return None
    search.remember(line)
    formula = line.formula
    count = MAX_PARTS // sum(1 for _ in subexpressions(formula))
    layout = f": {DENOMINATOR_LAYOUT}" if line.letter is None else ""
    turned = [(f"this is the transpose of the right formula{layout}", Call("transpose", (formula,), 1))]
    return (
        _first_that_holds(line, _factor(line, search), search)
        or _total_derivative(line, vocabulary)
        or (_first_that_holds(line, turned, search) if line.letter is None else None)
        or _first_that_holds(line, islice(likely_repairs(formula, vocabulary), count), search)
        or _first_that_holds(line, turned, search)
        or _missing_path(line, search, vocabulary)
        or _first_that_holds(line, islice(unlikely_repairs(formula, vocabulary), count), search)
    )


def _first_that_holds(line: Line, tried: Iterable[Repair], search: CounterexampleSearch) -> Slip | None:
    """The first repair that makes the line true: quickly tried on small nets, then as any line is tried."""
    for hint, formula in tried:
        if not search.budget.has_time_for_hints():
            return None
        repaired = replace(line, formula=formula)
        if not _says_itself(repaired) and search.holds(repaired) and _is_true(repaired, search):
            return Slip(hint, formula)
    return None


def _says_itself(line: Line) -> bool:
    """True if a line is true only because it says x = x: that would explain nothing."""
    return isinstance(line.formula, Name) and line.formula.name == line.letter


def _is_true(line: Line, search: CounterexampleSearch) -> bool:
    """True if a line holds in every state of every net in which it has a value."""
    trial = search.trial(line)
    return trial.counterexample is None and trial.held > 0


def _factor(line: Line, search: CounterexampleSearch) -> Iterator[Repair]:
    """A formula that may be the right one times a number, which the numbers show."""
    try:
        pairs = [(formula.value, truth) for formula, truth in search.pairs(line)]
    except FormulaError:
        return
    if not pairs or any(formula.shape != truth.shape for formula, truth in pairs):
        return
    formulas, truths = (np.concatenate([np.ravel(side) for side in sides]) for sides in zip(*pairs, strict=True))
    size = float(truths @ truths)
    factor = Fraction(float(formulas @ truths) / size if size else 0.0).limit_denominator(100)
    if factor not in (-1, 0, 1):
        whole = Binary("*", Number(1 / factor), line.formula, 1)
        yield f"a factor: this is {factor} times the right formula", whole


def _total_derivative(line: Line, vocabulary: Vocabulary) -> Slip | None:
    """The hint for ∂c_t/∂c_{t−1} with the paths through h_{t−1}, which is held fixed here."""
    derivation, step = vocabulary.derivation, vocabulary.derivation.step
    carried = {} if step.remembers() else step.carried()
    now = {before: key for key, before in carried.items()}
    if line.letter is not None or line.by not in now or line.of not in derivation.definitions:
        return None
    times = {before: step.term(before).label.time or PREVIOUS for before in now}
    try:
        written = vocabulary.read(line.formula)
        others = [before for before in now if before != line.by]
        through = {
            before: product(
                derivation.jacobian(str(line.of), before),
                at_time(derivation.jacobian(now[before], now[line.by]), "t", times[before]),
            )
            for before in others
        }
        total = add([derivation.jacobian(str(line.of), line.by), *through.values()])
        if all(path.kind == "zero" for path in through.values()) or not vocabulary.same(written, total):
            return None
    except FormulaError:
        return None
    fixed = " and ".join(before for before, path in through.items() if path.kind != "zero")
    return Slip(f"this is the total derivative; here {fixed} is held fixed, as the other part of the state before")


def _missing_path(line: Line, search: CounterexampleSearch, vocabulary: Vocabulary) -> Slip | None:
    try:
        hint = missing_path(line, vocabulary, search.budget)
    except FormulaError:
        return None
    return None if hint is None else Slip(hint)
