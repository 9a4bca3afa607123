"""Hoisting: what is alike in all steps and no recurrence is computed for all steps at once."""

from collections.abc import Sequence
from typing import Any

from ..ir import Builder, Node, Program, freeze, substitute
from ..kernels import ELEMENTWISE
from .associative import chains, is_parameter
from .loops import Families
from .simplify import first_index
from .stacking import Stacker

__all__ = ["batch", "regroup"]


def regroup(program: Program, builder: Builder, notes: list[str], limit: int) -> Program:
    """(d a) b = d (a b), and (W h + U x) + b = W h + (U x + b): d and h belong to a recurrence, the rest does not.

    What stands in brackets is then the same kind of operation in all steps, and independent of the
    recurrence: it can be computed for all steps at once. Not done for products where the arrays of all
    steps together would have more than `limit` entries: they would leave the cache in between.
    """
    families = Families(program)

    def too_large(root: Node) -> bool:
        return len(families.members[families.family[root]]) * root.size > limit

    replacement: dict[Node, Node] = {}
    for op in ("add", "multiply"):
        for root, leaves in chains(program, op):
            if len(leaves) < 3:
                continue
            stage = max(map(families.stage_of, leaves))
            late = [leaf for leaf in leaves if families.stage_of(leaf) == stage]
            early = [leaf for leaf in leaves if families.stage_of(leaf) != stage]
            if len(early) < 2 or not _waits(families, root, late) or (op == "multiply" and too_large(root)):
                continue
            builder.order = root.order
            early.sort(key=lambda leaf: (leaf.order, leaf.serial))
            replacement[root] = _combined(builder, op, [_combined(builder, op, early, root), *late], root)
    if replacement:
        notes.append(
            f"{len(replacement)} sums and products reordered, so that a part of them does not wait for a recurrence"
        )
    return substitute(program, replacement)


def _waits(families: Families, root: Node, late: list[Node]) -> bool:
    """True if the late terms are a recurrence's, or come out of one: its first and last steps look different."""
    family = families.family[root]
    if family in families.recurrent:
        return families.stage_of(root) == families.stage_of(late[0])
    return len(late) == 1 and late[0].op not in ("input", "constant", "getitem") and bool(families.recurrent)


def _combined(builder: Builder, op: str, terms: list[Node], root: Node) -> Node:
    total = terms[0]
    for term in terms[1:]:
        total = builder.make(op, (total, term), dtype=root.dtype, shape=_shape(total, term))
    return total


def _shape(a: Node, b: Node) -> tuple[int, ...]:
    return a.shape if len(a.shape) >= len(b.shape) and a.size >= b.size else b.shape


_PRODUCTS = ("linear", "linear_t")


def batch(program: Program, builder: Builder, notes: list[str], limit: int) -> Program:
    """f(x₁), f(x₂), … = slices of f(stack(x₁, x₂, …)) for a family of operations that is no recurrence.

    Products become one GEMM over all steps. Elementwise operations on more than `limit` entries in all
    are left in their steps: one step's operands are still in the cache there.
    """
    families = Families(program)
    stacker = Stacker(program, builder)
    new: dict[Node, Node] = {node: node for node in program.inputs}
    counts: dict[str, int] = {}
    by_stage: dict[int, list[Node]] = {}
    for node in families.nodes:
        by_stage.setdefault(families.stage_of(node), []).append(node)
    for stage in sorted(by_stage):
        members = [node for node in by_stage[stage] if node not in new]
        if len(members) > 1 and families.family[members[0]] not in families.recurrent and _worthwhile(members, limit):
            for alike in _by_origin(members, new):
                made = _batched(builder, stacker, alike, new)
                new |= made
                if made:
                    counts[members[0].op] = counts.get(members[0].op, 0) + len(alike)
        for node in members:
            if node not in new:
                builder.order = node.order
                args = tuple(new[arg] if type(arg) is Node else arg for arg in node.args)
                new[node] = builder.copy(node, args)
                if node in stacker.position:
                    stacker.position.setdefault(new[node], stacker.position[node])
    notes += [f"{count} operations {op} of all steps at once" for op, count in counts.items()]
    return Program(program.inputs, tuple(new[node] for node in program.outputs))


def _by_origin(members: list[Node], new: dict[Node, Node]) -> list[list[Node]]:
    """The members whose operands are steps of the same arrays, together: other operands would have to be copied."""
    groups: dict[Any, list[Node]] = {}
    for node in members:
        key = tuple(_origin(new[arg]) if type(arg) is Node else None for arg in node.args)
        groups.setdefault(key, []).append(node)
    return [group for group in groups.values() if len(group) > 1]


def _origin(node: Node) -> Any:
    """The array that a node is a step of, also through a slice of columns."""
    if node.op != "getitem":
        return None
    if node.args[0].shape and first_index(node) is not None:
        return node.args[0]
    return (freeze(node.params["index"]), _origin(node.args[0]))


def _worthwhile(members: list[Node], limit: int) -> bool:
    """True if a family is of a kind that gains, and no rearrangement of parameters, which have slots elsewhere."""
    first = members[0]
    if first.op in _PRODUCTS:
        return True
    small = sum(node.size for node in members) <= limit
    return first.op in ELEMENTWISE and small and not is_parameter(first)


def _batched(builder: Builder, stacker: Stacker, members: list[Node], new: dict[Node, Node]) -> dict[Node, Node]:
    """Slices of one operation in the place of all members; nothing if their operands cannot be stacked."""
    rows = {node: [new[arg] if type(arg) is Node else arg for arg in node.args] for node in members}
    members = stacker.ordered(members, rows.__getitem__)
    first = members[0]
    builder.order = max(node.order for node in members)
    columns = list(zip(*(rows[node] for node in members), strict=True))
    if not all(_stackable(first, position, column) for position, column in enumerate(columns)):
        return {}
    if all(_shared(column) for column in columns):
        return {}
    operands = [
        column[0] if _shared(column) else _aligned(builder, stacker.stack(column), len(first.shape) + 1)
        for column in columns
    ]
    shape = (len(members), *first.shape)
    whole = builder.make(first.op, operands, first.params, shape=shape, dtype=first.dtype)
    found = {}
    for i, node in enumerate(members):
        builder.order = node.order
        found[node] = builder.make("getitem", (whole,), {"index": (i,)}, shape=node.shape, dtype=node.dtype)
        stacker.position.setdefault(found[node], i)
    return found


def _shared(column: Sequence[Any]) -> bool:
    """True if all members take the same operand."""
    first = column[0]
    return all(part is first if type(first) is Node else type(part) is type(first) and part == first for part in column)


def _stackable(first: Node, position: int, column: Sequence[Any]) -> bool:
    """True if operands can be put side by side: not different matrices, nor numbers, nor mixed shapes."""
    if _shared(column):
        return True
    if first.op in _PRODUCTS and position == 0:
        return False
    kinds = {(part.shape, part.dtype) if type(part) is Node else None for part in column}
    return len(kinds) == 1 and None not in kinds


def _aligned(builder: Builder, stacked: Node, ndim: int) -> Node:
    """A stack of operands with fewer axes than the result, with axes of length 1 after the first."""
    missing = ndim - len(stacked.shape)
    if missing <= 0:
        return stacked
    shape = (stacked.shape[0], *(1,) * missing, *stacked.shape[1:])
    return builder.make("reshape", (stacked,), {"shape": shape}, shape=shape, dtype=stacked.dtype)
