"""Paths that were left out: a summand is dropped from the true formula, and if that is what was written, it is missing.

The other slips are found by repairing what was written; here it is the other way round, because a path can be
anything.
"""

from collections.abc import Iterator
from itertools import combinations

from ..reading.expressions import Line
from ..terms.monomials import ONE, scale, zero
from ..terms.products import product
from ..terms.rebuild import substitute
from ..terms.sums import add
from ..terms.term import PRINTERS, Term
from ..terms.walk import subterms
from .vocabulary import Vocabulary

__all__ = ["missing_path"]

#: A sum of so many paths is searched for every set of them that may be missing.
MAX_PATHS = 6


def missing_path(line: Line, vocabulary: Vocabulary) -> str | None:
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
        if vocabulary.same(written, candidate, overrides):
            return hint
    for hint, candidate in _without_summands(expected):
        if vocabulary.same(written, candidate):
            return hint
    return None


def _words(term: Term) -> str:
    return PRINTERS["text"](term)


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
