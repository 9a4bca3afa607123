"""Kernels, the operations of a plan: lists of calls that write into arrays allocated beforehand.

A kernel takes the array to write, the operands' arrays and the settings, and gives calls, each a function
and its arguments. An operation without a kernel runs its primitive and copies the result.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from ..losses import check_range
from ..primitive import PRIMITIVES

__all__ = ["ELEMENTWISE", "UFUNCS", "Call", "calls_for", "contract", "is_basic", "product"]


Call = tuple[Callable[..., Any], tuple[Any, ...]]


def contract(out: ndarray, a: ndarray, b: ndarray, *, axis: Sequence[int], ndim: int) -> list[Call]:
    """``out = Σ a b`` over some axes, a and b broadcast to `ndim` axes.

    Axes are sorted into four kinds: of both and kept (a batch of products), of both and summed, of a alone,
    of b alone. Seen as (batch, rows, summed) and (batch, summed, columns) the arrays are stacks of matrices.
    Where that cannot be without a copy, np.einsum does it.
    """
    a, b = (x.reshape((1,) * (ndim - x.ndim) + x.shape) for x in (a, b))
    shape = np.broadcast_shapes(a.shape, b.shape)
    in_a, in_b = ([x.shape[i] == shape[i] for i in range(ndim)] for x in (a, b))
    summed = list(axis)
    rest = [i for i in range(ndim) if i not in summed]
    batch = [i for i in rest if in_a[i] and in_b[i] and shape[i] > 1]
    rows = [i for i in rest if i not in batch and in_a[i]]
    columns = [i for i in rest if i not in batch and i not in rows]
    left = _grouped(a, [[i] for i in batch], rows, summed)
    right = _grouped(b, [[i] for i in batch], summed, columns)
    kept = [i for i in range(ndim) if i not in summed]
    place = [kept.index(i) for i in (*batch, *rows, *columns)]
    result = _merged(out.transpose(place), [*([1] * len(batch)), len(rows), len(columns)])
    if left is None or right is None or result is None:
        return [(_einsum, (out, a, b, tuple(summed)))]
    if not batch and result.flags.c_contiguous:
        return [(np.dot, _as_vectors(left, right, result))]
    return [(np.matmul, (left, right, result))]


def _grouped(x: ndarray, batch: list[list[int]], first: list[int], second: list[int]) -> ndarray | None:
    """The axes of a batch as they are, two groups of axes as one each, without a copy; None where that cannot be.

    Axes of no group have length 1 in this array.
    """
    groups = [*batch, first, second]
    named = [i for group in groups for i in group]
    others = [i for i in range(x.ndim) if i not in named]
    turned = x.transpose([*others, *named])[(0,) * len(others)]
    return _merged(turned, [len(group) for group in groups])


def _merged(x: ndarray, lengths: list[int]) -> ndarray | None:
    """Neighbouring axes as one for each group, of length 1 for an empty one, without a copy; None if it needs one."""
    shape, start = [], 0
    for length in lengths:
        shape.append(prod(x.shape[start : start + length]))
        start += length
    merged = x.reshape(shape)
    return merged if np.may_share_memory(merged, x) else None


def _as_vectors(left: ndarray, right: ndarray, result: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    """Matrices of one row or one column as vectors, for which BLAS has products of its own."""
    if right.shape[1] == 1 and left.shape[0] != 1:
        return left, right[:, 0], result[:, 0]
    if left.shape[0] == 1 and right.shape[1] != 1:
        return left[0], right, result[0]
    return left, right, result


def _einsum(out: ndarray, a: ndarray, b: ndarray, summed: tuple[int, ...]) -> None:
    labels = list(range(a.ndim))
    np.einsum(a, labels, b, labels, [i for i in labels if i not in summed], out=out)


def _maximum(a: Any, b: Any, out: ndarray) -> None:
    """np.maximum wants its third argument by name."""
    np.maximum(a, b, out=out)


#: Operations that are one NumPy ufunc; they may write over an operand that nothing else needs.
UFUNCS: dict[str, Any] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negative": np.negative,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "maximum": _maximum,
    "power": np.power,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
}
#: Operations that may write over an operand of the same shape.
ELEMENTWISE = frozenset({*UFUNCS, "sigmoid", "relu"})


def calls_for(op: str, out: ndarray, args: Sequence[Any], params: dict[str, Any]) -> list[Call]:
    """The calls that compute an operation into `out`."""
    if out.size == 0:
        return []
    if op in UFUNCS:
        return [(UFUNCS[op], tuple(_flat([*_as_arrays(args, out), out])))]
    kernel = KERNELS.get(op)
    found = None if kernel is None else kernel(out, *args, **params)
    return [_by_primitive(op, out, args, params)] if found is None else found


def _as_arrays(args: Sequence[Any], out: ndarray) -> list[Any]:
    """Python numbers as arrays of the dtype beside them, where that changes nothing: NumPy takes them faster."""
    arrays = [arg for arg in args if isinstance(arg, ndarray)]
    if out.dtype.kind != "f" or any(array.dtype != out.dtype for array in arrays):
        return list(args)
    return [arg if isinstance(arg, ndarray) else np.array(arg, out.dtype) for arg in args]


def _flat(operands: list[Any]) -> list[Any]:
    """Arrays of one shape without gaps as vectors, entry by entry the same: NumPy starts on them sooner."""
    arrays = [x for x in operands if isinstance(x, ndarray) and x.ndim]
    shape = arrays[-1].shape if arrays else ()
    if len(shape) < 2 or not all(x.flags.c_contiguous and x.shape == shape for x in arrays):
        return operands
    return [x.reshape(-1) if isinstance(x, ndarray) and x.ndim else x for x in operands]


def _store(out: ndarray, f: Callable[..., Any], args: Sequence[Any]) -> None:
    out[...] = f(*args)


def _by_primitive(op: str, out: ndarray, args: Sequence[Any], params: dict[str, Any]) -> Call:
    return _store, (out, partial(PRIMITIVES[op].value, **params), tuple(args))


def _rows(x: ndarray) -> ndarray | None:
    """All leading axes as one, without a copy; None where that cannot be."""
    if x.ndim == 2:
        return x
    rows = x.reshape(prod(x.shape[:-1]), x.shape[-1])
    return rows if np.may_share_memory(rows, x) else None


def product(A: ndarray, B: ndarray, out: ndarray) -> list[Call]:
    """``out = A B``. np.dot has the lower overhead, but wants a contiguous result."""
    same = A.dtype == B.dtype == out.dtype
    if same and out.flags.c_contiguous and out.dtype.kind == "f":
        if A.ndim == 2 and len(A) == 1:
            return [(np.dot, (A[0], B, out[0]))]
        return [(np.dot, (A, B, out))]
    return [(np.matmul, (A, B, out))] if same else [(_store, (out, np.matmul, (A, B)))]


def _linear(out: ndarray, W: ndarray, x: ndarray) -> list[Call] | None:
    """W x for every vector: rows of x times Wᵀ."""
    return _apply(out, W.T, x)


def _linear_t(out: ndarray, W: ndarray, x: ndarray) -> list[Call] | None:
    """Wᵀ x for every vector: rows of x times W."""
    return _apply(out, W, x)


def _apply(out: ndarray, M: ndarray, x: ndarray) -> list[Call] | None:
    if x.ndim == 1:
        return product(x, M, out)
    rows, result = _rows(x), _rows(out)
    return [(_store_rows, (out, M, x))] if rows is None or result is None else product(rows, M, result)


def _store_rows(out: ndarray, M: ndarray, x: ndarray) -> None:
    out[...] = (x.reshape(-1, x.shape[-1]) @ M).reshape(out.shape)


def _multiply_blocks(out: ndarray, d: ndarray, f: ndarray) -> list[Call]:
    """d times each of the blocks that lie side by side on the last axis of f."""
    width = d.shape[-1]
    if d.size == width and d.ndim:
        # A single row: so little to do that broadcasting would cost more than a call for each block.
        row, factors, result = d.reshape(-1), f.reshape(-1), _rows(out)
        if result is not None:
            spans = [slice(start, start + width) for start in range(0, f.shape[-1], width)]
            return [(np.multiply, (row, factors[span], result[0, span])) for span in spans]
    blocks = (f.shape[-1] // width, width)
    views = [_split(f, blocks), _split(out, blocks)]
    if any(view is None for view in views):
        return [(_store_blocks, (out, d, f))]
    return [(np.multiply, (d[..., None, :], *views))]


def _split(x: ndarray, blocks: tuple[int, int]) -> ndarray | None:
    """The last axis as two, without a copy; None where that cannot be."""
    view = x.reshape(*x.shape[:-1], *blocks)
    return view if np.may_share_memory(view, x) else None


def _store_blocks(out: ndarray, d: ndarray, f: ndarray) -> None:
    out[...] = np.concatenate([d] * (f.shape[-1] // d.shape[-1]), -1) * f


def _outer(out: ndarray, g: ndarray, x: ndarray) -> list[Call] | None:
    """Σ g xᵀ: one product over all leading axes."""
    if g.ndim == 1:
        return [(np.multiply, (g[:, None], x, out))]
    G, X = _rows(g), _rows(x)
    return None if G is None or X is None else product(G.T, X, out)


def _sum(out: ndarray, x: ndarray, *, axis: tuple[int, ...], keepdims: bool) -> list[Call]:
    """Over all leading axes a sum is 1ᵀ X, which BLAS does faster than a reduction."""
    leading = x.ndim > 1 and axis == tuple(range(x.ndim - 1)) and out.flags.c_contiguous
    rows = _rows(x) if leading and x.dtype == out.dtype and x.dtype.kind == "f" else None
    if rows is not None:
        return [(np.dot, (np.ones(len(rows), x.dtype), rows, out.reshape(-1)))]
    return [(np.add.reduce, (x, axis, None, out, keepdims))]


def _where(out: ndarray, mask: Any, a: Any, b: Any) -> list[Call] | None:
    if not isinstance(mask, ndarray) or mask.dtype != bool or np.broadcast_shapes(mask.shape, out.shape) != out.shape:
        return None
    if any(isinstance(part, ndarray) and np.may_share_memory(part, out) for part in (a, b, mask)):
        return None
    return [(np.copyto, (out, b)), (np.copyto, (out, a, "same_kind", mask))]


def _sigmoid(out: ndarray, x: ndarray) -> list[Call] | None:
    """1 / (1 + e⁻ˣ), in place; where e⁻ˣ overflows, 1/inf = 0 is right, and the plan silences the warning."""
    if x.dtype != out.dtype:
        return None
    one = np.ones((), out.dtype)
    return [(np.negative, (x, out)), (np.exp, (out, out)), (np.add, (out, one, out)), (np.divide, (one, out, out))]


def _relu(out: ndarray, x: ndarray) -> list[Call]:
    return [(_maximum, (x, np.zeros((), out.dtype), out))]


def _shifted(out: ndarray, x: ndarray, axis: int) -> tuple[list[Call], ndarray]:
    """``out = x − max x``, and scratch space of the shape of the maximum; −inf everywhere is left as it is."""
    top = np.empty((*x.shape[:axis], 1, *x.shape[axis + 1 :]), x.dtype)
    calls: list[Call] = [
        (np.maximum.reduce, (x, axis, None, top, True)),
        (_finite_or_zero, (top, np.empty(top.shape, bool))),
        (np.subtract, (x, top, out)),
    ]
    return calls, top


def _finite_or_zero(top: ndarray, unusable: ndarray) -> None:
    np.isfinite(top, unusable)
    np.logical_not(unusable, unusable)
    np.copyto(top, 0, "same_kind", unusable)


def _softmax(out: ndarray, x: ndarray, *, axis: int) -> list[Call] | None:
    if x.dtype != out.dtype:
        return None
    calls, scratch = _shifted(out, x, axis)
    total = (np.add.reduce, (out, axis, None, scratch, True))
    return [*calls, (np.exp, (out, out)), total, (np.divide, (out, scratch, out))]


def _log_softmax(out: ndarray, x: ndarray, *, axis: int) -> list[Call] | None:
    if x.dtype != out.dtype:
        return None
    calls, scratch = _shifted(out, x, axis)
    powers = np.empty(x.shape, x.dtype)
    return [
        *calls,
        (np.exp, (out, powers)),
        (np.add.reduce, (powers, axis, None, scratch, True)),
        (np.log, (scratch, scratch)),
        (np.subtract, (out, scratch, out)),
    ]


def _scatter(out: ndarray, *gs: ndarray, indices: tuple[Any, ...], shape: tuple[int, ...]) -> list[Call]:
    """Zeros with every part added at its index."""
    calls: list[Call] = [(out.fill, (0,))]
    for g, index in zip(gs, indices, strict=True):
        slot = out[index] if is_basic(index) else None
        if isinstance(slot, ndarray):
            calls.append((np.add, (slot, g, slot)))
        else:
            calls.append((np.add.at, (out, index, g)))
    return calls


def is_basic(index: Any) -> bool:
    """True if indexing gives a view: numbers, but no truth values, slices, None and Ellipsis."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is Ellipsis or (isinstance(part, int | np.integer | slice) and not isinstance(part, bool))
        for part in parts
    )


