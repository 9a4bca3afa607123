"""Products that share an operand, and sums of products, as one product of larger matrices."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ..ir import Builder, Node, Program, behind, substitute
from .chains import chains, is_parameter
from .stacking import Stacker

__all__ = ["column_slices", "fuse_outer_products", "fuse_products", "fuse_sums_of_products", "join"]


#: How many operations after a product tell which products are used alike.
_FOLLOWED = 8


def column_slices(builder: Builder, whole: Node, parts: Sequence[Node], axis: int = -1) -> list[Node]:
    """The parts of a concatenation on the last axis, or on the first, as slices of it."""
    slices, start = [], 0
    for part in parts:
        span = slice(start, start + part.shape[axis])
        start = span.stop
        index = (Ellipsis, span) if axis == -1 else (span,)
        shape = (*whole.shape[:-1], span.stop - span.start) if axis == -1 else part.shape
        slices.append(builder.make("getitem", (whole,), {"index": index}, shape=shape, dtype=whole.dtype))
    return slices


def join(builder: Builder, parts: Sequence[Node], axis: int) -> Node:
    """Parts side by side; no axis is negative in the program."""
    return builder.make("concatenate", parts, {"axis": axis % len(parts[0].shape)})


def fuse_products(program: Program, builder: Builder, notes: list[str]) -> Program:
    """W₁ x, W₂ x, … = rows of [W₁; W₂; …] x, for matrices that are parameters.

    The matrices are put side by side once in a call. Those whose results are used alike are neighbours,
    so that what follows can be done for all of them at once.
    """
    uses = program.uses()
    groups: dict[Any, list[Node]] = defaultdict(list)
    for node in uses:
        if node.op == "linear" and is_parameter(node.args[0]) and node.args[0].dtype == node.args[1].dtype:
            groups[node.args[1]].append(node)
    replacement: dict[Node, Node] = {}
    sizes: dict[int, int] = defaultdict(int)
    for x, members in groups.items():
        if len(members) < 2:
            continue
        builder.order = members[0].order
        members.sort(key=lambda node: (len(uses[node]) != 1, *_use(node, uses)))
        W = join(builder, [node.args[0] for node in members], 0)
        whole = builder.make("linear", (W, x))
        replacement |= dict(zip(members, column_slices(builder, whole, members), strict=True))
        sizes[len(members)] += 1
    notes += [f"{count} times {size} products with one vector in one" for size, count in sizes.items()]
    return substitute(program, replacement)


def _use(node: Node, uses: dict[Node, list[Node]]) -> tuple[str, ...]:
    """How a result is used: the operations that follow as long as there is one, then their number."""
    path: list[str] = []
    for _ in range(_FOLLOWED):
        users = uses[node]
        if len(users) != 1:
            return (*path, str(len(users)))
        node = users[0]
        path.append(node.op)
    return (*path, "")


def fuse_sums_of_products(program: Program, builder: Builder, notes: list[str]) -> Program:
    """Σ_k W_kᵀ g_k = [W₁; W₂; …]ᵀ [g₁; g₂; …]: one product over a longer inner dimension."""
    replacement: dict[Node, Node] = {}
    uses = program.uses()
    whole_of: dict[Node, frozenset[Node]] = {}
    # What is only collected can wait, so the sums that something follows on choose their neighbours first.
    found = sorted(chains(program, "add"), key=lambda chain: all(user.op == "stack" for user in uses[chain[0]]))
    for root, leaves in found:
        terms = [leaf for leaf in leaves if leaf.op == "linear_t" and is_parameter(leaf.args[0])]
        if len(terms) < 2 or len({term.args[1].shape[:-1] for term in terms}) > 1:
            continue
        vectors = frozenset(term.args[1] for term in terms)
        if len(vectors) < len(terms) or any(whole_of.setdefault(x, vectors) != vectors for x in vectors):
            continue
        builder.order = max(term.order for term in terms)
        terms.sort(key=lambda term: (term.args[1].order, term.args[1].serial))
        W = join(builder, [term.args[0] for term in terms], 0)
        g = join(builder, [term.args[1] for term in terms], -1)
        total = builder.make("linear_t", (W, g))
        builder.order = root.order
        for leaf in leaves:
            if leaf not in terms:
                total = builder.make("add", (leaf, total))
        replacement[root] = total
    if replacement:
        notes.append(f"{len(replacement)} sums of products in one product each")
    return substitute(program, replacement)


def fuse_outer_products(program: Program, builder: Builder, notes: list[str]) -> Program:
    """G₁ᵀ X, G₂ᵀ X, … = rows of [G₁, G₂, …]ᵀ X, and likewise for column sums of the G_k.

    Where G_k is a stack over time of g_kt, [G₁, G₂, …] is the stack over time of [g_1t, g_2t, …].
    """
    stacker = Stacker(program, builder)
    uses = program.uses()
    sharing: dict[Node, list[Node]] = defaultdict(list)
    for node in uses:
        if node.op == "outer":
            sharing[node.args[1]].append(node)
    joined = 0
    taken: set[Node] = set()
    existing = {frozenset(node.args) for node in uses if node.op == "concatenate"}

    def is_new(members: list[Node]) -> bool:
        """Whether the factors are not side by side already."""
        parts = {node.args[0] for node in members}
        return frozenset(part.args[0] if part.op == "stack" else part for part in parts) not in existing

    for members in sorted(sharing.values(), key=is_new):
        parts = list(dict.fromkeys(node.args[0] for node in members))
        if len(parts) < 2 or not taken.isdisjoint(parts):
            continue
        builder.order = max(part.order for part in parts)
        replacement = _rows_of_one(builder, _beside(builder, stacker, parts), sorted(parts, key=_age), uses)
        if not taken.isdisjoint(replacement):
            continue
        if any(node in replacement for node in behind(parts)):
            continue
        program = substitute(program, replacement)
        taken |= {*parts, *replacement}
        joined += len(parts)
    if joined:
        notes.append(f"{joined} factors of outer products side by side")
    return program


def _rows_of_one(builder: Builder, whole: Node, parts: list[Node], uses: dict[Node, list[Node]]) -> dict[Node, Node]:
    """Outer products and column sums of parts, as slices of those of the whole."""
    replacement: dict[Node, Node] = {}
    start = 0
    for part in parts:
        span = {"index": (slice(start, start + part.shape[-1]),)}
        start += part.shape[-1]
        for user in uses[part]:
            builder.order = user.order
            if user.op == "outer" and user.args[0] is part and user.args[1] is not part:
                total = builder.make("outer", (whole, user.args[1]))
            elif user.op == "sum" and user.params == {"axis": (*range(len(part.shape) - 1),), "keepdims": False}:
                total = builder.make("sum", (whole,), user.params, shape=whole.shape[-1:], dtype=user.dtype)
            else:
                continue
            replacement[user] = builder.make("getitem", (total,), span, shape=user.shape, dtype=user.dtype)
    return replacement


def _age(part: Node) -> tuple[int, int]:
    """Sorts parts as the sums of products of the same step sort theirs."""
    node = part.args[0] if part.op == "stack" else part
    return node.order, node.serial


def _beside(builder: Builder, stacker: Stacker, parts: list[Node]) -> Node:
    """[G₁, G₂, …], or the stack of [g_1t, g_2t, …] where all G_k are stacks of one length."""
    parts = sorted(parts, key=_age)
    lengths = {len(part.args) if part.op == "stack" and part.params["axis"] == 0 else 0 for part in parts}
    if len(lengths) != 1 or 0 in lengths:
        return join(builder, parts, -1)
    return stacker.stack([join(builder, row, -1) for row in zip(*(part.args for part in parts), strict=True)])
