"""The record of a primitive operation, and the registry that finds every one of them.

A primitive is what the engine can differentiate: its value and its derivative rules, side by side.
Rules are pure functions written with operators and primitives only, so that the same rule runs on
arrays, on Tensors (gradients of gradients) and on matrix terms (formulas).
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import shape_rules
from .typing import Rule

__all__ = ["PRIMITIVES", "Primitive", "Rule", "elementwise", "register"]

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
    module : str
        The module that registered it.
    symbol : str, optional
        The sign that pictures print for it, such as ``⊙``; its name by default.
    slope_formula : str, optional
        The slope as pictures print it, in the output y or the input x.
    slope_bound : float, optional
        The largest slope of a function that saturates.
    shape_rule : callable, optional
        ``shape_rule(xs, params)``, see `minigrad.shape_rules`; without one the output's shape is found by trial.
    """

    name: str
    value: Callable[..., Any]
    vjps: tuple[Rule | None, ...]
    jvps: tuple[Rule | None, ...]
    slope: Rule | None = None
    variadic: bool = False
    module: str = ""
    symbol: str | None = None
    slope_formula: str | None = None
    slope_bound: float | None = None
    shape_rule: Callable[..., Any] | None = None
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
    module: str | None = None,
    symbol: str | None = None,
    slope_formula: str | None = None,
    slope_bound: float | None = None,
    shape_rule: Callable[..., Any] | None = None,
) -> Primitive:
    """Make a primitive and enter it in `PRIMITIVES`; see `Primitive` for the parameters.

    None on both sides says that the operation is piecewise constant in the argument. A rule that is given for one
    direction only is transposed for the other. A module may register a name again, as a notebook does
    when a cell is run twice; the later record then stands.

    Raises
    ------
    ValueError
        If another module has a primitive of this name, or the numbers of reverse and forward rules differ.
    """
    module = sys._getframe(1).f_globals["__name__"] if module is None else module
    if name in PRIMITIVES and PRIMITIVES[name].module != module:
        raise ValueError(f"primitive {name!r} is defined in {PRIMITIVES[name].module} already; choose another name")
    if len(vjps) != len(jvps):
        raise ValueError(f"primitive {name!r} has {len(vjps)} vjp rules but {len(jvps)} jvp rules; give one pair each")
    pairs = list(zip(vjps, jvps, strict=True))
    if variadic and any((vjp is None) != (jvp is None) for vjp, jvp in pairs):
        raise ValueError(f"variadic primitive {name!r} has a rule in one direction only; give vjp and jvp")
    PRIMITIVES[name] = Primitive(
        name,
        value,
        tuple(_transposed(jvp, i) if vjp is None and jvp is not None else vjp for i, (vjp, jvp) in enumerate(pairs)),
        tuple(_transposed(vjp, None) if jvp is None and vjp is not None else jvp for vjp, jvp in pairs),
        slope,
        variadic,
        module,
        symbol,
        slope_formula,
        slope_bound,
        shape_rule or (shape_rules.elementwise if _keeps_floats(value, vjps) else None),
    )
    return PRIMITIVES[name]


def _keeps_floats(value: Any, vjps: tuple[Rule | None, ...]) -> bool:
    """True for elementwise functions of NumPy that are differentiable: floats of one dtype give such floats."""
    return isinstance(value, np.ufunc) and value.signature is None and any(vjps)


def _transposed(rule: Rule, position: int | None) -> Rule:
    """The rule of the other direction: a rule is linear in its first argument, and its reverse sweep transposes it.

    Parameters
    ----------
    rule : callable
        A vjp or jvp rule of one argument, written with operators and primitives.
    position : int or None
        For a jvp rule, which argument it belongs to: its cotangent has the shape of that. None for a vjp rule,
        whose tangent is found for a cotangent of the shape of the output.
    """

    def other_direction(g: Any, y: Any, *xs: Any, **params: Any) -> Any:
        """Aᵀ g for the linear map A of the given rule."""
        from .transforms import transpose_of  # noqa: PLC0415  (built on this module)

        return transpose_of(lambda u: rule(u, y, *xs, **params), g, y if position is None else xs[position])

    return other_direction


def elementwise(
    name: str,
    value: Callable[..., Any],
    slope: Rule,
    symbol: str | None = None,
    slope_formula: str | None = None,
    slope_bound: float | None = None,
) -> Primitive:
    """A primitive that maps each entry by itself: x̄ = ȳ ⊙ f'(x) and ẏ = ẋ ⊙ f'(x)."""

    def scale(g: Any, y: Any, x: Any) -> Any:
        """Multiply by the slope; a diagonal Jacobian is its own transpose."""
        return g * slope(y, x)

    return register(
        name,
        value,
        vjps=(scale,),
        jvps=(scale,),
        slope=slope,
        module=sys._getframe(1).f_globals["__name__"],
        symbol=symbol,
        slope_formula=slope_formula,
        slope_bound=slope_bound,
        shape_rule=shape_rules.elementwise,
    )
