"""Where in the model an operation stands: a path of names such as ``("layer 2", "t=3")``."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["current_scope", "scope"]

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
