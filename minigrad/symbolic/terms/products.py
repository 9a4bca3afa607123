"""Products: of matrices and vectors, elementwise, outer and inner. All keep to one way of writing.

A vector that ends a product swallows what it can: diag(d) v = d ⊙ v, (u wᵀ) v = (wᵀ v) u.
"""

from itertools import pairwise
from math import prod
from typing import Any

from ...errors import ShapeError
from .arithmetic import ONE, add, diag, ones, power, scale, split, times, zero
from .entries import entry, function, place
from .names import Index
from .term import Term, make
from .traversal import fold

__all__ = [
    "basis",
    "cell",
    "hadamard",
    "identity",
    "inner",
    "ordered_product",
    "outer",
    "product",
    "row",
    "sum_over",
    "total",
    "transpose",
]


def sum_over(body: Term, letter: str, first: Index, last: Index) -> Term:
    """``Σ_{letter=first}^{last} body``; a plain number is taken out."""
    if body.kind == "zero":
        return zero(body.shape)
    coefficient, scalar, inner = split(body)
    inner = scale(1, scalar, inner)
    return scale(coefficient, ONE, make("sum_over", (inner,), (letter, first, last), body.shape))


def ordered_product(factor: Term, letter: str, first: Index, last: Index, *, descending: bool = True) -> Term:
    """``J_last … J_first``, as the chain rule multiplies: the latest factor on the left.

    Ascending order, the earliest on the left, exists so that a wrong claim can be stated. An empty
    range gives I.
    """
    if first.symbol == last.symbol and last.offset == first.offset - 1:
        return make("identity", shape=factor.shape)
    return make("ordered", (factor,), (letter, first, last, descending), factor.shape)


def identity(size: Any) -> Term:
    """I."""
    return make("identity", shape=(size, size))


def hadamard(*factors: Term) -> Term:
    """The entrywise product of terms of one shape; (u vᵀ) ⊙ X = diag(u) X diag(v)."""
    result = times(factors)
    coefficient, scalar, body = split(result)
    if body.kind != "hadamard":
        return result
    special = next((base for base in body.args if base.kind in ("basis", "outer")), None)
    if special is None:
        return result
    powers = [power(base, e) for base, e in zip(body.args, body.data, strict=True) if base is not special]
    if body.data[body.args.index(special)] != 1:
        return result
    rest = hadamard(*powers)
    if special.kind == "basis":
        return scale(coefficient, times([scalar, entry(rest, special.data)]), special)
    u, v = special.args
    own, own_scalar, inner_body = split(rest)
    if inner_body.kind == "outer":
        p, q = inner_body.args
        spread = outer(hadamard(u, p), hadamard(v, q))
    else:
        spread = product(diag(u), inner_body, diag(v))
    return scale(coefficient * own, times([scalar, own_scalar]), spread)


def outer(u: Term, v: Term) -> Term:
    """``u vᵀ``."""
    a, s, p = split(u)
    b, r, q = split(v)
    shape = (u.shape[0], v.shape[0])
    if "zero" in (p.kind, q.kind):
        return zero(shape)
    return scale(a * b, times([s, r]), make("outer", (p, q), None, shape))


def inner(u: Term, v: Term) -> Term:
    """``uᵀ v``."""
    return total(hadamard(u, v))


def total(x: Term) -> Term:
    """``1ᵀ x``: the sum of all entries; a softmax sums to 1."""
    coefficient, scalar, body = split(x)
    return scale(coefficient, ONE, times([scalar, _total(body)])) if x.shape else x


def _total(body: Term) -> Term:
    if body.kind == "zero":
        return zero()
    if body.kind in ("softmax", "basis"):
        return ONE
    if body.kind == "ones" and all(isinstance(size, int) for size in body.shape):
        return scale(prod(body.shape), ONE, ONE)
    if body.kind == "outer":
        return times([total(body.args[0]), total(body.args[1])])
    if body.kind in ("diag", "entries"):
        return total(body.args[0]) if body.kind == "diag" else add(body.args)
    if len(body.shape) == 2:
        return total(product(body, ones(body.shape[1:])))
    return make("total", (body,))


def transpose(term: Term) -> Term:
    """``termᵀ``, pushed down to the symbols; scalars and vectors stay as they are."""
    return fold(term, _transposed, inside=_to_transpose) if len(term.shape) == 2 else term


