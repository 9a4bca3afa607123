"""Sums of products over time as one product: the gradients of parameters."""

from collections import defaultdict

from ..ir import Builder, Node, Program, substitute
from .chains import chains
from .stacking import Stacker

__all__ = ["sum_over_time"]

#: Fewer terms that are no products are left to plain additions.
_MANY = 8


def sum_over_time(program: Program, builder: Builder, notes: list[str]) -> Program:
    """Σ_t g_t x_tᵀ = Gᵀ X, where row t of G is g_t and of X is x_t; Σ_t Σ_b d_tb = Σ over the stack of all d_t.

    The terms of a sum are reordered, which changes its rounding.
    """
    stacker = Stacker(program, builder)
    replacement: dict[Node, Node] = {}
    # Products come first: the order of their stacks is the one that the other sums should follow.
    found = sorted(chains(program, "add"), key=lambda chain: all(leaf.op != "outer" for leaf in chain[1]))
    for root, leaves in found:
        groups = defaultdict(list)
        for leaf in leaves:
            groups[_kind(leaf, root)].append(leaf)
        terms = []
        for kind, members in groups.items():
            enough = kind is not None and len(members) >= (2 if kind[0] in ("outer", "sum") else _MANY)
            terms += [_together(stacker, builder, members)] if enough else members
        if len(terms) == len(leaves):
            continue
        builder.order = root.order
        total = terms[0]
        for term in terms[1:]:
            total = builder.make("add", (total, term), shape=root.shape, dtype=root.dtype)
        replacement[root] = total
    if replacement:
        notes.append(f"{len(replacement)} sums over time as one operation each")
    return substitute(program, replacement)


def _kind(node: Node, root: Node) -> tuple | None:
    """What terms must share to be summed together; None for terms that are left alone."""
    if node.shape != root.shape or node.dtype != root.dtype:
        return None
    shapes = tuple(arg.shape for arg in node.sources)
    if node.op == "outer":
        return ("outer", shapes)
    axis = _summed_axes(node)
    if axis is not None:
        return ("sum", shapes, axis)
    return ("other", node.op) if node.op in ("multiply", "add", "subtract") else None


def _summed_axes(node: Node) -> tuple[int, ...] | None:
    """The axes that a sum takes away; a reshape that drops leading axes of length 1 is a sum too."""
    if node.op == "sum" and not node.params["keepdims"]:
        return tuple(node.params["axis"])
    if node.op == "reshape":
        before = node.args[0].shape
        extra = len(before) - len(node.shape)
        if extra > 0 and before == (*(1,) * extra, *node.shape):
            return tuple(range(extra))
    return None


def _together(stacker: Stacker, builder: Builder, members: list[Node]) -> Node:
    """The sum of terms of one kind as one operation on stacks."""
    builder.order = max(node.order for node in members)
    first = members[0]
    if first.op == "outer":
        members = stacker.ordered(members, lambda node: node.args[::-1])
        G = stacker.stack([node.args[0] for node in members])
        X = stacker.stack([node.args[1] for node in members])
        return builder.make("outer", (G, X), shape=first.shape, dtype=first.dtype)
    axis = _summed_axes(first)
    if axis is not None:
        members = stacker.ordered(members, lambda node: node.args)
        stacked = stacker.stack([node.args[0] for node in members])
        axis = (0, *(i + 1 for i in axis))
    else:
        stacked, axis = stacker.stack(stacker.ordered(members, lambda node: (node,))), (0,)
    return builder.make("sum", (stacked,), {"axis": axis, "keepdims": False}, shape=first.shape, dtype=first.dtype)
