"""Tooltips of nodes and edges."""

from math import isinf, isnan

from cells.analysis.norms import norm
from cells.analysis.structure import is_parameter
from minigrad import Tensor
from minigrad.nans import cause_of, has_nan
from minigrad.sweep import Adjoints

from .grouping import Group
from .labels import describe_factor, formula, number, short_name

__all__ = ["called", "gradient_note", "node_tooltip", "nonfinite_label", "nonfinite_tooltip"]


def node_tooltip(group: Group, adjoints: Adjoints | None, copies: int = 1) -> str:
    """Name and formula, shape, norm of the value and of its gradient, local factor."""
    node = group.face
    lines = [_definition(node), f"shape {node.shape}"]
    size = norm(node.value)
    if size is not None:
        lines.append(f"norm of the value: {number(size)}")
    adjoint = None if adjoints is None else norm(adjoints.nodes.get(node))
    if adjoint is not None:
        lines.append(f"norm of its gradient: {number(adjoint)}")
    factor = describe_factor(node)
    if factor is not None:
        lines.append(f"local factor {factor}")
    if group.kind == "affine":
        lines += _weights(group)
    if copies > 1:
        lines.append(f"one node, drawn at {copies} places")
    return "\n".join(lines)


def _definition(node: Tensor) -> str:
    if node.is_leaf and node.name is not None:
        return node.name
    name = short_name(node)
    return formula(node) if name is None else f"{name} = {formula(node)}"


def _weights(group: Group) -> list[str]:
    found = {arg.serial: arg for node in group.members for arg in node.args if isinstance(arg, Tensor)}
    return [f"{short_name(arg)}: {arg.name}, shape {arg.shape}" for arg in found.values() if is_parameter(arg)]


def nonfinite_label(node: Tensor, face: Tensor) -> str:
    """The line added to the label of the first node that is not finite: ``first nan``, and its name if that differs."""
    first = "first nan" if has_nan(node) else "first inf"
    return first if node is face else f"{first}: {called(node)}"


def nonfinite_tooltip(node: Tensor) -> str:
    """The first node that is not finite, and the cause where it is a known one."""
    what = "NaN" if has_nan(node) else "infinity"
    cause = cause_of(node)
    return f"the first {what} of the forward pass is in {called(node)}{': ' + cause if cause else ''}"


def called(node: Tensor) -> str:
    """A node's name, or its formula if it has none."""
    return short_name(node) or formula(node, 2)


def gradient_note(what: str, share: float) -> str:
    """The number on a gradient, and what is special about it."""
    remark = " (not a number)" if isnan(share) else " (overflowed)" if isinf(share) else ""
    return f"{what}: norm {number(share)}{remark or (' (exactly zero)' if share == 0 else '')}"
