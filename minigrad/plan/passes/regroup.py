"""Sums and products taken in another order: first what no recurrence has to wait for."""

from ..ir import Builder, Node, Program, substitute
from .chains import chains
from .families import Families

__all__ = ["regroup"]


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
    """Whether the late terms are a recurrence's, or come out of one: its first and last steps look different."""
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
