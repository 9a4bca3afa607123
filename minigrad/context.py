"""Where in the model an operation stands: a path of names such as ``("layer 2", "t=3")``."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .errors import ValueDependentError

__all__ = [
    "check_course",
    "checkpoints_are_kept",
    "course_is_fixed",
    "current_scope",
    "fixed_course",
    "kept_checkpoints",
    "scope",
]


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


#: A context variable, so that threads and asynchronous tasks do not see each other's scopes.
_SCOPE: ContextVar[tuple[str, ...]] = ContextVar("minigrad_scope", default=())

current_scope = _SCOPE.get


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Put the operations made in the block under `name`, inside the scopes already open.

    Parameters
    ----------
    name : str
        Any text; time steps are written ``"t=3"``.

    Returns
    -------
    context manager
        For a ``with`` block.

    Examples
    --------
    >>> import minigrad as mg
    >>> with mg.scope("t=3"):
    ...     f = mg.sigmoid(mg.tensor([0.0])).named("f")
    >>> f.scope
    ('t=3',)
    """
    token = _SCOPE.set((*_SCOPE.get(), str(name)))
    try:
        yield
    finally:
        _SCOPE.reset(token)
