"""Losses composed from primitives."""

from typing import Any

import numpy as np

from .errors import DtypeError, ShapeError
from .primitives import log_softmax, pick, sum
from .tensor import Tensor

__all__ = ["check_range", "cross_entropy"]


def cross_entropy(logits: Any, targets: Any) -> Any:
    """``−y · log softmax(logits)`` at every position; its gradient in the logits is ŷ − y.

    Computed through `log_softmax`, so that logits of ±1e4 lose nothing. A logit of −inf rules a class out;
    with distributions as targets that gives NaN (0 · inf), with class indices it does not.

    Parameters
    ----------
    logits : (..., K)
        Any real numbers, such as ``V h + c``.
    targets : (...) integers from 0 to K − 1, or (..., K) distributions that sum to 1
        The gradient ŷ − y rests on the sum being 1: for targets that sum to m it is m ŷ − y.

    Returns
    -------
    (...)
        One number for each position, at least 0 for distributions.

    Raises
    ------
    ShapeError
        If the shapes are not these.
    DtypeError
        If targets that are class indices are not integers.
    IndexError
        If a class index is not from 0 to K − 1.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> mg.cross_entropy(np.zeros((2, 4)), np.array([0, 3])).round(3)
    array([1.386, 1.386])
    """
    known = isinstance(targets, Tensor) or hasattr(type(targets), "evaluate_primitive")
    labels = targets if known else np.asarray(targets)
    if len(logits.shape) == 0:
        raise ShapeError("cross_entropy needs logits with a last axis of classes, got a 0-d value")
    if labels.shape == logits.shape:
        return -sum(labels * log_softmax(logits), -1)
    if labels.shape != logits.shape[:-1]:
        raise ShapeError(
            f"cross_entropy got logits of shape {logits.shape} and targets of shape {labels.shape}; "
            f"pass class indices of shape {logits.shape[:-1]} or distributions of shape {logits.shape}"
        )
    _check_classes(labels, logits.shape[-1])
    return -pick(log_softmax(logits), labels)


def _check_classes(labels: Any, classes: int) -> None:
    indices = labels.value if isinstance(labels, Tensor) else labels
    if indices.dtype.kind not in "iu":
        raise DtypeError(
            f"class indices must be integers, got {indices.dtype}; pass distributions with a last axis of {classes}"
        )
    if isinstance(indices, np.ndarray) and indices.size:  # a compiled function checks them at every call
        check_range(indices, classes)


def check_range(indices: np.ndarray, classes: int) -> None:
    """Refuse class indices out of range.

    Parameters
    ----------
    indices : array of int
        At least one.
    classes : int
        How many classes there are.

    Raises
    ------
    IndexError
        If an index is below 0 or not below `classes`.
    """
    if indices.min() < 0 or indices.max() >= classes:
        wrong = indices.min() if indices.min() < 0 else indices.max()
        raise IndexError(f"class index {wrong} is out of range; with {classes} logits use 0 to {classes - 1}")
