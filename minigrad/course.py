"""Whether the course of a function may depend on values: not while it is traced to be replayed for others."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .errors import ValueDependentError

__all__ = ["check_course", "checkpoints_are_kept", "course_is_fixed", "fixed_course", "kept_checkpoints"]

#: Whether what is traced now will be replayed for other values, and whether it then keeps its checkpoints.
_FIXED: ContextVar[bool] = ContextVar("minigrad_fixed_course", default=False)
_KEPT: ContextVar[bool] = ContextVar("minigrad_kept_checkpoints", default=False)

course_is_fixed, checkpoints_are_kept = _FIXED.get, _KEPT.get


@contextmanager
def fixed_course() -> Iterator[None]:
    """Mark that what is traced in the block will be replayed for other values."""
    token = _FIXED.set(True)
    try:
        yield
    finally:
        _FIXED.reset(token)


@contextmanager
def kept_checkpoints(kept: bool = True) -> Iterator[None]:
    """Mark that a trace with a fixed course shall have one node for each checkpoint, and one for its pullback."""
    token = _KEPT.set(kept)
    try:
        yield
    finally:
        _KEPT.reset(token)


def check_course(what: str, node: Any) -> None:
    """Refuse to give a node's value to Python code whose course could depend on it.

    Raises
    ------
    ValueDependentError
        Inside of `fixed_course`.
    """
    if _FIXED.get():
        raise ValueDependentError(
            f"{what} needs the value of a Tensor of shape {node.shape} while the function is being compiled, but a "
            "compiled function is replayed for any values. Choose with minigrad.where, or do not compile the function."
        )
