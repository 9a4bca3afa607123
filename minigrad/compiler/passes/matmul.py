"""Products that share an operand, and sums of products, as one product of larger matrices."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from ..ir import Builder, Node, Program, behind, substitute
from .associative import chains, is_parameter
from .simplify import first_index
from .stacking import Stacker

__all__ = [
    "column_slices",
    "fuse_outer_products",
    "fuse_products",
    "fuse_sums_of_products",
    "join",
    "multiply_blocks",
    "share_parts",
]


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
    """The uses of a result: the operations that follow as long as there is one, then their number."""
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
        """True if the factors are not side by side already."""
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


def multiply_blocks(program: Program, builder: Builder, notes: list[str]) -> Program:
    """[d f₁, d f₂, …] = d [f₁, f₂, …], with d broadcast over the blocks.

    Where f_k is step t of an array of all steps, [f₁, f₂, …] is step t of these arrays side by side.
    """
    uses = program.uses()
    replacement: dict[Node, Node] = {}
    for node in uses:
        if node.op != "concatenate" or node.params["axis"] != len(node.shape) - 1 or len(node.shape) < 2:
            continue
        builder.order = node.order
        parts: list[Node] = []
        for run in _runs(node, uses):
            parts += run if len(run) == 1 else [_block(builder, run)]
        if len(parts) == len(node.args):
            continue
        replacement[node] = parts[0] if len(parts) == 1 else join(builder, parts, -1)
    if replacement:
        notes.append(f"{len(replacement)} rows of products with a common factor in one product each")
    return substitute(program, replacement)


def _runs(node: Node, uses: dict[Node, list[Node]]) -> list[list[Node]]:
    """Neighbours that are products of one common vector with slices of arrays over all steps."""
    runs: list[list[Node]] = []
    for part in node.args:
        last = runs[-1][-1] if runs else None
        if last is not None and _alike(last, part, uses):
            runs[-1].append(part)
        else:
            runs.append([part])
    return runs


def _alike(a: Node, b: Node, uses: dict[Node, list[Node]]) -> bool:
    if a.op != "multiply" or b.op != "multiply" or a.shape != b.shape or a.dtype != b.dtype:
        return False
    if len(uses[a]) != 1 or len(uses[b]) != 1 or len(a.sources) != 2 or len(b.sources) != 2:
        return False
    d, f, g = _common(a, b)
    return (
        d is not None
        and d.shape == f.shape == g.shape == a.shape
        and d.dtype == f.dtype == g.dtype == a.dtype
        and _slice_step(f) is not None
        and _slice_step(g) is not None
    )


def _common(a: Node, b: Node) -> tuple[Node | None, Node, Node]:
    """d, f and g of a = d f and b = d g; f is the one that is a step of something."""
    for d in a.args:
        if any(d is arg for arg in b.args):
            f = a.args[1] if d is a.args[0] else a.args[0]
            g = b.args[1] if d is b.args[0] else b.args[0]
            return d, f, g
    return None, a, b


def _slice_step(node: Node) -> int | None:
    return first_index(node) if node.op == "getitem" and node.args[0].shape else None


def _block(builder: Builder, run: list[Node]) -> Node:
    """d [f₁, f₂, …]."""
    d = _common(run[0], run[1])[0]
    factors = [next(arg for arg in part.args if arg is not d) for part in run]
    # Arrays that begin at different steps are cut to the steps that they have in common.
    steps = [_slice_step(factor) or 0 for factor in factors]
    first = min(steps)
    length = min(factor.args[0].shape[0] - step + first for factor, step in zip(factors, steps, strict=True))
    wholes = [_cut(builder, factor.args[0], step - first, length) for factor, step in zip(factors, steps, strict=True)]
    side_by_side = join(builder, wholes, -1)
    index = {"index": (first,)}
    step = builder.make("getitem", (side_by_side,), index, shape=side_by_side.shape[1:], dtype=run[0].dtype)
    return builder.make("multiply_blocks", (d, step), shape=step.shape, dtype=run[0].dtype)


def _cut(builder: Builder, whole: Node, start: int, length: int) -> Node:
    """Some steps of an array of all steps."""
    if length == whole.shape[0]:
        return whole
    shape = (length, *whole.shape[1:])
    span = {"index": (slice(start, start + length),)}
    return builder.make("getitem", (whole,), span, shape=shape, dtype=whole.dtype)
