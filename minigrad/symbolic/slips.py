"""Naming a slip: what has to be changed in a wrong line to make it right.

Each known slip has a repair. A repair is tried on real nets; the first that makes the line true names the
slip. Dropped paths are found the other way round: a path is left out of the true formula, and if that is
what was written, the path is what is missing.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, islice

import numpy as np

from .errors import FormulaError
from .expressions import (
    Binary,
    Call,
    Expression,
    Line,
    Name,
    Negative,
    Number,
    Power,
    parts,
    subexpressions,
    with_parts,
)
from .judge import Judge
from .monomials import ONE, scale
from .products import product
from .sums import add
from .terms import PRINTERS, Term
from .vocabulary import Vocabulary

__all__ = ["name_the_slip"]

#: How many repairs of a line are tried: enough for lines as long as those of an LSTM.
MAX_REPAIRS = 600

#: How many parts of formulas are evaluated for it: a long line gets fewer repairs, so that none takes a second.
MAX_PARTS = 40_000

#: A sum of so many paths is searched for every set of them that may be missing.
MAX_PATHS = 6

_ONE = Number(Fraction(1))
Repair = tuple[str, Expression]


def name_the_slip(line: Line, judge: Judge, vocabulary: Vocabulary) -> str | None:
    """What is wrong with a refuted line, in a few words, if it is one of the known slips."""
    searches = (_repaired, _factor_or_transpose, _dropped_path)
    return next((hint for search in searches if (hint := search(line, judge, vocabulary)) is not None), None)


# -- repairs of what is written --------------------------------------------------------------------


def _repaired(line: Line, judge: Judge, vocabulary: Vocabulary) -> str | None:
    size = sum(1 for _ in subexpressions(line.formula))
    for hint, formula in islice(_repairs(line, vocabulary), min(MAX_REPAIRS, MAX_PARTS // size)):
        if judge.holds(replace(line, formula=formula)):
            return hint
    return None


def _repairs(line: Line, vocabulary: Vocabulary) -> Iterator[Repair]:
    """Every formula that one repair makes of a line, the likeliest first."""
    formula = line.formula
    for rule in (_slope, _transposition, _time, _sign, _missing_slope(vocabulary)):
        yield from _everywhere(formula, rule)
    yield "the sign of the whole is wrong", Negative(formula)
    yield from _sums_over_time(formula)
    yield from _everywhere(formula, _complement(vocabulary))
    yield from _everywhere(formula, _other_letter(vocabulary))


def _everywhere(formula: Expression, rule: Callable[[Expression], Iterator[Repair]]) -> Iterator[Repair]:
    """Apply a rule to each part of a formula in turn."""
    yield from rule(formula)
    own = parts(formula)
    for i, part in enumerate(own):
        for hint, new in _everywhere(part, rule):
            yield hint, with_parts(formula, (*own[:i], new, *own[i + 1 :]))


def _slope(part: Expression) -> Iterator[Repair]:
    """Confusions about tanh' = 1 − h² and σ' = f (1 − f)."""
    match part:
        case Power(Binary("-", Number(Fraction(numerator=1, denominator=1)), x, column), 2):
            yield "(1 − h)² stands where 1 − h² is meant", Binary("-", _ONE, Power(x, 2), column)
        case Binary("-", Number(Fraction(numerator=1, denominator=1)), Power(x, 2), column):
            gate = Binary("*", x, Binary("-", _ONE, x, column), column)
            yield "1 − f² is the slope of tanh; that of σ is f (1 − f)", gate
        case Binary("-", Number(Fraction(numerator=1, denominator=1)), x, column):
            yield "1 − h stands where 1 − h² is meant, the slope of tanh", Binary("-", _ONE, Power(x, 2), column)
    match part:
        case Binary("*", x, Binary("-", Number(), again, column)) if x == again or _same_letter(x, again):
            yield "f (1 − f) is the slope of σ; that of tanh is 1 − h²", Binary("-", _ONE, Power(x, 2), column)
        case Binary("*", Binary("*", rest, x, _), Binary("-", Number(), again, column)) if _same_letter(x, again):
            slope = Binary("-", _ONE, Power(x, 2), column)
            yield "f (1 − f) is the slope of σ; that of tanh is 1 − h²", Binary("*", rest, slope, column)


def _same_letter(a: Expression, b: Expression) -> bool:
    return isinstance(a, Name) and isinstance(b, Name) and a.name == b.name


def _transposition(part: Expression) -> Iterator[Repair]:
    """A transpose too many or too few, factors or an outer product the wrong way round."""
    match part:
        case Call("transpose", (x,), _):
            yield f"{_word(x)} is transposed, and should not be", x
        case Name(name, column) if name[0].isupper():
            yield f"{name} should be transposed", Call("transpose", (part,), column)
        case Binary("@", left, right, column):
            yield "the factors of a product are in the wrong order", Binary("@", right, left, column)
        case Call("outer", (u, v), column):
            yield "the outer product is transposed", Call("outer", (v, u), column)


def _word(part: Expression) -> str:
    return part.name if isinstance(part, Name) else "a factor"


def _time(part: Expression) -> Iterator[Repair]:
    """A value of the step before or after in the place of the present one, or the reverse."""
    if not isinstance(part, Name):
        return
    stem = part.name.removesuffix("_prev").removesuffix("_next")
    for name in (stem, f"{stem}_prev", f"{stem}_next"):
        if name != part.name:
            yield f"the time index: {part.name} stands where {name} belongs", Name(name, part.column)


def _sign(part: Expression) -> Iterator[Repair]:
    match part:
        case Binary("+" | "-" as operator, left, right, column):
            yield "a sign is wrong", Binary("-" if operator == "+" else "+", left, right, column)
    match part:
        case Binary("-", left, right, column):
            yield "a sign is wrong: the difference is the other way round", Binary("-", right, left, column)


def _missing_slope(vocabulary: Vocabulary) -> Callable[[Expression], Iterator[Repair]]:
    """The derivative of an activation that was left out, put where it could have stood."""
    slopes = dict(_slopes(vocabulary))

    def rule(part: Expression) -> Iterator[Repair]:
        for letter, slope in slopes.items():
            hint = f"the derivative of the activation of {letter} is missing"
            match part:
                case Name(name, column) if name.startswith("d_"):
                    yield hint, Binary("*", part, _shifted(slope, name), column)
                case Name(name, column) if name[0].isupper():
                    yield hint, Binary("@", Call("diag", (slope,), column), part, column)
                case Call("diag", (x,), column):
                    yield hint, Call("diag", (Binary("*", x, slope, column),), column)
                case Binary("+" | "-" | "@", _, _, column):
                    yield hint, Binary("*", part, slope, column)

    return rule


def _shifted(slope: Expression, beside: str) -> Expression:
    """The slope at the step of the adjoint that it stands beside."""
    if not beside.endswith("_next"):
        return slope
    if isinstance(slope, Name):
        return Name(f"{slope.name}_next", slope.column)
    return with_parts(slope, tuple(_shifted(part, beside) for part in parts(slope)))


def _slopes(vocabulary: Vocabulary) -> Iterator[tuple[str, Expression]]:
    """1 − h² for every value that is a tanh, f (1 − f) for every σ."""
    for key, definition in vocabulary.derivation.definitions.items():
        letter = Name(key, 0)
        if definition.kind == "function" and definition.data == "tanh":
            yield key, Binary("-", _ONE, Power(letter, 2), 0)
        if definition.kind == "function" and definition.data == "sigmoid":
            yield key, Binary("*", letter, Binary("-", _ONE, letter, 0), 0)


def _complement(vocabulary: Vocabulary) -> Callable[[Expression], Iterator[Repair]]:
    """1 − z for z or the reverse: papers differ in which of the two keeps the old state."""
    gates = {key for key, one in vocabulary.derivation.definitions.items() if one.kind == "function"}

    def rule(part: Expression) -> Iterator[Repair]:
        match part:
            case Binary("-", Number(Fraction(numerator=1, denominator=1)), Name(name), _) if name in gates:
                yield f"1 − {name} stands where {name} belongs", part.right
            case Name(name, column) if name in gates:
                yield f"{name} stands where 1 − {name} belongs", Binary("-", _ONE, part, column)

    return rule


def _other_letter(vocabulary: Vocabulary) -> Callable[[Expression], Iterator[Repair]]:
    """The letter of another gate, or another parameter of the same kind: W_i for W_f."""
    values = vocabulary.derivation.values
    inputs = vocabulary.derivation.step.before

    def rule(part: Expression) -> Iterator[Repair]:
        stem = part.name.removeprefix("d_") if isinstance(part, Name) else ""
        if not isinstance(part, Name) or stem not in values or stem in inputs:
            return
        own, given = values[stem], stem in vocabulary.derivation.step.parameters
        for key, value in values.items():
            alike = value.shape == own.shape and value.kind == own.kind
            if key != stem and alike and key not in inputs and (not given or key[0] == stem[0]):
                new = part.name.removesuffix(stem) + key
                yield f"the wrong letter: {part.name} stands where {new} belongs", Name(new, part.column)

    return rule


def _sums_over_time(formula: Expression) -> Iterator[Repair]:
    match formula:
        case Call("sum_t", (inner,), _):
            yield "sum_t does not belong here: this is one step", inner
        case _:
            yield "the sum over the time steps, sum_t, is missing", Call("sum_t", (formula,), 0)


# -- what the numbers show -------------------------------------------------------------------------


def _factor_or_transpose(line: Line, judge: Judge, vocabulary: Vocabulary) -> str | None:
    try:
        pairs = [(formula.value, truth) for formula, truth in judge.pairs(line)]
    except FormulaError:
        return None
    if pairs and all(formula.T.shape == truth.shape and np.allclose(formula.T, truth) for formula, truth in pairs):
        return "this is the transpose of the right formula"
    if not pairs or any(formula.shape != truth.shape for formula, truth in pairs):
        return None
    formulas, truths = (np.concatenate([np.ravel(side) for side in sides]) for sides in zip(*pairs, strict=True))
    size = float(truths @ truths)
    factor = float(formulas @ truths) / size if size else 0.0
    if factor and np.allclose(formulas, factor * truths, rtol=1e-8):
        return f"a factor: this is {Fraction(factor).limit_denominator(100)} times the right formula"
    return None


# -- what is missing -------------------------------------------------------------------------------


def _dropped_path(line: Line, judge: Judge, vocabulary: Vocabulary) -> str | None:
    written = vocabulary.read(line.formula)
    expected = vocabulary.expected(line.of, line.by)
    if expected is None:
        return None
    if line.of == "E":
        return _dropped_from_a_recurrence(written, expected, vocabulary) or _missing_summands(
            written, expected, vocabulary
        )
    for hint, candidate in _paths_within_a_step(line, vocabulary, expected):
        if vocabulary.same(written, candidate):
            return hint
    return _missing_summands(written, expected, vocabulary)


def _missing_summands(written: Term, expected: Term, vocabulary: Vocabulary) -> str | None:
    """Any set of the right formula's summands left out."""
    summands = expected.args if expected.kind == "add" else ()
    if len(summands) > MAX_PATHS:
        return None
    for count in range(1, len(summands)):
        for dropped in combinations(summands, count):
            if vocabulary.same(written, add([one for one in summands if one not in dropped])):
                which = " and ".join(PRINTERS["text"](one) for one in dropped)
                return f"a path is missing: {which}" if count == 1 else f"paths are missing: {which}"
    return None


