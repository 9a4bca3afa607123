"""The first NaN or infinity of a computation, forward or backward, and its cause where that is a known one."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from .context import current_trace
from .errors import NaNWarning
from .sweep import Edge, SparseCotangent, ancestors, reverse_sweep
from .tensor import Tensor, describe

__all__ = ["cause_of", "first_nan", "first_nan_edge", "first_nonfinite", "has_inf", "has_nan", "warn_of_nan"]


def _numbers(value: Any) -> Any:
    """The array in a Tensor, a sparse cotangent or an operand; None where there are no floating-point numbers."""
    inner = value.g if isinstance(value, SparseCotangent) else value
    array = inner.value if isinstance(inner, Tensor) else inner
    if isinstance(array, float):
        return np.asarray(array)
    return array if isinstance(array, np.ndarray | np.generic) and array.dtype.kind in "fc" else None


def has_nan(value: Any) -> bool:
    """True if an array, a Tensor or a sparse cotangent holds a NaN."""
    array = _numbers(value)
    return array is not None and bool(np.isnan(array).any())


def has_inf(value: Any) -> bool:
    """True if an array, a Tensor or a sparse cotangent holds an infinity."""
    array = _numbers(value)
    return array is not None and bool(np.isinf(array).any())


def first_nan(nodes: Iterable[Tensor]) -> Tensor | None:
    """The first of some nodes, parents first, with a NaN that none of its arguments has."""
    return next((node for node in nodes if _arises(node, has_nan)), None)


def first_nonfinite(nodes: Iterable[Tensor]) -> Tensor | None:
    """The first of some nodes, parents first, in which a NaN or an infinity arose.

    An infinity that was given counts as meant: masks are made of it.
    """
    return next((node for node in nodes if _arises(node, has_nan) or _overflows(node)), None)


def _arises(node: Tensor, holds: Any) -> bool:
    return holds(node) and not any(holds(arg) for arg in node.args)


def _overflows(node: Tensor) -> bool:
    return not node.is_leaf and _arises(node, has_inf) and not any(has_nan(arg) for arg in node.args)


def first_nan_edge(output: Tensor, cotangent: Any) -> Edge | None:
    """The first edge, in the order of the reverse sweep, on which a cotangent without NaN becomes one with."""
    return _first_edge(output, cotangent, has_nan)


def _first_edge(output: Tensor, cotangent: Any, holds: Any) -> Edge | None:
    adjoints = reverse_sweep([(output, cotangent)], keep_all=True)
    for edge, contribution in adjoints.edges.items():
        if holds(contribution) and not holds(adjoints.nodes[edge.target]):
            return edge
    return None


def cause_of(node: Tensor) -> str:
    """The cause of the first NaN or infinity in a node, and the remedy; empty where none is known.

    Parameters
    ----------
    node : Tensor
        A node as `first_nonfinite` returns it.

    Returns
    -------
    str
        A clause without a full stop, such as "a row of the scores is -inf throughout (fully masked); ...".
    """
    if node.is_leaf:
        return "it was given as part of the data" if has_nan(node) else ""
    if not has_nan(node):
        return _cause_of_infinity(node)
    name = node.primitive.name
    if name in ("softmax", "log_softmax") and _has_masked_row(node):
        return (
            "a row of the scores is -inf throughout (fully masked), so the softmax divides 0 by 0; "
            "leave one position of each row unmasked, or mask with a large negative number such as -1e9"
        )
    if name in ("log", "sqrt") and (np.asarray(_value(node.args[0])) < 0).any():
        return f"{name} of a negative number"
    if name == "power" and (np.asarray(_value(node.args[0])) < 0).any():
        return "a negative base with an exponent that is not an integer"
    if name == "divide" and ((np.asarray(_value(node.args[0])) == 0) & (np.asarray(_value(node.args[1])) == 0)).any():
        return "0 / 0"
    return _cause_by_infinite_operand(node)


def _value(arg: Any) -> Any:
    return arg.value if isinstance(arg, Tensor) else arg


def _has_masked_row(node: Tensor) -> bool:
    scores = np.asarray(_value(node.args[0]))
    return bool(np.all(scores == -np.inf, axis=node.params["axis"]).any())


def _cause_of_infinity(node: Tensor) -> str:
    name = node.primitive.name
    if name == "exp":
        x = np.asarray(_value(node.args[0]))
        return f"exp overflows: its largest argument is {x.max():.6g}, and {node.dtype} ends at {_exp_limit(x):.4g}"
    if _has_pole(node):
        return "a division by 0"
    if name == "log":
        return "log of 0"
    return f"an overflow: the operands are finite, the result leaves the range of {node.dtype}"


def _has_pole(node: Tensor) -> bool:
    """True if an entry is a quotient by 0, or a negative power of 0."""
    if node.primitive.name not in ("divide", "power"):
        return False
    a, b = (np.asarray(_value(arg)) for arg in node.args)
    return bool((b == 0).any() if node.primitive.name == "divide" else ((a == 0) & (b < 0)).any())


def _exp_limit(x: Any) -> float:
    return float(np.log(np.finfo(x.dtype if x.dtype.kind == "f" else np.float64).max))


def _cause_by_infinite_operand(node: Tensor) -> str:
    """A NaN made from an infinity: that one arose earlier, or was given."""
    infinite = [arg for arg in node.args if isinstance(arg, Tensor) and has_inf(arg)]
    if not infinite:
        return ""
    origin = next((past for past in ancestors(infinite) if _overflows(past)), None)
    if origin is None:
        return "an infinity that was given meets 0 or another infinity"
    reason = _cause_of_infinity(origin)
    return f"it comes from an infinity that arose earlier, in {describe(origin)}: {reason}"


def warn_of_nan(output: Tensor, cotangent: Any, gradients: Iterable[Any]) -> None:
    """Issue a `NaNWarning` if the output or one of the gradients holds a NaN; it says where the NaN arose, and why.

    While a function is compiled they are handed to the trace, and looked at in every replay.
    """
    gradients = list(gradients)
    trace = current_trace()
    if trace is not None:
        trace.checked += [value for value in (output, *gradients) if isinstance(value, Tensor)]
        return
    gradient_is_nan = any(has_nan(g) for g in gradients)
    if not has_nan(output) and not gradient_is_nan:
        return
    behind = ancestors([output])
    origin = first_nan(behind)
    subject = f"the output {describe(output)} is {'' if has_nan(output) else 'not '}NaN"
    subject += "" if has_nan(output) else ", but its gradient is"
    if origin is not None:
        reasons = [cause_of(origin), "" if has_nan(output) else _untaken(origin, behind)]
        text = "; it arose in " + ": ".join([describe(origin), *filter(None, ["; ".join(filter(None, reasons))])])
    else:
        text = _backward_cause(output, cotangent, behind) if gradient_is_nan else ""
    warnings.warn(subject + text, NaNWarning, stacklevel=4)


def _backward_cause(output: Tensor, cotangent: Any, behind: list[Tensor]) -> str:
    """The rule in which a NaN arose though all values are numbers, and the infinity before it."""
    edge = first_nan_edge(output, cotangent)
    if edge is None:
        return ""
    text = f"; it arose in the reverse rule of {describe(edge.target)}, argument {edge.position}"
    infinite = _first_edge(output, cotangent, has_inf)
    if infinite is not None and infinite.target is not edge.target:
        text += f", from an infinity in the reverse rule of {describe(infinite.target)}"
    reason = _untaken(edge.target, behind)
    return f"{text}: {reason}" if reason else text


def _untaken(origin: Tensor, behind: Iterable[Tensor]) -> str:
    """The advice for what a `where` leaves out: its cotangent is 0, and 0 times NaN or infinity is NaN."""
    reached = {origin.serial}
    for node in behind:
        if any(isinstance(arg, Tensor) and arg.serial in reached for arg in node.args):
            reached.add(node.serial)
            if node.primitive.name == "where":
                return (
                    f"{describe(node)} does not take these entries, but their cotangent 0 times NaN or infinity is "
                    f"NaN; make the argument safe inside the branch, as in log(where(mask, x, 1.0))"
                )
    return ""
