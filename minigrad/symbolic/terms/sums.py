"""Sums, and the diagonal matrices that they merge: diag(u) + diag(v) = diag(u + v)."""

from collections.abc import Iterable

from .monomials import ONE, Rational, ones, scale, split, summand_order, summands, zero
from .term import Term, make

__all__ = ["add", "collect", "diag", "minus", "plain_sum"]


def collect(terms: Iterable[Term]) -> dict[tuple[Term, Term], Rational]:
    """Like terms together: ``{(scalar, body): fraction}``, without those that cancel."""
    found: dict[tuple[Term, Term], Rational] = {}
    for term in terms:
        for part in summands(term):
            coefficient, scalar, body = split(part)
            found[scalar, body] = found.get((scalar, body), 0) + coefficient
    return {key: value for key, value in found.items() if value and key[1].kind != "zero"}


def add(terms: Iterable[Term]) -> Term:
    """The sum of terms of one shape."""
    terms = list(terms)
    found = collect(terms)
    if any(body.kind == "diag" for _, body in found) and len(found) > 1:
        found = _merge_diagonals(found)
    return plain_sum(found, terms[0].shape)


def plain_sum(found: dict[tuple[Term, Term], Rational], shape: tuple[object, ...]) -> Term:
    """The sum of collected terms, in the order in which sums are written."""
    parts = [scale(coefficient, scalar, body) for (scalar, body), coefficient in found.items()]
    if not parts:
        return zero(shape)
    if len(parts) == 1:
        return parts[0]
    return make("add", tuple(sorted(parts, key=summand_order)), None, shape)


def _merge_diagonals(found: dict[tuple[Term, Term], Rational]) -> dict[tuple[Term, Term], Rational]:
    """All diagonal parts as one diag of one sum; identities join in."""
    vectors, rest = [], {}
    for (scalar, body), coefficient in found.items():
        if body.kind == "diag":
            vectors.append(scale(coefficient, scalar, body.args[0]))
        elif body.kind == "identity":
            vectors.append(scale(coefficient, scalar, ones(body.shape[:1])))
        else:
            rest[scalar, body] = coefficient
    coefficient, scalar, body = split(diag(add(vectors)))
    if body.kind != "zero":
        rest[scalar, body] = coefficient
    return rest


def diag(vector: Term) -> Term:
    """The diagonal matrix of a vector."""
    coefficient, scalar, body = split(vector)
    size = vector.shape[0]
    if body.kind == "zero":
        return zero((size, size))
    if body.kind == "ones":
        matrix = make("identity", shape=(size, size))
    else:
        matrix = make("diag", (body,), None, (size, size))
    return scale(coefficient, scalar, matrix)


def minus(term: Term) -> Term:
    """``−term``."""
    return scale(-1, ONE, term)