def _paths_within_a_step(line: Line, vocabulary: Vocabulary, expected: Term) -> list[tuple[str, Term]]:
    """The true Jacobian without the paths through one value, and with those alone."""
    derivation = vocabulary.derivation
    found = []
    for through in derivation.definitions:
        if line.of is None or through in (line.of, line.by) or through not in derivation.step.values:
            continue
        onward, onto = derivation.jacobian(line.of, through), derivation.jacobian(through, line.by)
        if "zero" in (onward.kind, onto.kind) or onward.ndim != 2 or onto.ndim != 2:
            continue
        path = product(onward, onto)
        found.append((f"the path through {through} is missing", add([expected, scale(-1, ONE, path)])))
        found.append((f"only the path through {through} is there", path))
    return found


def _dropped_from_a_recurrence(written: Term, expected: Term, vocabulary: Vocabulary) -> str | None:
    """One summand of an adjoint's recurrence left out, here or in an adjoint that was put in."""
    derivation = vocabulary.derivation
    own = [key for key, formula in derivation.adjoints.items() if formula is expected]
    for key, recurrence in derivation.adjoints.items():
        summands = recurrence.args if recurrence.kind == "add" else ()
        later = [one for one in summands if "_{t+1}" in PRINTERS["text"](one)]
        groups = [[one] for one in summands] + ([later] if len(later) > 1 else [])
        for dropped in groups:
            left = add([one for one in summands if one not in dropped] or [scale(0, ONE, summands[0])])
            target = left if key in own else expected
            if vocabulary.same(written, target, {key: left}):
                back = dropped == later
                what = "what comes back from the next step" if back else PRINTERS["text"](dropped[0])
                return f"a path is missing: {what}, in ∂E/∂{key}"
    return None
