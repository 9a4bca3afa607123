"""Repairs: every change of one place in a formula that undoes a known slip, with the slip's name.

Here is what is written wrongly; what is not written at all is in `omissions`.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction

from ..reading.expressions import Binary, Call, Expression, Name, Negative, Number, Power, parts, with_parts
from .omissions import Repair, at_places, missing_factor, missing_slope, values_in
from .vocabulary import Vocabulary

__all__ = ["Repair", "likely_repairs", "unlikely_repairs"]

Rule = Callable[[Expression], Iterator[Repair]]

_ONE = Number(Fraction(1))


def likely_repairs(formula: Expression, vocabulary: Vocabulary) -> Iterator[Repair]:
    """Every formula that one repair of a usual slip makes of a formula, the likeliest first."""
    for rule in (_slope, _transposition, _time, _sign, _first_sign):
        yield from _everywhere(formula, rule)
    yield "the sign of the whole is wrong", Negative(formula)
    yield from _everywhere(formula, _number)
    yield from at_places(formula, vocabulary, missing_slope(vocabulary))
    yield from _sums_over_time(formula)
    yield from _everywhere(formula, _complement(vocabulary))


def unlikely_repairs(formula: Expression, vocabulary: Vocabulary) -> Iterator[Repair]:
    """What remains: something too many, the wrong letter, a factor that is missing."""
    for rule in (_too_many, _other_letter(vocabulary)):
        yield from _everywhere(formula, rule)
    yield from at_places(formula, vocabulary, missing_factor(vocabulary))


def _everywhere(formula: Expression, rule: Rule) -> Iterator[Repair]:
    """Apply a rule to each part of a formula in turn."""
    yield from rule(formula)
    own = parts(formula)
    for i, part in enumerate(values_in(formula)):
        for hint, new in _everywhere(part, rule):
            yield hint, with_parts(formula, (*own[:i], new, *own[i + 1 :]))


# -- what is written in a wrong way ----------------------------------------------------------------


def _slope(part: Expression) -> Iterator[Repair]:
    """Confusions about tanh' = 1 − h² and σ' = f (1 − f)."""
    match part:
        case Power(Binary("-", Number(Fraction(numerator=1, denominator=1)), x, column), 2):
            yield "(1 − h)² stands where 1 − h² is meant", Binary("-", _ONE, Power(x, 2), column)
        case Binary("-", Number(Fraction(numerator=1, denominator=1)), Power(x, 2), column):
            complement = Binary("-", _ONE, x, column)
            yield "1 − f² is the slope of tanh; that of σ is f (1 − f)", Binary("*", x, complement, column)
            yield "1 − f² stands where 1 − f is meant: the slope of σ is f (1 − f)", complement
        case Binary("-", Number(Fraction(numerator=1, denominator=1)), x, column):
            yield "1 − h stands where 1 − h² is meant, the slope of tanh", Binary("-", _ONE, Power(x, 2), column)
    match part:
        case Binary("*", y, Binary("-", Number(), again, column)) if _same(y, _base(again)):
            yield "f (1 − f) is the slope of σ; that of tanh is 1 − h²", Binary("-", _ONE, Power(y, 2), column)
        case Binary("*", Binary("*", rest, y, _), Binary("-", Number(), again, column)) if _same(y, _base(again)):
            slope = Binary("-", _ONE, Power(y, 2), column)
            yield "f (1 − f) is the slope of σ; that of tanh is 1 − h²", Binary("*", rest, slope, column)


def _base(part: Expression) -> Expression:
    return part.x if isinstance(part, Power) else part


def _same(a: Expression, b: Expression) -> bool:
    """Whether two formulas are written alike, wherever they stand."""
    if isinstance(a, Name) and isinstance(b, Name):
        return a.name == b.name
    return a == b


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
        case Binary("-", left, right, column):
            yield "a sign is wrong: the difference is the other way round", Binary("-", right, left, column)
    match part:
        case Negative(x):
            yield "a sign is wrong", x
        case Binary("+" | "-" as operator, left, right, column):
            yield "a sign is wrong", Binary("-" if operator == "+" else "+", left, right, column)


def _first_sign(part: Expression) -> Iterator[Repair]:
    match part:
        case Binary("+" | "-" as operator, left, right, column):
            yield "a sign is wrong", Binary(operator, Negative(left), right, column)


def _number(part: Expression) -> Iterator[Repair]:
    """A number that does not belong, or another exponent."""
    match part:
        case Binary("*", Number(value), x) | Binary("*", x, Number(value)) if value != 1:
            yield f"a factor: {value} does not belong here", x
        case Binary("/", x, Number(value)):
            yield f"a factor: 1/{value} does not belong here", x
        case Number(value) if value not in (0, 1):
            yield f"a factor: {value} stands where 1 belongs", _ONE
        case Power(x, exponent):
            for other in (exponent - 1, exponent + 1):
                yield f"the exponent {exponent} stands where {other} belongs", Power(x, other)


def _sums_over_time(formula: Expression) -> Iterator[Repair]:
    match formula:
        case Call("sum_t", (inner,), _):
            yield "sum_t does not belong here: this is one step", inner
        case _:
            yield "the sum over the time steps, sum_t, is missing", Call("sum_t", (formula,), 0)


def _complement(vocabulary: Vocabulary) -> Rule:
    """1 − z for z or the reverse: papers differ in which of the two keeps the old state."""
    gates = {key for key, one in vocabulary.derivation.definitions.items() if one.kind == "function"}
    gates |= {f"{key}_next" for key in gates}

    def rule(part: Expression) -> Iterator[Repair]:
        match part:
            case Binary("-", Number(Fraction(numerator=1, denominator=1)), Name(name), _) if name in gates:
                yield f"1 − {name} stands where {name} belongs", part.right
            case Name(name, column) if name in gates:
                yield f"{name} stands where 1 − {name} belongs", Binary("-", _ONE, part, column)

    return rule


def _too_many(part: Expression) -> Iterator[Repair]:
    """A term or a factor that should not be there, such as a slope taken twice."""
    match part:
        case Binary("*", Binary("*", rest, x, _), Binary("-", Number(), y)) if _same(x, _base(y)):
            yield f"the slope {_word(x)} (1 − {_word(x)}) is too many", rest
        case Binary("+" | "-", left, right):
            yield "a term is too many", left
            yield "a term is too many", right
    match part:
        case Binary("*", left, right):
            yield _superfluous(right), left
            yield _superfluous(left), right
        case Binary("@", left, right):
            yield _superfluous(left), right


def _superfluous(part: Expression) -> str:
    return f"the factor {part.name} is too many" if isinstance(part, Name) else "a factor is too many"


def _other_letter(vocabulary: Vocabulary) -> Rule:
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
