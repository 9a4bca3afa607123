"""Sums of products without the array of all products."""

from typing import Any

from ..ir import Builder, Node, Program, substitute

__all__ = ["contract_products"]


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
    """What a factor was repeated from; multiplying repeats it anyway."""
    return factor.args[0] if factor.op == "broadcast_to" else factor


def _is_contraction(product: Node, factors: list[Node], total: Node) -> bool:
    """Whether each summed axis belongs to both factors and each other one to at least one of them.

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
