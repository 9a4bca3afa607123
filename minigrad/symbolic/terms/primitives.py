"""The primitives of the engine on terms: `minigrad.tanh(term)`, and every derivative rule.

Rules of the engine are made of operators and primitives, so the engine's own reverse sweep runs on
terms with nothing but this table.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from ...errors import ShapeError
from ...primitive import Primitive
from ..errors import FormulaError
from .arithmetic import ONE, add, fraction, minus, number, ones, power, scale, zero
from .blocks import block, concat, pad, part, stack
from .entries import entry, function, place, softmax
from .products import basis, hadamard, inner, outer, product, row, total, transpose
from .term import Term

__all__ = ["as_term", "broadcast", "evaluate_primitive"]


def as_term(value: Any) -> Term:
    """A term, a number, or an array of equal numbers, as a term.

    Raises
    ------
    FormulaError
        For an array with different entries, which has no formula.
    """
    if isinstance(value, Term):
        return value
    array = np.asarray(value)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise FormulaError(f"a number in a formula must be real and finite, got {value!r}")
    if array.dtype.kind not in "biuf" or array.size == 0 or (array != array.flat[0]).any():
        raise FormulaError(
            f"an array of shape {array.shape} with different entries has no formula; "
            "pass mg.symbol(name, shape) in its place"
        )
    return broadcast(_constant(array.flat[0].item()), array.shape)


def _constant(value: Any) -> Term:
    """A number; a float that is the root of a simple fraction, such as √5, as that root."""
    exact = fraction(value)
    square = Fraction(value * value).limit_denominator(1000) if isinstance(value, float) else exact
    if exact.denominator > 10**6 and value > 0 and abs(square - Fraction(value) ** 2) < 1e-15 * square:
        return power(number(square), Fraction(1, 2))
    return number(exact)


def broadcast(x: Term, shape: tuple[Any, ...]) -> Term:
    """Repeat along new leading axes and along axes of length 1, as NumPy does.

    Raises
    ------
    ShapeError
        If the shape does not allow it.
    """
    if x.shape == shape:
        return x
    if x.ndim <= len(shape) and all(size == 1 for size in x.shape):
        return scale(1, total(x), ones(shape))
    if len(shape) == 2 and x.shape == shape[1:]:
        return outer(ones(shape[:1]), x)
    if len(shape) == 2 and x.shape == (shape[0], 1):
        return product(x, outer(ones((1,)), ones(shape[1:])))
    if len(shape) == 2 and x.shape == (1, shape[1]):
        return product(outer(ones(shape[:1]), ones((1,))), x)
    raise ShapeError(f"{x} of shape {x.shape} does not broadcast to {shape}")


def _together(a: Term, b: Term) -> tuple[Term, Term]:
    """Two operands in their common shape."""
    if a.shape == b.shape:
        return a, b
    sizes = []
    for i in range(max(a.ndim, b.ndim), 0, -1):
        m = a.shape[-i] if i <= a.ndim else 1
        n = b.shape[-i] if i <= b.ndim else 1
        if m != n and 1 not in (m, n):
            raise ShapeError(f"shapes {a.shape} and {b.shape} do not broadcast: {a} and {b}")
        sizes.append(n if m == 1 else m)
    return broadcast(a, tuple(sizes)), broadcast(b, tuple(sizes))


def _multiply(a: Term, b: Term) -> Term:
    if a.shape == () or b.shape == ():
        scalar, body = (a, b) if a.shape == () else (b, a)
        return scale(1, scalar, body)
    return hadamard(*_together(a, b))


def _power(x: Term, n: Term) -> Term:
    if n.kind != "ones" and not (n.kind == "scale" and n.args[-1].kind == "ones") and n.kind != "zero":
        raise FormulaError(f"a formula has powers with constant exponents only, got {x} to the power {n}")
    return power(x, 0 if n.kind == "zero" else n.data or 1)


def _linear(W: Term, x: Term) -> Term:
    return product(W, x) if x.ndim == 1 else product(x, transpose(W))


def _outer(g: Term, x: Term) -> Term:
    return outer(g, x) if g.ndim == 1 else product(transpose(g), x)


def _matmul(a: Term, b: Term) -> Term:
    if a.ndim == 0 or b.ndim == 0:
        raise ShapeError(f"matmul needs vectors or matrices, got {a} and {b}; use * for scalars")
    if a.ndim == 1:
        return inner(a, b) if b.ndim == 1 else product(transpose(b), a)
    return product(a, b)


def _sum(x: Term, axis: tuple[int, ...], keepdims: bool) -> Term:
    if len(axis) == x.ndim:
        reduced = total(x)
        return _reshape(reduced, (1,) * x.ndim) if keepdims and x.ndim == 2 else reduced
    if not axis:
        return x
    if axis == (0,):
        sums = product(transpose(x), ones(x.shape[:1]))
        return outer(ones((1,)), sums) if keepdims else sums
    sums = product(x, ones(x.shape[1:]))
    return outer(sums, ones((1,))) if keepdims else sums


def _mean(x: Term, axis: tuple[int, ...], keepdims: bool) -> Term:
    sums = _sum(x, axis, keepdims)
    for i in axis:
        count = x.shape[i]
        if not isinstance(count, int):
            raise FormulaError(f"a mean over an axis of symbolic size {count} has no formula yet; use a sum")
        sums = _multiply(power(number(count), -1), sums)
    return sums


def _reshape(x: Term, shape: tuple[Any, ...]) -> Term:
    """Only what adds or drops axes of length 1."""
    if x.shape == shape:
        return x
    flat = _without_units(x)
    if len(shape) > 2 or tuple(n for n in shape if n != 1) != tuple(n for n in flat.shape if n != 1):
        raise FormulaError(f"{x} of shape {x.shape} cannot be reshaped to {shape} in a formula")
    if flat.ndim == 0:
        return broadcast(flat, shape)
    if len(shape) == 1 or flat.ndim == 2:
        return flat
    return outer(ones((1,)), flat) if shape[0] == 1 else outer(flat, ones((1,)))


def _without_units(x: Term) -> Term:
    """A matrix with one row or column as a vector, a vector of one entry as a scalar."""
    if x.ndim == 2 and x.shape[0] == 1:
        x = row(x, 0)
    elif x.ndim == 2 and x.shape[1] == 1:
        x = row(transpose(x), 0)
    return entry(x, 0) if x.shape == (1,) else x


def _indices(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _getitem(x: Term, index: Any) -> Term:
    for i in _indices(index):
        if i is Ellipsis:
            continue
        if isinstance(i, slice) and i.step in (None, 1) and x.ndim:
            x = _slice(x, i)
        elif isinstance(i, int | np.integer) and x.ndim:
            x = entry(x, int(i)) if x.ndim == 1 else row(x, int(i))
        elif i is None and x.ndim == 1:
            x = outer(ones((1,)), x)
        else:
            raise FormulaError(f"formulas take entries, rows and slices; got the index {index!r}")
        if isinstance(i, slice) and len(_indices(index)) > 1:
            return _columns(x, _indices(index)[1:], index)
    return x


def _columns(x: Term, rest: tuple[Any, ...], index: Any) -> Term:
    """The part taken along the second axis, after a slice along the first."""
    if len(rest) != 1 or (x.ndim == 1 and rest[0] is not None):
        raise FormulaError(f"formulas take entries, rows and slices; got the index {index!r}")
    if rest[0] is None:
        return outer(x, ones((1,)))
    taken = _getitem(transpose(x), rest[0])
    return transpose(taken) if taken.ndim == 2 else taken


def _slice(x: Term, i: slice) -> Term:
    return part(x, *_ends(i, x.shape[0]))


def _ends(i: slice, size: Any) -> tuple[Any, Any]:
    """Start and stop of a slice, counted from the start."""
    if isinstance(size, int):
        return i.indices(size)[:2]
    ends = (0 if i.start is None else i.start, size if i.stop is None else i.stop)
    start, stop = (size - -end if isinstance(end, int) and end < 0 else end for end in ends)
    return start, stop


def _scatter(*gs: Term, indices: tuple[Any, ...], shape: tuple[Any, ...]) -> Term:
    return add([zero(shape), *(_placed(g, _indices(index), shape) for g, index in zip(gs, indices, strict=True))])


def _placed(g: Term, index: tuple[Any, ...], shape: tuple[Any, ...]) -> Term:
    """Zeros with g at an index."""
    first = index[0]
    size = shape[0]
    if len(index) == 1 and isinstance(first, int | np.integer):
        unit = basis(place(int(first), size, f"entry {first} of a vector"), size)
        return outer(unit, g) if g.ndim == 1 else scale(1, g, unit)
    if len(index) == 1 and isinstance(first, slice) and len(shape) == 1:
        return pad(g, *_ends(first, size), size)
    raise FormulaError(f"formulas take entries, rows and slices; got the index {index!r}")


def _where(mask: Any, a: Term, b: Term) -> Term:
    chosen = as_term(mask)
    return add(list(_together(_multiply(chosen, a), _multiply(add(list(_together(ONE, minus(chosen)))), b))))


def _binary(combine: Callable[[Term, Term], Term]) -> Callable[[Term, Term], Term]:
    return lambda a, b: combine(*_together(a, b))


def _is_positive(a: Term, b: Term) -> Term:
    """``a > b`` as 1 or 0."""
    return function("positive", add(list(_together(a, minus(b)))))


def _maximum(a: Term, b: Term) -> Term:
    """``max(a, b) = b + relu(a − b)``."""
    a, b = _together(a, b)
    return add([b, function("relu", add([a, minus(b)]))])


def _minimum(a: Term, b: Term) -> Term:
    """``min(a, b) = −max(−a, −b)``."""
    return minus(_maximum(minus(a), minus(b)))


def _concatenate(*xs: Term, axis: int) -> Term:
    if xs[0].ndim == 1:
        return concat(xs)
    return block([xs] if axis == 1 else [[x] for x in xs])


def _stack(*xs: Term, axis: int) -> Term:
    stacked = stack(xs)
    return transpose(stacked) if axis == 1 and stacked.ndim == 2 else stacked


def _transposed(x: Term, axes: Any) -> Term:
    return x if axes is not None and tuple(axes) == tuple(range(x.ndim)) else transpose(x)


def _elementwise(name: str) -> Callable[[Term], Term]:
    return lambda x: function(name, x)


_TABLE: dict[str, Callable[..., Term]] = {
    "add": _binary(lambda a, b: add([a, b])),
    "subtract": _binary(lambda a, b: add([a, minus(b)])),
    "multiply": _multiply,
    "divide": lambda a, b: _multiply(a, power(b, -1)),
    "negative": minus,
    "power": _power,
    "alias": lambda x: x,
    "stop_gradient": lambda x: x,
    "sqrt": lambda x: power(x, 0.5),
    "linear": _linear,
    "outer": _outer,
    "matmul": _matmul,
    "transpose": _transposed,
    "sum": _sum,
    "mean": _mean,
    "reshape": _reshape,
    "broadcast_to": lambda x, shape: broadcast(x, shape),
    "softmax": lambda x, axis: _softmax(x),
    "log_softmax": lambda x, axis: function("log", _softmax(x)),
    "getitem": lambda x, index: _getitem(x, index),
    "scatter": _scatter,
    "concatenate": _concatenate,
    "stack": _stack,
    "where": _where,
    "greater": _is_positive,
    "less": lambda a, b: _is_positive(b, a),
    "maximum": _maximum,
    "minimum": _minimum,
    "absolute": lambda x: _maximum(x, minus(x)),
    **{name: _elementwise(name) for name in ("tanh", "sigmoid", "exp", "log", "relu")},
}


def _softmax(x: Term) -> Term:
    if x.ndim != 1:
        raise FormulaError(f"formulas know the softmax of a vector, got shape {x.shape}")
    return softmax(x)


def evaluate_primitive(primitive: Primitive, values: Any, params: Any) -> Term:
    """Apply a primitive of the engine to terms.

    Raises
    ------
    FormulaError
        If it has no meaning in formulas.
    """
    meaning = _TABLE.get(primitive.name)
    if meaning is None:
        raise FormulaError(f"`{primitive.name}` has no meaning in formulas yet; there are {', '.join(sorted(_TABLE))}")
    raw = primitive.name == "where"
    terms = [value if raw and i == 0 else as_term(value) for i, value in enumerate(values)]
    return meaning(*terms, **params)
