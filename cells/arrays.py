"""Arrays of other libraries (PyTorch, JAX, ...) as NumPy's, without importing those libraries."""

from typing import Any

import numpy as np

from minigrad import Tensor
from minigrad.errors import DroppedGradientError, DtypeError

__all__ = ["as_array", "converted", "is_foreign"]


def is_foreign(value: Any) -> bool:
    """True for an array of another library: one that NumPy can read, but that is neither NumPy's nor a Tensor."""
    return hasattr(value, "__array__") and not isinstance(value, Tensor | np.ndarray | np.generic)


def as_array(value: Any, name: str) -> np.ndarray:
    """An array of another library as one of NumPy.

    Parameters
    ----------
    value : array
        Of any library whose arrays have ``__array__``.
    name : str
        What errors call it.

    Raises
    ------
    DroppedGradientError
        If the other library records gradients of it, which would be lost.
    DtypeError
        If NumPy cannot read it: a type of number that it does not have, or an array on another device.
    """
    if getattr(value, "requires_grad", False) is True:
        raise DroppedGradientError(
            f"{name} is a {_kind(value)} that requires a gradient, which would be lost here; pass "
            f"{name}.detach().cpu().numpy(), and differentiate with minigrad.grad"
        )
    try:
        return np.asarray(value)
    except Exception as error:
        raise DtypeError(
            f"{name} is a {_kind(value)} that NumPy cannot read: {error}; "
            "pass an array of float64 or float32 that is in main memory"
        ) from error


def converted(state: Any, name: str) -> Any:
    """A state whose parts are arrays of another library, with them converted."""
    if isinstance(state, tuple):
        parts = [converted(part, name) for part in state]
        if all(new is old for new, old in zip(parts, state, strict=True)):
            return state
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return as_array(state, name) if is_foreign(state) else state


def _kind(value: Any) -> str:
    return f"{type(value).__module__.partition('.')[0]} {type(value).__name__}"
