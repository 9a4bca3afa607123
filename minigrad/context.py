"""The context of an operation: the scopes it stands in, such as ``("layer 2", "t=3")``, and value-free tracing."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from .errors import ValueDependentError

__all__ = [
    "Direction",
    "Layer",
    "TimeStep",
    "ValueFreeTrace",
    "as_scope",
    "checkpoints_are_kept",
    "constants_of_trace",
    "current_scope",
    "current_trace",
    "is_recording",
    "kept_checkpoints",
    "recording",
    "refuse_value",
    "require_concrete",
    "scope",
    "step_of",
    "tracing_is_value_free",
    "value_free_tracing",
    "without_time",
]


@dataclass
class ValueFreeTrace:
    """A trace that will be replayed for other values.

    Attributes
    ----------
    refusals : list of ValueDependentError
        One for each attempt to look at a value, also where the traced function caught the error.
    checked : list of Tensor
        Outputs and gradients that are to be searched for NaN at every replay.
    """

    refusals: list[ValueDependentError] = field(default_factory=list)
    checked: list[Any] = field(default_factory=list)


#: The value-free trace that is being made; and whether it keeps its checkpoints.
_TRACE: ContextVar[ValueFreeTrace | None] = ContextVar("minigrad_value_free_trace", default=None)
_KEPT: ContextVar[bool] = ContextVar("minigrad_kept_checkpoints", default=False)

current_trace, checkpoints_are_kept = _TRACE.get, _KEPT.get


def tracing_is_value_free() -> bool:
    """True while a trace is made that will be replayed for other values."""
    return _TRACE.get() is not None


@contextmanager
def value_free_tracing() -> Iterator[ValueFreeTrace]:
    """Mark that what is traced in the block will be replayed for other values.

    Raises
    ------
    ValueDependentError
        At the end of the block, if a value was asked for: an ``except`` in the traced function that caught the
        refusal would otherwise freeze the way on that it took, or hide the refusal behind another error.
    """
    trace = ValueFreeTrace()
    token = _TRACE.set(trace)
    try:
        yield trace
    except Exception as error:
        if trace.refusals and error is not trace.refusals[0]:
            raise trace.refusals[0] from error
        raise
    finally:
        _TRACE.reset(token)
    if trace.refusals:
        raise trace.refusals[0]


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
    if tracing_is_value_free():
        raise refuse_value(what, node)


def refuse_value(what: str, node: Any) -> ValueDependentError:
    """The error for a value that was asked for while a value-free trace is made; the trace remembers it."""
    error = ValueDependentError(
        f"{what} needs the numbers in a value of shape {node.shape} while the function is being compiled, but a "
        "compiled function is replayed for any values. Choose with minigrad.where, keep the number a Tensor, pass it "
        "as an argument, or do not compile the function."
    )
    trace = _TRACE.get()
    if trace is not None:
        trace.refusals.append(error)
    return error


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
