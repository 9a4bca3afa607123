"""Putting vectors and matrices together, and taking them apart again."""

from collections.abc import Iterable, Sequence
from typing import Any

from ...errors import ShapeError
from ..errors import FormulaError
from .arithmetic import add, scale, split, times, zero
from .dims import as_dim
from .entries import function
from .products import outer, product
from .term import Term, make

__all__ = ["block", "concat", "pad", "part", "stack"]


def stack(rows: Sequence[Term]) -> Term:
    """The matrix with these vectors as rows; of scalars, the vector with these entries."""
    if any(one.shape != rows[0].shape for one in rows):
        raise ShapeError(f"stack needs equal shapes, got {[one.shape for one in rows]}")
    if not rows[0].shape:
        return make("entries", tuple(rows), None, (len(rows),))
    if len(rows[0].shape) != 1:
        raise FormulaError("formulas hold scalars, vectors and matrices; a stack of matrices is none of these")
    if all(one.kind == "zero" for one in rows):
        return zero((len(rows), *rows[0].shape))
    return make("stack", tuple(rows), None, (len(rows), *rows[0].shape))


def concat(parts: Iterable[Term]) -> Term:
    """Vectors one below the other."""
    flat = [inner for one in parts for inner in (one.args if one.kind == "concat" else (one,))]
    size = sum(one.shape[0] for one in flat)
    if len(flat) == 1:
        return flat[0]
    if all(one.kind == "zero" for one in flat):
        return zero((size,))
    return make("concat", tuple(flat), None, (size,))


def block(rows: Sequence[Sequence[Term]]) -> Term:
    """A matrix of matrices."""
    if len(rows) == len(rows[0]) == 1:
        return rows[0][0]
    height = sum(line[0].shape[0] for line in rows)
    width = sum(cell.shape[1] for cell in rows[0])
    cells = tuple(cell for line in rows for cell in line)
    return make("block", cells, (len(rows), len(rows[0])), (height, width))


def pad(vector: Term, start: Any, stop: Any, size: Any) -> Term:
    """A vector as part of a longer one that is 0 elsewhere."""
    return concat([zero((width,)) if piece is None else piece for piece, width in _around(vector, start, stop, size)])


def _around(vector: Term, start: Any, stop: Any, size: Any) -> list[tuple[Term | None, Any]]:
    pieces = [(None, start), (vector, stop - start), (None, size - stop)]
    return [(piece, width) for piece, width in pieces if width != 0]


def part(x: Term, start: Any, stop: Any) -> Term:
    """Entries ``start`` to ``stop`` of a vector, or those rows of a matrix."""
    start, stop = as_dim(start), as_dim(stop)
    if start == 0 and stop == x.shape[0]:
        return x
    shape = (stop - start, *x.shape[1:])
    coefficient, scalar, body = split(x)
    return scale(coefficient, scalar, _part(body, start, stop, shape))


def _part(body: Term, start: Any, stop: Any, shape: tuple[Any, ...]) -> Term:
    if body.kind in ("ones", "zero"):
        return make(body.kind, shape=shape)
    if body.kind == "add":
        return add([part(one, start, stop) for one in body.args])
    if body.kind == "hadamard":
        return times([part(base, start, stop) for base in body.args], body.data)
    if body.kind == "function":
        return function(body.data, part(body.args[0], start, stop))
    if body.kind == "product":
        return product(part(body.args[0], start, stop), *body.args[1:])
    if body.kind == "outer":
        return outer(part(body.args[0], start, stop), body.args[1])
    if body.kind == "concat":
        found = _matching_parts(body, start, stop)
        if found:
            return concat(found)
    return make("slice", (body,), (start, stop), shape)


def _matching_parts(body: Term, start: Any, stop: Any) -> list[Term]:
    """The parts of a concatenation from one boundary to another; none if a boundary is inside a part."""
    position: Any = 0
    found: list[Term] = []
    for one in body.args:
        if position == start or found:
            found.append(one)
        position = position + one.shape[0]
        if found and position == stop:
            return found
    return []
