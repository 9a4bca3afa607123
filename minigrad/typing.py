"""Names for the types of what rules take and return."""

from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = ["Rule", "Value"]

#: An array, a NumPy or Python number, a Tensor, or a value of another algebra such as a matrix term. One rule serves
#: all of them. Their operators give each other's types, which a union cannot say: hence `Any` to type checkers.
Value: TypeAlias = Any

#: ``vjp(g, y, *xs, **params)``, ``jvp(t, y, *xs, **params)`` or ``slope(y, x)``.
Rule: TypeAlias = Callable[..., Value]
