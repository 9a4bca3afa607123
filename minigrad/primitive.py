"""The record of a primitive operation, and the registry that finds every one of them.

A primitive is what the engine can differentiate: its value and its derivative rules, side by side.
Rules are pure functions written with operators and primitives only, so that the same rule runs on
arrays, on Tensors (gradients of gradients) and on matrix terms (formulas).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["PRIMITIVES", "Primitive", "Rule", "elementwise", "register"]

Rule = Callable[..., Any]

#: Every primitive by name, in the order of definition.
PRIMITIVES: dict[str, "Primitive"] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """One operation: how to compute it and how to differentiate it.

    Parameters
    ----------
    name : str
        Unique; the key in `PRIMITIVES`.
    value : callable
        ``value(*xs, **params)`` on NumPy arrays.
    vjps : tuple of (callable or None)
        One rule for each argument, ``vjp(g, y, *xs, **params)``: the cotangent of that argument,
        given the cotangent ``g`` of the output ``y``. None: the operation is piecewise constant in
        that argument.
    jvps : tuple of (callable or None)
        One rule for each argument, ``jvp(t, y, *xs, **params)``: what the tangent ``t`` of that
        argument adds to the tangent of the output.
    slope : callable, optional
        ``slope(y, x)`` of an elementwise function of one argument: its derivative, entry by entry.
    variadic : bool
        True: any number of arguments, and ``vjps`` and ``jvps`` hold one rule for all of them:
        ``vjp(g, y, *xs, **params)`` gives a sequence of cotangents, ``jvp(ts, y, *xs, **params)`` takes
        a sequence of tangents; in both None stands for zero.
    """

    name: str
    value: Callable[..., Any]
    vjps: tuple[Rule | None, ...]
    jvps: tuple[Rule | None, ...]
    slope: Rule | None = None
    variadic: bool = False
    differentiable: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "differentiable", any(rule is not None for rule in self.vjps))

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


def register(
    name: str,
    value: Callable[..., Any],
    *,
    vjps: tuple[Rule | None, ...],
    jvps: tuple[Rule | None, ...],
    slope: Rule | None = None,
    variadic: bool = False,
) -> Primitive:
    """Make a primitive and enter it in `PRIMITIVES`; see `Primitive` for the parameters.

    Raises
    ------
    ValueError
        If the name is taken, or the numbers of reverse and forward rules differ.
    """
    if name in PRIMITIVES:
        raise ValueError(f"primitive {name!r} is defined twice; choose another name")
    if len(vjps) != len(jvps):
        raise ValueError(f"primitive {name!r} has {len(vjps)} vjp rules but {len(jvps)} jvp rules; give one pair each")
    PRIMITIVES[name] = Primitive(name, value, vjps, jvps, slope, variadic)
    return PRIMITIVES[name]


def elementwise(name: str, value: Callable[..., Any], slope: Rule) -> Primitive:
    """A primitive that maps each entry by itself: x̄ = ȳ ⊙ f'(x) and ẏ = ẋ ⊙ f'(x)."""

    def scale(g: Any, y: Any, x: Any) -> Any:
        """Multiply by the slope; a diagonal Jacobian is its own transpose."""
        return g * slope(y, x)

    return register(name, value, vjps=(scale,), jvps=(scale,), slope=slope)
