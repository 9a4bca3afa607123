"""Activation functions by name."""

from collections.abc import Callable
from typing import Any

from minigrad import relu, sigmoid, tanh

__all__ = ["ACTIVATIONS"]


def _identity(a: Any) -> Any:
    return a


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": tanh,
    "relu": relu,
    "sigmoid": sigmoid,
    "identity": _identity,
}
