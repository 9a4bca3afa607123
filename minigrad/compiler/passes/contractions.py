"""Sums of products over time as one product: the gradients of parameters."""

from collections import defaultdict
from typing import Any

from ..ir import Builder, Node, Program, substitute
from .associative import chains
from .stacking import Stacker

__all__ = ["contract_products", "sum_over_time"]


def contract_products(program: Program, builder: Builder, notes: list[str]) -> Program:
    """Σ_k a_k b_k as a product of matrices, never an array of all a_k b_k.

    Attention's scores Σ_h tanh(·)_h v_h, its context Σ_s α_s m_s and the cotangents of both are of this form,
    one product for each entry of the batch. A factor that was broadcast is taken as it was before.
    """
    uses = program.uses()
    kept = set(program.outputs)
    replacement: dict[Node, Node] = {}
    for node in uses:
        if node.op != "sum" or node.params["keepdims"]:
            continue
        product = node.args[0]
        if product.op != "multiply" or len(uses[product]) != 1 or product in kept or len(product.sources) != 2:
            continue
        factors = [_before_broadcast(factor) for factor in product.args]
        if _is_contraction(product, factors, node):
            builder.order = node.order
            params = {"axis": tuple(node.params["axis"]), "ndim": len(product.shape)}
            replacement[node] = builder.make("contract", factors, params, shape=node.shape, dtype=node.dtype)
    if replacement:
        notes.append(f"{len(replacement)} sums of products without an array of the products")
    return substitute(program, replacement)


def _before_broadcast(factor: Node) -> Node:
    """The value that a factor was repeated from; multiplying repeats it anyway."""
    return factor.args[0] if factor.op == "broadcast_to" else factor


def _is_contraction(product: Node, factors: list[Node], total: Node) -> bool:
    """True if each summed axis belongs to both factors and each other one to at least one of them.

    The last axis must not be that of a batch: the sum over the leading axes of a b gains nothing.
    """
    if total.dtype.kind != "f" or not all(factor.dtype == total.dtype for factor in factors) or not product.size:
        return False
    a, b = (_has_axis(factor, product.shape) for factor in factors)
    summed = total.params["axis"]
    last = len(product.shape) - 1
    if not summed or not all((a[i] and b[i]) if i in summed else (a[i] or b[i]) for i in range(last + 1)):
        return False
    return last in summed or a[last] != b[last]


def _has_axis(factor: Node, shape: tuple[int, ...]) -> list[bool]:
    """For each axis of the product, whether the factor has it; an axis of length 1 belongs to both."""
    missing = len(shape) - len(factor.shape)
    own: tuple[Any, ...] = (*(1,) * missing, *factor.shape)
    return [size == whole for size, whole in zip(own, shape, strict=True)]


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
    """The key that terms must share to be summed together; None for terms that are left alone."""
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
