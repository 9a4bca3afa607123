"""Activation functions by name, and the check that a switch has one of its values."""

from collections.abc import Callable, Iterable
from typing import Any

from minigrad import relu, sigmoid, tanh
from minigrad.errors import OptionError

__all__ = ["ACTIVATIONS", "check_switch"]


def _identity(a: Any) -> Any:
    return a


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": tanh,
    "relu": relu,
    "sigmoid": sigmoid,
    "identity": _identity,
}


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
