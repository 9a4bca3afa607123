"""Naming a slip: what has to be changed in a wrong line to make it right.

Each known slip has a repair (`repairs`). A repair is tried on real nets; the first that makes the line true names
the slip. Dropped paths are found the other way round (`missing`): a path is left out of the true formula, and if
that is what was written, the path is what is missing. No hint is a guess.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

import numpy as np

from ..errors import FormulaError
from ..reading.expressions import Binary, Call, Expression, Line, Name, Number, subexpressions
from .judge import Judge
from .missing import missing_path
from .repairs import Repair, likely_repairs, unlikely_repairs
from .vocabulary import Vocabulary

__all__ = ["Slip", "find_slip", "name_the_slip"]

#: How many parts of formulas are evaluated in search of a repair, so that no line takes a second: a long line gets
#: fewer repairs.
MAX_PARTS = 30_000


class Slip(NamedTuple):
    """What is wrong with a line in a few words, and the line's formula without it, if it was found by a repair."""

    hint: str
    repaired: Expression | None = None


def name_the_slip(line: Line, judge: Judge, vocabulary: Vocabulary) -> str | None:
    """What is wrong with a refuted line, in a few words, if it is one of the known slips."""
    found = find_slip(line, judge, vocabulary)
    return None if found is None else found.hint


def find_slip(line: Line, judge: Judge, vocabulary: Vocabulary) -> Slip | None:
    """The slip in a refuted line, if it is one of the known ones."""
    formula = line.formula
    count = MAX_PARTS // sum(1 for _ in subexpressions(formula))
    turned = [("this is the transpose of the right formula", Call("transpose", (formula,), 1))]
    return (
        _first_that_holds(line, _factor(line, judge), judge)
        or _first_that_holds(line, islice(likely_repairs(formula, vocabulary), count), judge)
        or _first_that_holds(line, turned, judge)
        or _missing_path(line, vocabulary)
        or _first_that_holds(line, islice(unlikely_repairs(formula, vocabulary), count), judge)
    )


def _first_that_holds(line: Line, tried: Iterable[Repair], judge: Judge) -> Slip | None:
    """The first repair that makes the line true: quickly tried on small nets, then as any line is tried."""
    for hint, formula in tried:
        repaired = replace(line, formula=formula)
        if not _says_itself(repaired) and judge.holds(repaired) and _is_true(repaired, judge):
            return Slip(hint, formula)
    return None


def _says_itself(line: Line) -> bool:
    """Whether a line is true only because it says x = x: that would explain nothing."""
    return isinstance(line.formula, Name) and line.formula.name == line.letter


def _is_true(line: Line, judge: Judge) -> bool:
    """Whether a line holds in every state of every net in which it has a value."""
    trial = judge.trial(line)
    return trial.counterexample is None and trial.held > 0


def _factor(line: Line, judge: Judge) -> Iterator[Repair]:
    """What is written may be the right formula times a number, which the numbers show."""
    try:
        pairs = [(formula.value, truth) for formula, truth in judge.pairs(line)]
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


def _missing_path(line: Line, vocabulary: Vocabulary) -> Slip | None:
    try:
        hint = missing_path(line, vocabulary)
    except FormulaError:
        return None
    return None if hint is None else Slip(hint)
