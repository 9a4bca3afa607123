"""Products of stacks that share their parts: each part is multiplied once, not once in every stack.

A memory that grows by one entry in each step is a stack of 1, 2, …, T parts. Multiplied as a whole in every
step, it costs T² products; part by part it costs T. The same holds backwards.
"""

from collections import Counter, defaultdict
from typing import Any

from ..ir import Builder, Node, Program, substitute
from .chains import chains, is_parameter
from .simplify import first_index

__all__ = ["share_parts"]

#: Parts must be in so many stacks on average.
_OFTEN = 3
#: Backwards every product saved costs two additions; multiplications and additions from which it gains.
WORTH = 50_000


def share_parts(program: Program, builder: Builder, notes: list[str]) -> Program:
    """W stack(m₁, m₂, …) = stack(W m₁, W m₂, …), and backwards, where stack t passes G_t on to its parts,

    Σ_t (A_t + Wᵀ G_t)[s] = Σ_t A_t[s] + Wᵀ K_s,   Σ_t G_tᵀ M_t = Σ_s K_sᵀ m_s,   K_s = Σ_t G_t[s]
    """
    replacement = _forward(program, builder)
    backward = 0
    for root, leaves in list(chains(program, "add")):
        builder.order = root.order
        terms = _pulled(builder, leaves)
        terms = _summed_by_part(builder, terms)
        if terms is not leaves:
            total = terms[0]
            for term in terms[1:]:
                total = builder.make("add", (total, term), shape=root.shape, dtype=root.dtype)
            replacement[root] = total
            backward += 1
    if replacement:
        notes.append(f"{len(replacement) - backward} products of stacks and {backward} sums taken part by part")
    return substitute(program, replacement)


def _is_stack(node: Any) -> bool:
    return type(node) is Node and node.op == "stack" and node.params["axis"] == 0 and len(node.shape) > 1


def _forward(program: Program, builder: Builder) -> dict[Node, Node]:
    """Stacks of products in the place of products of stacks."""
    groups: dict[Node, list[Node]] = defaultdict(list)
    for node in program.uses():
        if node.op == "linear" and is_parameter(node.args[0]) and _is_stack(node.args[1]):
            groups[node.args[0]].append(node)
    found: dict[Node, Node] = {}
    for W, members in groups.items():
        counts = Counter(part for node in members for part in node.args[1].args)
        if sum(counts.values()) < _OFTEN * len(counts):
            continue
        for node in members:
            parts = []
            for part in node.args[1].args:
                builder.order = part.order
                parts.append(builder.make("linear", (W, part)))
            builder.order = node.order
            found[node] = builder.make("stack", parts, {"axis": 0}, shape=node.shape, dtype=node.dtype)
    return found


def _step(builder: Builder, whole: Node, i: int) -> Node:
    builder.order = whole.order
    return builder.make("getitem", (whole,), {"index": (i,)}, shape=whole.shape[1:], dtype=whole.dtype)


def _total(builder: Builder, wholes: list[tuple[Node, int]]) -> Node:
    """K_s = Σ_t G_t[s], always in the same order, so that it is computed once."""
    ordered = sorted(wholes, key=lambda pair: (pair[0].order, pair[0].serial))
    total = _step(builder, *ordered[0])
    for whole, i in ordered[1:]:
        step = _step(builder, whole, i)
        total = builder.make("add", (total, step), shape=total.shape, dtype=total.dtype)
    return total


def _pulled(builder: Builder, leaves: list[Node]) -> list[Node]:
    """The terms of one part's sum, with one product in the place of one for each stack."""
    rest: list[Node] = []
    sums: dict[Node, list[tuple[Node, int]]] = defaultdict(list)
    order = builder.order
    split = [(leaf, _split(leaf)) for leaf in leaves]
    numbers = Counter(found[1].args[0] for _, found in split if found is not None)
    for leaf, found in split:
        if found is None or numbers[found[1].args[0]] < 2:
            rest.append(leaf)
            continue
        other, product, i = found
        rest.append(_step(builder, other, i))
        sums[product.args[0]].append((product.args[1], i))
    if not sums:
        return leaves
    for W, wholes in sums.items():
        total = _total(builder, wholes)
        builder.order = order
        rest.append(builder.make("linear_t", (W, total)))
    builder.order = order
    return rest


def _split(leaf: Node) -> tuple[Node, Node, int] | None:
    """A, Wᵀ G and s of a term (A + Wᵀ G)[s]; None if it is no such term."""
    if leaf.op != "getitem" or leaf.args[0].op != "add" or not leaf.args[0].shape:
        return None
    i = first_index(leaf)
    pair = leaf.args[0].sources
    if i is None or len(pair) != 2 or pair[0].shape != pair[1].shape or len(pair[0].shape) < 2:
        return None
    for other, product in (pair, pair[::-1]):
        if product.op == "linear_t" and is_parameter(product.args[0]) and leaf.size * product.args[0].shape[0] >= WORTH:
            return other, product, i
    return None


def _summed_by_part(builder: Builder, leaves: list[Node]) -> list[Node]:
    """Σ_s K_sᵀ m_s in the place of Σ_t G_tᵀ M_t."""
    outers = [leaf for leaf in leaves if leaf.op == "outer" and _is_stack(leaf.args[1])]
    outers = [leaf for leaf in outers if leaf.size * leaf.args[1].size >= WORTH * leaf.args[1].shape[0] * leaf.shape[1]]
    wholes: dict[Node, list[tuple[Node, int]]] = defaultdict(list)
    for leaf in outers:
        for i, part in enumerate(leaf.args[1].args):
            wholes[part].append((leaf.args[0], i))
    if sum(map(len, wholes.values())) < _OFTEN * max(len(wholes), 1):
        return leaves
    order = builder.order
    parts = sorted(wholes, key=lambda part: (part.order, part.serial))
    totals = [_total(builder, wholes[part]) for part in parts]
    builder.order = order
    G = builder.make("stack", totals, {"axis": 0})
    M = builder.make("stack", parts, {"axis": 0})
    return [*(leaf for leaf in leaves if leaf not in outers), builder.make("outer", (G, M))]
