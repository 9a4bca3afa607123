"""How a sum of products over some axes is computed: by matrix products on views of the two arrays."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

__all__ = ["contract"]

Call = tuple[Any, tuple[Any, ...]]


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