def _to_transpose(term: Term) -> tuple[Term, ...]:
    if term.kind == "scale":
        return term.args[-1:]
    return term.args if term.kind in ("add", "product", "hadamard", "function", "block", "sum_over") else ()


def _transposed(term: Term, *parts: Term) -> Term:
    kind, shape = term.kind, term.shape[::-1]
    if kind in ("identity", "diag"):
        return term
    if kind in ("ones", "zero"):
        return make(kind, shape=shape)
    if kind == "scale":
        return scale(term.data, split(term)[1], parts[0])
    if kind == "add":
        return add(parts)
    if kind == "product":
        return product(*parts[::-1])
    if kind == "hadamard":
        return times(parts, term.data)
    if kind == "outer":
        return outer(*term.args[::-1])
    if kind == "transpose":
        return term.args[0]
    if kind == "block":
        rows, columns = term.data
        swapped = tuple(parts[i * columns + j] for j in range(columns) for i in range(rows))
        return make("block", swapped, (columns, rows), shape)
    if kind in ("function", "sum_over"):
        return make(kind, parts, term.data, shape)
    return make("transpose", (term,), None, shape)


def product(*factors: Term) -> Term:
    """``A B … v``: matrices, of which the last may be a vector.

    Raises
    ------
    ShapeError
        If neighbours do not fit.
    """
    for left, right in pairwise(factors):
        if len(left.shape) != 2 or not right.shape or left.shape[1] != right.shape[0]:
            raise ShapeError(f"{left} of shape {left.shape} cannot be multiplied by {right} of shape {right.shape}")
    shape = (*factors[0].shape[:1], *factors[-1].shape[1:])
    chain = _Chain()
    for factor in reversed(factors):
        coefficient, scalar, body = split(factor)
        chain.coefficient *= coefficient
        chain.scalar = times([chain.scalar, scalar])
        for part in reversed(body.args if body.kind == "product" else (body,)):
            if part.kind == "zero":
                return zero(shape)
            chain.multiply(part)
    return chain.result(shape)


class _Chain:
    """A product under construction, from right to left: ``matrices · vector · rowᵀ``, the last two optional."""

    def __init__(self) -> None:
        self.coefficient: Any = 1
        self.scalar = ONE
        self.matrices: list[Term] = []
        self.vector: Term | None = None
        self.row: Term | None = None

    def multiply(self, part: Term) -> None:
        """One more factor on the left."""
        if part.kind == "identity":
            return
        if len(part.shape) == 1:
            self._set_vector(part)
        elif part.kind == "outer":
            u, v = part.args
            if self.vector is None:
                self.row = product(*(transpose(matrix) for matrix in self.matrices), v) if self.matrices else v
            else:
                self.scalar = times([self.scalar, inner(v, self._as_vector())])
            self._set_vector(u)
        elif (
            self.vector is not None and self.vector.kind == "basis" and not self.matrices and part.kind in _HAVE_COLUMNS
        ):
            self._set_vector(row(transpose(part), self.vector.data))
        elif part.kind == "diag" and self.vector is not None:
            self._set_vector(hadamard(part.args[0], self._as_vector()))
        elif part.kind == "diag" and self.matrices and self.matrices[-1].kind == "diag":
            self._merge(part)
        elif self.vector is None and self.matrices and _absorbs(part, self.matrices[-1]):
            self._absorb(part)
        elif part.kind == "block" and self.matrices and self.matrices[-1].kind == "block":
            self.matrices[-1] = _block_product(part, self.matrices[-1])
        else:
            self.matrices.append(part)

    def _merge(self, part: Term) -> None:
        """diag(u) diag(v) = diag(u ⊙ v)."""
        coefficient, scalar, body = split(hadamard(part.args[0], self.matrices.pop().args[0]))
        self.coefficient *= coefficient
        self.scalar = times([self.scalar, scalar])
        if body.kind == "zero":
            self.coefficient = 0
        if body.kind != "ones":
            self.matrices.append(make("diag", (body,), None, part.shape))

    def _absorb(self, part: Term) -> None:
        """diag(d) (I + u vᵀ) = diag(d) + (d ⊙ u) vᵀ, and the same from the right."""
        right = self.matrices.pop()
        if part.kind == "diag":
            joined = add([product(part, one) for one in right.args])
        else:
            joined = add([product(one, right) for one in part.args])
        if joined.kind == "zero":
            self.coefficient = 0
        self.matrices.append(joined)

    def _set_vector(self, vector: Term) -> None:
        coefficient, scalar, body = split(vector)
        self.coefficient *= coefficient
        self.scalar = times([self.scalar, scalar])
        self.matrices = list(body.args[-2::-1]) if body.kind == "product" else []
        self.vector = body.args[-1] if body.kind == "product" else body

    def _as_vector(self) -> Term:
        assert self.vector is not None
        if not self.matrices:
            return self.vector
        if self.vector.kind == "zero":
            return zero(self.matrices[-1].shape[:1])
        return make("product", (*self.matrices[::-1], self.vector), None, self.matrices[-1].shape[:1])

    def result(self, shape: tuple[Any, ...]) -> Term:
        """The finished product."""
        if self.vector is not None:
            body = self._as_vector()
            if self.row is not None:
                body = outer(body, self.row)
        elif len(self.matrices) > 1:
            body = make("product", tuple(self.matrices[::-1]), None, shape)
        elif self.matrices:
            body = self.matrices[0]
        else:
            body = identity(shape[0])
        return scale(self.coefficient, self.scalar, body) if self.coefficient else zero(shape)


