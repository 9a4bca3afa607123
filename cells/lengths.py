"""Sequences of several lengths in one batch: the check of the lengths, and the mask they stand for."""

from typing import Any

import numpy as np

from minigrad import Tensor, reshape
from minigrad.errors import DtypeError, OptionError, ShapeError

__all__ = ["checked_lengths", "column", "within"]


def checked_lengths(lengths: Any, batch_shape: tuple[int, ...], T: int) -> Any:
    """Lengths as an array, or as the Tensor that they are (values of a Tensor may change on replay).

    Raises
    ------
    ShapeError
        If there is not one for each sequence of the batch.
    DtypeError
        If they are no integers.
    OptionError
        If one is not from 0 to T.
    """
    given = lengths if isinstance(lengths, Tensor) else np.asarray(lengths)
    if given.shape != batch_shape:
        raise ShapeError(f"lengths must have the batch's shape {batch_shape}, got {given.shape}")
    if given.dtype.kind not in "iu":
        raise DtypeError(f"lengths count steps and are integers, got {given.dtype}")
    if not isinstance(given, Tensor) and given.size and (given.min() < 0 or given.max() > T):
        wrong = given.min() if given.min() < 0 else given.max()
        raise OptionError(f"lengths must be from 0 to T = {T}, got {wrong}")
    return given


def within(lengths: Any, T: int) -> Any:
    """Which positions belong to their sequence: (...) lengths -> (T, ...) booleans.

    Examples
    --------
    >>> within(np.array([1, 2]), 2)
    array([[ True,  True],
           [False,  True]])
    """
    steps = np.arange(1, T + 1).reshape(T, *[1] * len(lengths.shape))
    return lengths >= steps


def column(mask: Any) -> Any:
    """A mask over positions with an axis for the vectors: (...) -> (..., 1)."""
    return reshape(mask, (*mask.shape, 1))
