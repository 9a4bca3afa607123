"""Reading a formula that is linear in a seed as a matrix: ``d ⊙ (A g)`` is the matrix ``diag(d) A``.

A reverse sweep with a generic seed g gives Jᵀ g; what is read here is Jᵀ. Nothing is differentiated in
this module.
"""

from collections.abc import Sequence
from typing import Any

from ..errors import FormulaError
from .arithmetic import ONE, add, diag, ones, power, scale, split, summands, times, zero
from .blocks import block, part, stack
from .products import hadamard, identity, inner, outer, product, row, transpose
from .term import Term
from .traversal import fold

__all__ = ["differential", "linear_part", "read_linear"]


def read_linear(formula: Term, seed: Term) -> Term:
    """The matrix L with ``formula = L seed``; for a scalar formula the vector l with ``formula = lᵀ seed``.

    Raises
    ------
    FormulaError
        If the formula is not linear in the seed.
    """
    found = linear_part(formula, seed)
    if found is None:
        return zero((*formula.shape, *seed.shape))
    return found


def linear_part(formula: Term, seed: Term) -> Any:
    """As `read_linear`, but None if the seed does not occur."""

    def rule(term: Term, *found: Any) -> Any:
        if term is seed:
            return identity(seed.shape[0]) if seed.shape else ONE
        return None if all(one is None for one in found) else _READERS.get(term.kind, _refuse)(term, found, seed)

    return fold(formula, rule)


def _refuse(term: Term, found: Sequence[Any], seed: Term) -> Any:
    raise FormulaError(f"{term} is not linear in {seed}, or of a kind that cannot be read off ({term.kind})")


def _only(term: Term, found: Sequence[Any], seed: Term) -> int:
    """The position of the one part that depends on the seed."""
    positions = [i for i, one in enumerate(found) if one is not None]
    return positions[0] if len(positions) == 1 else _refuse(term, found, seed)


def _of_add(term: Term, found: Sequence[Any], seed: Term) -> Term:
    return _refuse(term, found, seed) if any(one is None for one in found) else add(found)


def _of_scale(term: Term, found: Sequence[Any], seed: Term) -> Term:
    """c s v: a multiple of the matrix of v; if the scalar s = lᵀ g depends on the seed, v lᵀ."""
    coefficient, scalar, body = split(term)
    if _only(term, found, seed) == len(found) - 1:
        return scale(coefficient, scalar, found[-1])
    return scale(coefficient, ONE, outer(body, found[0]) if seed.shape else scale(1, found[0], body))


def _of_hadamard(term: Term, found: Sequence[Any], seed: Term) -> Term:
    """d ⊙ e = diag(d) e."""
    i = _only(term, found, seed)
    rest = [power(base, e) for j, (base, e) in enumerate(zip(term.args, term.data, strict=True)) if j != i]
    if term.data[i] != 1:
        return _refuse(term, found, seed)
    others = times(rest) if rest else ones(term.shape)
    if not term.shape or not seed.shape:
        return scale(1, others, found[i]) if not others.shape else hadamard(others, found[i])
    return product(diag(others), found[i])


def _of_product(term: Term, found: Sequence[Any], seed: Term) -> Term:
    i = _only(term, found, seed)
    return product(*term.args[:-1], found[-1]) if i == len(found) - 1 else _refuse(term, found, seed)


def _of_total(term: Term, found: Sequence[Any], seed: Term) -> Term:
    """1ᵀ (L g) = (Lᵀ 1)ᵀ g."""
    return product(transpose(found[0]), ones(found[0].shape[:1]))


def _of_concat(term: Term, found: Sequence[Any], seed: Term) -> Term:
    return block([[one] for one in _each(term, found, seed)])


def _of_entries(term: Term, found: Sequence[Any], seed: Term) -> Term:
    return stack(_each(term, found, seed))


def _each(term: Term, found: Sequence[Any], seed: Term) -> list[Term]:
    """The matrix read of every part; a part without the seed has to be 0."""
    if any(matrix is None and one.kind != "zero" for one, matrix in zip(term.args, found, strict=True)):
        _refuse(term, found, seed)
    parts = zip(term.args, found, strict=True)
    return [zero((*one.shape, *seed.shape)) if matrix is None else matrix for one, matrix in parts]


_READERS: dict[str, Any] = {
    "add": _of_add,
    "scale": _of_scale,
    "hadamard": _of_hadamard,
    "product": _of_product,
    "total": _of_total,
    "concat": _of_concat,
    "entries": _of_entries,
    "entry": lambda term, found, seed: row(found[0], term.data),
    "slice": lambda term, found, seed: part(found[0], *term.data),
}


def differential(pulled: Term, seed: Term, change: Term) -> Term:
    """The change of an output, given the cotangent ``pulled`` of a parameter, linear in the output's seed.

    By ⟨g, dy⟩ = ⟨Ā, dA⟩: where the sweep gives Ā = (L g) rᵀ, the output changes by dy = Lᵀ dA r.

    Parameters
    ----------
    pulled : Term
        Ā, of the parameter's shape.
    seed : Term
        g, a vector or a scalar.
    change : Term
        dA, of the parameter's shape.
    """
    if change.ndim == 1:
        return _applied(read_linear(pulled, seed), change)
    total = zero(seed.shape)
    for term in summands(pulled):
        coefficient, scalar, body = split(term)
        through = linear_part(scalar, seed)
        if through is None:
            found = scale(1, scalar, _matrix_change(body, seed, change))
        else:
            found = scale(1, _paired(body, change), through)
        total = add([total, scale(coefficient, ONE, found)])
    return total


def _paired(body: Term, change: Term) -> Term:
    """⟨u rᵀ, dA⟩ = uᵀ dA r."""
    if body.kind != "outer":
        raise FormulaError(f"the change of a matrix through {body} cannot be read off")
    u, r = body.args
    return inner(u, product(change, r))


def _matrix_change(body: Term, seed: Term, change: Term) -> Term:
    """One term of `differential` for a matrix."""
    if body.kind == "zero":
        return zero(seed.shape)
    if body.kind == "outer":
        u, r = body.args
        left = linear_part(u, seed)
        if left is not None:
            return _applied(left, product(change, r))
        right = linear_part(r, seed)
        if right is not None:
            return _applied(right, product(transpose(change), u))
    factors = body.args if body.kind == "product" else (body,)
    for i, factor in enumerate(factors):
        if factor.kind == "diag" and (middle := linear_part(factor.args[0], seed)) is not None:
            return _through_diagonal(factors[:i], middle, factors[i + 1 :], change)
    raise FormulaError(f"the change of a matrix through {body} cannot be read off")


def _applied(matrix: Term, vector: Term) -> Term:
    """Lᵀ v; lᵀ v, if the seed of which l was read is a scalar."""
    return product(transpose(matrix), vector) if matrix.ndim == 2 else inner(matrix, vector)


def _through_diagonal(left: Sequence[Term], middle: Term, right: Sequence[Term], change: Term) -> Term:
    """⟨A diag(L g) B, dX⟩ = gᵀ Lᵀ ((Aᵀ dX ⊙ B) 1)."""
    turned = product(*(transpose(one) for one in reversed(left)), change) if left else change
    right_side = product(*right) if right else identity(turned.shape[1])
    return product(transpose(middle), hadamard(turned, right_side), ones(turned.shape[1:]))
