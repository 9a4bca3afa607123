"""The check that an initial state is one of the cell's, before the first step fails on it in its own way."""

from typing import Any

from minigrad.errors import ShapeError, TreeError

__all__ = ["checked_state"]


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
        if not _grows(zeros, zero):
            checked_state(part, zero, f"{path}[{i}]" if names is None else f"{path}.{names[i]}")


def _grows(zeros: Any, part: Any) -> bool:
    """Whether a part gets longer with time: a plain tuple in a state that says itself how to hold."""
    return hasattr(zeros, "hold") and type(part) is tuple


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
