"""Products of one vector with several, side by side, as one product."""

from ..ir import Builder, Node, Program, substitute
from .products import join
from .simplify import first_index

__all__ = ["multiply_blocks"]


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
        and _step(f) is not None
        and _step(g) is not None
    )


def _common(a: Node, b: Node) -> tuple[Node | None, Node, Node]:
    """d, f and g of a = d f and b = d g; f is the one that is a step of something."""
    for d in a.args:
        if any(d is arg for arg in b.args):
            f = a.args[1] if d is a.args[0] else a.args[0]
            g = b.args[1] if d is b.args[0] else b.args[0]
            return d, f, g
    return None, a, b


def _step(node: Node) -> int | None:
    return first_index(node) if node.op == "getitem" and node.args[0].shape else None


def _block(builder: Builder, run: list[Node]) -> Node:
    """d [f₁, f₂, …]."""
    d = _common(run[0], run[1])[0]
    factors = [next(arg for arg in part.args if arg is not d) for part in run]
    # Arrays that begin at different steps are cut to the steps that they have in common.
    steps = [_step(factor) or 0 for factor in factors]
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
