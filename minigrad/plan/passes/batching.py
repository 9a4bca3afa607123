"""What looks alike in all steps and is no recurrence: computed for all steps at once."""

from collections.abc import Sequence
from typing import Any

from ..ir import Builder, CyclicProgramError, Node, Program, substitute
from ..kernels import ELEMENTWISE
from .families import Families
from .stacking import Stacker, is_column_slice

__all__ = ["batch"]

_PRODUCTS = ("linear", "linear_t")


def batch(program: Program, builder: Builder, notes: list[str], limit: int) -> Program:
    """f(x₁), f(x₂), … = slices of f(stack(x₁, x₂, …)) for a family of operations that is no recurrence.

    Products become one GEMM over all steps. Elementwise operations on more than `limit` entries in all
    are left in their steps: one step's operands are still in the cache there.
    """
    families = Families(program)
    stacker = Stacker(program, builder)
    replacement: dict[Node, Node] = {}
    counts: dict[str, int] = {}
    order = sorted(families.members, key=lambda family: families.stage[family])
    for family in order:
        members = families.members[family]
        first = members[0]
        small = sum(node.size for node in members) <= limit
        if len(members) < 2 or family in families.recurrent:
            continue
        if not (first.op in _PRODUCTS or (first.op in ELEMENTWISE and small)):
            continue
        made = _batched(builder, stacker, members, replacement)
        if made is None:
            continue
        replacement |= made
        counts[first.op] = counts.get(first.op, 0) + len(members)
    try:
        program = substitute(program, replacement, builder)
    except CyclicProgramError:
        return program
    notes += [f"{count} operations {op} of all steps at once" for op, count in counts.items()]
    return program


def _batched(
    builder: Builder, stacker: Stacker, members: list[Node], replacement: dict[Node, Node]
) -> dict[Node, Node] | None:
    """Slices of one operation in the place of all members; None if their operands cannot be stacked."""
    members = stacker.ordered(members, lambda node: [_resolved(arg, replacement) for arg in node.args])
    first = members[0]
    columns = [[_resolved(arg, replacement) for arg in column] for column in zip(*(node.args for node in members), strict=True)]
    builder.order = max(node.order for node in members)
    operands: list[Any] = []
    for position, column in enumerate(columns):
        if any(type(part) is not Node for part in column):
            if any(part != column[0] or type(part) is not type(column[0]) for part in column):
                return None
            operands.append(column[0])
        elif all(part is column[0] for part in column):
            operands.append(column[0])
        elif first.op in _PRODUCTS and position == 0:
            return None
        elif any(part.shape != column[0].shape or part.dtype != column[0].dtype for part in column):
            return None
        else:
            operands.append(_aligned(builder, stacker.stack(column), len(first.shape) + 1))
    shape = (len(members), *first.shape)
    if not any(type(operand) is Node and operand.shape[:1] == shape[:1] and len(operand.shape) == len(shape) for operand in operands):
        return None
    whole = builder.make(first.op, operands, first.params, shape=shape, dtype=first.dtype)
    found = {}
    for i, node in enumerate(members):
        builder.order = node.order
        found[node] = builder.make("getitem", (whole,), {"index": (i,)}, shape=node.shape, dtype=node.dtype)
        stacker.position.setdefault(found[node], i)
    return found


def _resolved(arg: Any, replacement: dict[Node, Node]) -> Any:
    """An operand as it is after the replacements made so far, slices of a replaced node included."""
    if type(arg) is not Node:
        return arg
    return replacement.get(arg, arg)


def _aligned(builder: Builder, stacked: Node, ndim: int) -> Node:
    """A stack of operands with fewer axes than the result, with axes of length 1 after the first."""
    missing = ndim - len(stacked.shape)
    if missing <= 0:
        return stacked
    shape = (stacked.shape[0], *(1,) * missing, *stacked.shape[1:])
    return builder.make("reshape", (stacked,), {"shape": shape}, shape=shape, dtype=stacked.dtype)
