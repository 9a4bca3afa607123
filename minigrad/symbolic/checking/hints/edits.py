"""Repairs: every change of one place in a formula that undoes a known slip, with the slip's name.

Here is what is written wrongly; what is not written at all is in `omissions`.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import reduce

from ...parsing.limits import shortened
from ...parsing.names import Symbol, without_time
from ...parsing.syntax import (
    Binary,
    Call,
    Expression,
    Name,
    Negative,
    Number,
    Power,
    as_text,
    parts,
    subexpressions,
    with_parts,
)
from ..resolve import Vocabulary

__all__ = [
    "Repair",
    "at_places",
    "likely_repairs",
    "missing_factor",
    "missing_slope",
    "unlikely_repairs",
    "values_in",
]


#: What a repair is called, and the repaired formula.
Repair = tuple[str, Expression]

#: Repairs of one part, given how many axes it has.
PlacedRule = Callable[[Expression, int], Iterator[Repair]]

_ONE = Number(Fraction(1))

_SQUARED_ERROR = "this is the gradient of a squared error; E is the cross-entropy, in which yhat stands for logits"

_DIAGONAL_BEHIND = "the factors of a product are in the wrong order: diag(...) stands before what it scales"

#: How many axes the values of some functions have.
_RANKS = {"diag": 2, "outer": 2, "eye": 2, "ones": 1, "sum": 0}


def values_in(part: Expression) -> tuple[Expression, ...]:
    """The parts of a formula that are formulas: not the length in ``ones(H)``, nor the index of an entry."""
    match part:
        case Call("ones" | "eye"):
            return ()
        case Call("entry", args):
            return args[:1]
        case _:
            return parts(part)


def at_places(formula: Expression, vocabulary: Vocabulary, rule: PlacedRule) -> Iterator[Repair]:
    """Apply a rule to every part that is no factor of a larger entrywise product."""
    rank = _rank(formula, vocabulary)
    if rank is not None:
        yield from rule(formula, rank)
    yield from _inside(formula, vocabulary, rule)


def _inside(part: Expression, vocabulary: Vocabulary, rule: PlacedRule) -> Iterator[Repair]:
    own = parts(part)
    is_product = isinstance(part, Binary) and part.operator == "*"
    search = _inside if is_product else at_places
    for i, inner in enumerate(values_in(part)):
        for hint, new in search(inner, vocabulary, rule):
            yield hint, with_parts(part, (*own[:i], new, *own[i + 1 :]))


def _rank(part: Expression, vocabulary: Vocabulary) -> int | None:
    """The number of axes of a formula; None if a letter in it is not known."""
    if isinstance(part, Name):
        try:
            return vocabulary.meanings.letter(part.name).ndim
        except (ValueError, KeyError):
            return None
    if isinstance(part, Call) and part.function in _RANKS:
        return _RANKS[part.function]
    ranks = [_rank(inner, vocabulary) for inner in parts(part)]
    known = [rank for rank in ranks if rank is not None]
    if len(known) < len(ranks):
        return None
    if isinstance(part, Binary) and part.operator == "@":
        return max(sum(known) - 2, 0)
    return max(known, default=0)


def _with_factor(part: Expression, rank: int, factor: Expression) -> Expression:
    """A vector times another, or the rows of a matrix scaled by a vector."""
    return Binary("*", part, factor, 0) if rank == 1 else Binary("@", Call("diag", (factor,), 0), part, 0)


def missing_slope(vocabulary: Vocabulary) -> PlacedRule:
    """The derivative of an activation that was left out, put where it could have stood."""
    slopes = dict(_slopes(vocabulary))

    def rule(part: Expression, rank: int) -> Iterator[Repair]:
        for letter, slope in slopes.items():
            if rank:
                hint = f"the derivative of the activation of {letter} is missing"
                yield from ((hint, _with_factor(part, rank, one)) for one in _around(part, slope))

    return rule


def _around(part: Expression, factor: Expression) -> tuple[Expression, ...]:
    """A factor at this step, and at the next if the formula it stands beside speaks of that."""
    speaks_of_next = any(isinstance(one, Name) and Symbol.of(one.name).time == 1 for one in subexpressions(part))
    return (_shifted(factor), factor) if speaks_of_next else (factor,)


def _shifted(factor: Expression) -> Expression:
    """The same at the next step."""
    if isinstance(factor, Name):
        symbol = Symbol.of(factor.name)
        return Name(symbol.at(symbol.time + 1).key, 0)
    return with_parts(factor, tuple(_shifted(part) for part in parts(factor)))


def _slopes(vocabulary: Vocabulary) -> Iterator[tuple[str, Expression]]:
    """1 − h² for every value that is a tanh, f (1 − f) for every σ, [a > 0] for every relu."""
    for key, definition in vocabulary.derivation.definitions.items():
        letter = Name(key, 0)
        if definition.kind != "function":
            continue
        if definition.data == "tanh":
            yield key, Binary("-", _ONE, Power(letter, 2), 0)
        if definition.data == "sigmoid":
            yield key, Binary("*", letter, Binary("-", _ONE, letter, 0), 0)
        if definition.data == "relu":
            yield key, Call("positive", (letter,), 0)


def missing_factor(vocabulary: Vocabulary) -> PlacedRule:
    """A gate, a state or a weight that was left out; or 2."""
    derivation = vocabulary.derivation
    width = derivation.values[derivation.step.output].shape
    given = derivation.step.parameters
    vectors = [key for key, value in derivation.values.items() if value.shape == width and key not in ("yhat", "y")]
    matrices = [key for key in given if derivation.values[key].ndim == 2]
    gates = [key for key, one in derivation.definitions.items() if one.kind == "function"]

    def rule(part: Expression, rank: int) -> Iterator[Repair]:
        for key in vectors if rank else ():
            around = (Name(key, 0),) if key in given else _around(part, Name(key, 0))
            yield from ((f"the factor {_letter(one)} is missing", _with_factor(part, rank, one)) for one in around)
        for key in gates if rank else ():
            for one in _around(part, Name(key, 0)):
                rest = Binary("-", _ONE, one, 0)
                yield f"the factor 1 − {_letter(one)} is missing", _with_factor(part, rank, rest)
        for key in matrices:
            weight = Name(key, 0)
            if rank == 1:
                yield f"the factor {key}.T is missing", Binary("@", Call("transpose", (weight,), 0), part, 0)
                yield f"the factor {key} is missing", Binary("@", weight, part, 0)
            if rank == 2:
                yield f"the factor {key} is missing", Binary("@", part, weight, 0)
        yield "a factor: 2 is missing", Binary("*", Number(Fraction(2)), part, 0)
        yield "a factor: 1/2 is missing", Binary("/", part, Number(Fraction(2)), 0)

    return rule


def _letter(part: Expression) -> str:
    return part.name if isinstance(part, Name) else ""


Rule = Callable[[Expression], Iterator[Repair]]


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
    """The remaining hints: something too many, the wrong letter, a factor that is missing."""
    for rule in (_side, _brackets, _too_many, _other_letter(vocabulary)):
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
    """True if two formulas are written alike, wherever they stand."""
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
        case Binary("@", left, Call("diag") as right, column):
            yield _DIAGONAL_BEHIND, Binary("@", right, left, column)
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
    symbol = Symbol.of(part.name)
    for name in (symbol.at(time).key for time in (0, -1, 1)):
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
    gates |= {Symbol.of(key).at(1).key for key in gates}

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


def _side(part: Expression) -> Iterator[Repair]:
    """A slope on the wrong side of a matrix, or a product in the place of a sum."""
    match part:
        case Binary("*", left, right, place):
            for slope, rest in ((left, right), (right, left)):
                if isinstance(rest, Binary) and rest.operator == "@":
                    hint = f"{_shown(slope)} stands on the wrong side of {_shown(rest.left)}"
                    yield hint, Binary("@", rest.left, Binary("*", slope, rest.right, place), place)
        case Binary("@", matrix, Binary("*", left, right), place):
            for slope, column in ((right, left), (left, right)):
                hint = f"{_shown(slope)} stands on the wrong side of {_shown(matrix)}"
                yield hint, Binary("*", Binary("@", matrix, column, place), slope, place)
    factors = _factors(part)
    for count in range(1, len(factors)):
        both = reduce(_times, factors[:count]), reduce(_times, factors[count:])
        yield "a product stands where a sum belongs", Binary("+", *both, 0)


def _factors(part: Expression) -> tuple[Expression, ...]:
    if isinstance(part, Binary) and part.operator == "*":
        return (*_factors(part.left), *_factors(part.right))
    return (part,)


def _times(a: Expression, b: Expression) -> Expression:
    return Binary("*", a, b, 0)


def _brackets(part: Expression) -> Iterator[Repair]:
    """``a + b * c`` for ``(a + b) * c`` and its like."""
    hint = "brackets are left out of a sum"
    match part:
        case Binary("+" | "-" as sign, left, Binary("*" | "@" as operator, first, second), place):
            yield hint, Binary(operator, Binary(sign, left, first, place), second, place)
    match part:
        case Binary("+" | "-" as sign, Binary("*" | "@" as operator, first, second), right, place):
            yield hint, Binary(operator, first, Binary(sign, second, right, place), place)


def _shown(part: Expression) -> str:
    return shortened(as_text(part), 40)


def _superfluous(part: Expression) -> str:
    return f"the factor {part.name} is too many" if isinstance(part, Name) else "a factor is too many"


def _other_letter(vocabulary: Vocabulary) -> Rule:
    """The letter of another gate, or another parameter of the same kind: W_i for W_f."""
    values = vocabulary.derivation.values
    inputs, carried = vocabulary.derivation.step.before, vocabulary.derivation.step.carried()

    def rule(part: Expression) -> Iterator[Repair]:
        if not isinstance(part, Name):
            return
        stem = without_time(part.name.removeprefix("d_"))
        if stem not in values or stem in inputs:
            return
        before, _, after = part.name.partition(stem)
        own, given = values[stem], stem in vocabulary.derivation.step.parameters
        for key, value in values.items():
            alike = value.shape == own.shape and value.kind == own.kind and (not given or key[0] == stem[0])
            alike |= given and own.ndim == value.ndim == 2 and key[1:] == stem[1:]  # U for W
            is_state = key in carried and bool(after) and value.shape == own.shape  # g_prev for c_prev
            if key == stem or key in inputs or not (alike or is_state):
                continue
            new = before + key + after
            yield (
                (
                    _SQUARED_ERROR
                    if (stem, key) == ("logits", "yhat")
                    else f"the wrong letter: {part.name} stands where {new} belongs"
                ),
                Name(new, part.column),
            )

    return rule
