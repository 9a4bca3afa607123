"""What may have been left out of a formula: the derivative of an activation, a gate, a weight, a number.

A factor is put in wherever it could have stood: once for a whole entrywise product, not for each of its parts.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction

from ..reading.expressions import Binary, Call, Expression, Name, Number, Power, parts, subexpressions, with_parts
from .vocabulary import Vocabulary

__all__ = ["Repair", "at_places", "missing_factor", "missing_slope", "values_in"]

#: What a repair is called, and the repaired formula.
Repair = tuple[str, Expression]

#: Repairs of one part, given how many axes it has.
PlacedRule = Callable[[Expression, int], Iterator[Repair]]

_ONE = Number(Fraction(1))

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
    """How many axes a formula has; None if a letter in it is not known."""
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
    speaks_of_next = any(isinstance(one, Name) and one.name.endswith("_next") for one in subexpressions(part))
    return (_shifted(factor), factor) if speaks_of_next else (factor,)


def _shifted(factor: Expression) -> Expression:
    """The same at the next step."""
    if isinstance(factor, Name):
        return Name(factor.name.removesuffix("_prev") if factor.name.endswith("_prev") else f"{factor.name}_next", 0)
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