def _pick(out: ndarray, x: ndarray, indices: ndarray) -> list[Call] | None:
    """One entry of each row, by its place in the flattened array."""
    if not (x.flags.c_contiguous and out.flags.c_contiguous and indices.dtype == np.intp):
        return [(check_range, (indices, x.shape[-1])), _by_primitive("pick", out, (x, indices), {})]
    places = np.empty(indices.shape, np.intp)
    return [
        (check_range, (indices, x.shape[-1])),
        (np.add, (_row_starts(x), indices, places)),
        (x.reshape(-1).take, (places, None, out, "clip")),
    ]


def _row_starts(x: ndarray) -> ndarray:
    """Where each row begins in the flattened array."""
    return (np.arange(prod(x.shape[:-1])) * x.shape[-1]).reshape(x.shape[:-1])


def _spread(out: ndarray, g: ndarray, indices: ndarray, *, size: int) -> list[Call] | None:
    """Zeros with g at one place of each row."""
    if not (out.flags.c_contiguous and indices.dtype == np.intp):
        return None
    places = np.empty(indices.shape, np.intp)
    return [
        (out.fill, (0,)),
        (np.add, (_row_starts(out), indices, places)),
        (out.reshape(-1).__setitem__, (places, g)),
    ]


KERNELS: dict[str, Callable[..., list[Call] | None]] = {
    "linear": _linear,
    "linear_t": _linear_t,
    "copy": lambda out, x: [(np.copyto, (out, x))],
    "turned": lambda out, W: [(np.copyto, (out, W.T))],
    "multiply_blocks": _multiply_blocks,
    "outer": _outer,
    "contract": contract,
    "matmul": lambda out, a, b: product(a, b, out) if a.ndim == b.ndim == 2 else None,
    "sum": _sum,
    "where": _where,
    "sigmoid": _sigmoid,
    "relu": _relu,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "scatter": _scatter,
    "pick": _pick,
    "spread": _spread,
    "segment": lambda out, *args, body: body.calls(out, args),
}
