"""The context of an operation: the scopes it stands in, such as ``("layer 2", "t=3")``, and value-free tracing."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from weakref import WeakValueDictionary

from .errors import ValueDependentError

__all__ = [
    "Direction",
    "Layer",
    "TimeStep",
    "as_scope",
    "checkpoints_are_kept",
    "constants_of_trace",
    "current_scope",
    "is_recording",
    "kept_checkpoints",
    "recording",
    "require_concrete",
    "scope",
    "step_of",
    "tracing_is_value_free",
    "value_free_tracing",
    "without_time",
]


#: True while a trace is made that will be replayed for other values; and while it keeps its checkpoints.
_VALUE_FREE: ContextVar[bool] = ContextVar("minigrad_value_free", default=False)
_KEPT: ContextVar[bool] = ContextVar("minigrad_kept_checkpoints", default=False)

tracing_is_value_free, checkpoints_are_kept = _VALUE_FREE.get, _KEPT.get


@contextmanager
def value_free_tracing() -> Iterator[None]:
    """Mark that what is traced in the block will be replayed for other values."""
    token = _VALUE_FREE.set(True)
    try:
        yield
    finally:
        _VALUE_FREE.reset(token)


@contextmanager
def kept_checkpoints(kept: bool = True) -> Iterator[None]:
    """Mark that a value-free trace shall have one node for each checkpoint, and one for its pullback."""
    token = _KEPT.set(kept)
    try:
        yield
    finally:
        _KEPT.reset(token)


def require_concrete(what: str, node: Any) -> None:
    """Refuse to give a node's value to Python code while a value-free trace is made: it could branch on it.

    Raises
    ------
    ValueDependentError
        Inside of `value_free_tracing`.
    """
    if _VALUE_FREE.get():
        raise ValueDependentError(
            f"{what} needs the value of a Tensor of shape {node.shape} while the function is being compiled, but a "
            "compiled function is replayed for any values. Choose with minigrad.where, or do not compile the function."
        )


#: How many transforms are at work around the present call.
_DEPTH: ContextVar[int] = ContextVar("minigrad_transform_depth", default=0)


#: The constants of the trace that is being made, and of what is computed outside of any, so that an array used at
#: every step is copied once.
_CONSTANTS: ContextVar[MutableMapping[Any, Any]] = ContextVar("minigrad_constants", default=WeakValueDictionary())  # noqa: B039

constants_of_trace = _CONSTANTS.get


@contextmanager
def recording(*, alone: bool = False) -> Iterator[bool]:
    """Mark that a transform is at work; yields True if one was already.

    Constants are shared with the transforms around it, unless it shall stand alone.
    """
    depth = _DEPTH.get()
    token = _DEPTH.set(depth + 1)
    shared = _CONSTANTS.set(WeakValueDictionary()) if alone or not depth else None
    try:
        yield depth > 0
    finally:
        _DEPTH.reset(token)
        if shared is not None:
            _CONSTANTS.reset(shared)


def is_recording() -> bool:
    """True inside a function that is being transformed or traced."""
    return _DEPTH.get() > 0


class TimeStep(str):
    """The scope of a time step, printed and compared as ``"t=3"``.

    Attributes
    ----------
    number : int
        3 for ``t=3``. Steps count from 1; 0 is the time of initial states.

    Examples
    --------
    >>> TimeStep(3), TimeStep(3).number
    ('t=3', 3)
    """

    __slots__ = ("number",)
    number: int

    def __new__(cls, number: int) -> "TimeStep":
        """The scope of step `number`."""
        self = super().__new__(cls, f"t={number}")
        self.number = number
        return self

    def __getnewargs__(self) -> tuple[int]:  # type: ignore[override]
        return (self.number,)


class Layer(str):
    """The scope of a layer of a stacked net, printed and compared as ``"layer 2"``.

    Attributes
    ----------
    number : int
        Counted from 1.
    """

    __slots__ = ("number",)
    number: int

    def __new__(cls, number: int) -> "Layer":
        """The scope of layer `number`."""
        self = super().__new__(cls, f"layer {number}")
        self.number = number
        return self

    def __getnewargs__(self) -> tuple[int]:  # type: ignore[override]
        return (self.number,)


class Direction(str):
    """The scope of one direction of a bidirectional net: ``"forward"`` or ``"backward"``."""

    __slots__ = ()

    @property
    def reads_backwards(self) -> bool:
        """True if this direction reads from the last step to the first."""
        return self == "backward"


def as_scope(name: str) -> str:
    """A scope's name as what it is: ``"t=3"`` is a `TimeStep`, ``"layer 2"`` a `Layer`, ``"forward"`` a `Direction`.

    The one place where names of scopes are parsed.

    Parameters
    ----------
    name : str
        What a user wrote, or a scope that is typed already.

    Returns
    -------
    str
        A `TimeStep`, `Layer` or `Direction` where it is one, else the name.

    Examples
    --------
    >>> type(as_scope("t=3")).__name__, type(as_scope("decoder")).__name__
    ('TimeStep', 'str')
    """
    if isinstance(name, (TimeStep, Layer, Direction)):
        return name
    kind, _, digits = name.partition("=") if name.startswith("t=") else name.partition(" ")
    if digits.isascii() and digits.isdigit() and str(int(digits)) == digits:
        if kind == "t":
            return TimeStep(int(digits))
        if kind == "layer":
            return Layer(int(digits))
    return Direction(name) if name in ("forward", "backward") else name


def step_of(scope: tuple[str, ...]) -> int | None:
    """The innermost time step of a path of scopes: 3 for ``("layer 2", "t=3")``, None outside time."""
    for part in reversed(scope):
        if isinstance(part, TimeStep):
            return part.number
    return None


def without_time(scope: tuple[str, ...]) -> tuple[str, ...]:
    """A path of scopes without its time steps: ``("layer 2",)`` for ``("layer 2", "t=3")``."""
    return tuple(part for part in scope if not isinstance(part, TimeStep))


#: A context variable, so that threads and asynchronous tasks do not see each other's scopes.
_SCOPE: ContextVar[tuple[str, ...]] = ContextVar("minigrad_scope", default=())

current_scope = _SCOPE.get


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Put the operations made in the block under `name`, inside the scopes already open.

    Parameters
    ----------
    name : str
        Any text; ``"t=3"`` is the time step 3, see `as_scope`.

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
    token = _SCOPE.set((*_SCOPE.get(), as_scope(name if isinstance(name, str) else str(name))))
    try:
        yield
    finally:
        _SCOPE.reset(token)
