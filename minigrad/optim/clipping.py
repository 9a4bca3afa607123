"""Gradient clipping: the remedy for gradients that explode.

Neither function touches its argument, and neither lets an inf or a NaN spread: scaling a gradient
with one inf by limit/inf would turn the whole of it into NaN.
"""

from math import sqrt
from typing import Any, Literal

import numpy as np

from ..errors import DtypeError, NonFiniteGradientError, OptionError
from ..pytree import flatten, tree_map

__all__ = ["clip_by_norm", "clip_by_value", "global_norm"]

NonFinite = Literal["raise", "skip"]


def global_norm(tree: Any) -> float:
    """The Euclidean norm of all entries of all leaves together, √Σ g².

    Entries are divided by the largest first, so that no square overflows or underflows.

    Parameters
    ----------
    tree : tree of arrays
        A gradient, for instance.

    Returns
    -------
    float
        inf or NaN if an entry is.

    Examples
    --------
    >>> global_norm({"W": [3.0], "b": 4.0})
    5.0
    """
    top, norm = _norm_over_largest(tree)
    return top * norm


def clip_by_norm(tree: Any, limit: float, nonfinite: NonFinite = "raise") -> Any:
    """g ← g · limit / ‖g‖ where ‖g‖ > limit, with one norm over the whole tree: the direction is kept.

    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
    algorithm 1.

    Parameters
    ----------
    tree : tree of arrays
        A gradient.
    limit : float
        The largest norm allowed, above 0.
    nonfinite : {"raise", "skip"}
        What to do if an entry is inf or NaN: raise, or return zeros, so that this step moves nothing
        (but what momentum and weight decay move).

    Returns
    -------
    tree
        Like the gradient, in its dtypes; the gradient itself where it was short enough.

    Raises
    ------
    NonFiniteGradientError
        If an entry is inf or NaN and `nonfinite` is "raise"; names the leaf.
    DtypeError
        If a leaf is not floating point: a direction has no room among integers.
    OptionError
        If `limit` is not above 0 or `nonfinite` is not one of the two.

    Examples
    --------
    >>> import numpy as np
    >>> clip_by_norm({"W": np.array([3.0, 4.0])}, limit=1.0)
    {'W': array([0.6, 0.8])}
    """
    if _must_skip(tree, limit, nonfinite):
        return tree_map(lambda g: np.zeros_like(g), tree)
    top, norm = _norm_over_largest(tree)
    if top == 0 or norm <= limit / top:
        return tree
    return tree_map(lambda g: _scaled(np.asarray(g), top, limit / norm), tree)


def clip_by_value(tree: Any, limit: float, nonfinite: NonFinite = "raise") -> Any:
    """g ← min(max(g, −limit), limit), entry by entry; the direction may change.

    Parameters
    ----------
    tree : tree of arrays
        A gradient.
    limit : float
        The largest magnitude allowed, above 0.
    nonfinite : {"raise", "skip"}
        As in `clip_by_norm`. An inf is not clipped to the limit: it carries no information.

    Returns
    -------
    tree
        Like the gradient, in its dtypes.

    Raises
    ------
    NonFiniteGradientError, DtypeError, OptionError
        As `clip_by_norm`.

    Examples
    --------
    >>> import numpy as np
    >>> clip_by_value({"W": np.array([3.0, -0.5])}, limit=1.0)
    {'W': array([ 1. , -0.5])}
    """
    if _must_skip(tree, limit, nonfinite):
        return tree_map(lambda g: np.zeros_like(g), tree)
    return tree_map(lambda g: np.clip(g, -limit, limit), tree)


def _scaled(g: np.ndarray, top: float, factor: float) -> np.ndarray:
    """g / top · factor in the dtype of g; in float64 between, because float32 may not hold another leaf's `top`."""
    return (np.asarray(g, np.float64) / top * factor).astype(g.dtype)


def _must_skip(tree: Any, limit: float, nonfinite: str) -> bool:
    """Check the settings and the entries; True if this gradient is to be replaced by zeros."""
    if not limit > 0:
        raise OptionError(f"the limit of clipping must be above 0, got {limit!r}")
    if nonfinite not in ("raise", "skip"):
        raise OptionError(f"nonfinite must be 'raise' or 'skip', got {nonfinite!r}")
    leaves, structure = flatten(tree)
    paths = structure.paths("gradient")
    for g, path in zip(leaves, paths, strict=True):
        if np.asarray(g).dtype.kind != "f":
            raise DtypeError(f"{path} has dtype {np.asarray(g).dtype}; gradients are floating point, convert it first")
    for g, path in zip(leaves, paths, strict=True):
        if np.all(np.isfinite(g)):
            continue
        if nonfinite == "skip":
            return True
        bad = np.size(g) - int(np.sum(np.isfinite(g)))
        raise NonFiniteGradientError(
            f"{path} has {bad} of {np.size(g)} entries that are inf or NaN; clipping cannot mend them. "
            "Find where they arise, or pass nonfinite='skip' to leave such steps out"
        )
    return False


def _norm_over_largest(tree: Any) -> tuple[float, float]:
    """The largest magnitude m of any entry, and ‖g / m‖; (0, 0) if there is none above 0."""
    leaves = [np.asarray(g, np.float64) for g in flatten(tree)[0]]
    top = max((float(np.max(np.abs(g), initial=0.0)) for g in leaves), default=0.0)
    if top == 0:
        return 0.0, 0.0
    return top, sqrt(sum(float(np.sum((g / top) ** 2)) for g in leaves))
