"""Checks of sizes, switches, initial states and lengths, each with an error that names what is wrong."""

from collections.abc import Iterable
from operator import index
from typing import Any, Protocol, runtime_checkable

import numpy as np

from minigrad import Tensor, reshape
from minigrad.errors import DtypeError, OptionError, ShapeError, TreeError

__all__ = [
    "Holds",
    "check_sizes",
    "check_switch",
    "check_switches",
    "checked_lengths",
    "checked_state",
    "column",
    "grows",
    "within",
]


@runtime_checkable
class Holds(Protocol):
    """A state that grows with time, and so has its own rule to hold."""

    def hold(self, alive: Any, old: Any) -> Any:
        """The state after a step, as it was before for the sequences that have ended."""


def checked_state(state: Any, zeros: Any, path: str = "state") -> Any:
    """An initial state, compared part by part with the zeros that would stand in its place.

    Raises
    ------
    TreeError
        If a part is of another kind.
    ShapeError
        If an array has another shape.
    """
    if isinstance(zeros, tuple):
        _check_tuple(state, zeros, path)
    elif zeros is not None and hasattr(zeros, "shape"):
        _check_array(state, zeros, path)
    return state


def _check_tuple(state: Any, zeros: Any, path: str) -> None:
    if not isinstance(state, type(zeros)):
        raise TreeError(
            f"{path} must be of type {type(zeros).__name__}, got {_kind(state)}; "
            "start from cell.initial_state(...), or continue with run.final"
        )
    if len(state) != len(zeros):
        raise TreeError(f"{path} must have {len(zeros)} parts, got {len(state)}; is it of a net of other layers?")
    names = getattr(zeros, "_fields", None)
    for i, (part, zero) in enumerate(zip(state, zeros, strict=True)):
        if not (grows(zeros) and type(zero) is tuple):
            checked_state(part, zero, f"{path}[{i}]" if names is None else f"{path}.{names[i]}")


def grows(state: Any) -> bool:
    """True for a state that has its own rule to hold past the end of a sequence; its plain tuples grow with time."""
    return isinstance(state, Holds)


def _check_array(state: Any, zeros: Any, path: str) -> None:
    shape = getattr(state, "shape", None)
    if shape is None:
        raise TreeError(f"{path} must be an array of shape {zeros.shape}, got {_kind(state)}")
    if shape != zeros.shape:
        raise ShapeError(f"{path} must have the shape {zeros.shape}, got {shape}")


def _kind(state: Any) -> str:
    shape = getattr(state, "shape", None)
    name = type(state).__name__
    return name if shape is None else f"{name} of shape {shape}"


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


def check_sizes(smallest: int = 1, **sizes: Any) -> None:
    """Raise an error that names the length which is none.

    Parameters
    ----------
    smallest : int
        0 for what may be left out, such as a cell's input.
    **sizes
        Lengths by their names.

    Raises
    ------
    OptionError
        If one is no whole number, or too small.
    """
    for name, got in sizes.items():
        if isinstance(got, str) and type(got) is not str:  # the name of a length, in formulas
            continue
        if isinstance(got, bool) or not hasattr(got, "__index__") or index(got) < smallest:
            raise OptionError(f"{name} must be a whole number, {smallest} or more; got {got!r}")


def check_switch(name: str, got: Any, allowed: Iterable[Any]) -> None:
    """Raise an error that names the switch and its values.

    Raises
    ------
    OptionError
        If the value is not allowed.
    """
    choices = list(allowed)
    if got not in choices:
        raise OptionError(f"{name} must be one of {', '.join(map(repr, choices))}; got {got!r}")


def check_switches(cell: Any) -> None:
    """Check every switch of a cell against the values in its class attribute SWITCHES.

    Raises
    ------
    OptionError
        If one has another value.
    """
    for name, allowed in cell.SWITCHES.items():
        check_switch(name, getattr(cell, name), allowed)