#: Matrices whose columns are known.
_HAVE_COLUMNS = ("add", "function", "hadamard", "transpose")


def _absorbs(left: Term, right: Term) -> bool:
    """True if a diagonal matrix stands beside a sum of which it can enter every part."""
    for diagonal, other in ((left, right), (right, left)):
        if diagonal.kind == "diag" and other.kind == "add":
            return all(split(one)[2].kind in ("identity", "diag", "outer") for one in other.args)
    return False


def cell(matrix: Term, i: int, j: int, grid: tuple[tuple[Any, ...], tuple[Any, ...]]) -> Term:
    """Block (i, j) of a matrix that is cut into blocks of the given heights and widths."""
    if matrix.kind == "block":
        return matrix.args[i * matrix.data[1] + j]
    shape = (grid[0][i], grid[1][j])
    if matrix.kind == "zero" or (matrix.kind == "identity" and i != j):
        return zero(shape)
    return identity(shape[0]) if matrix.kind == "identity" else make("cell", (matrix,), (i, j, grid), shape)


def _block_product(A: Term, B: Term) -> Term:
    """Blocks multiply like entries."""
    rows, middle = A.data
    columns = B.data[1]
    cells = [
        add(product(A.args[i * middle + k], B.args[k * columns + j]) for k in range(middle))
        for i in range(rows)
        for j in range(columns)
    ]
    return make("block", tuple(cells), (rows, columns), (A.shape[0], B.shape[1]))


def basis(i: int, size: Any) -> Term:
    """The unit vector e_i, counted from 0."""
    return make("basis", (), i, (size,))


def row(matrix: Term, i: int) -> Term:
    """Row number i of a matrix as a vector, counted from 0."""
    i = place(i, matrix.shape[0], f"row {i} of a matrix")
    coefficient, scalar, body = split(matrix)
    return scale(coefficient, scalar, _row(body, i))


def _row(body: Term, i: int) -> Term:
    kind, shape = body.kind, body.shape[1:]
    if kind in ("ones", "zero"):
        return make(kind, shape=shape)
    if kind == "stack":
        return body.args[i]
    if kind == "add":
        return add([row(one, i) for one in body.args])
    if kind == "hadamard":
        return hadamard(*(times([row(base, i)], [e]) for base, e in zip(body.args, body.data, strict=True)))
    if kind == "function":
        return function(body.data, row(body.args[0], i))
    if kind == "outer":
        return scale(1, entry(body.args[0], i), body.args[1])
    if kind == "block" and body.data[0] == 1:
        return make("concat", tuple(row(one, i) for one in body.args), None, shape)
    if kind == "diag":
        return scale(1, entry(body.args[0], i), basis(i, shape[0]))
    if kind == "identity":
        return basis(i, shape[0])
    if kind == "product":
        return product(*(transpose(one) for one in body.args[:0:-1]), row(body.args[0], i))
    return make("row", (body,), i, shape)
