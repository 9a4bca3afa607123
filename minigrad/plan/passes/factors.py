"""A common factor taken out of a sum."""

from ..ir import Builder, Node, Program, substitute

__all__ = ["common_factors"]


def common_factors(program: Program, builder: Builder, notes: list[str]) -> Program:
    """d x + d y = d (x + y), and d y − d x = d (y − x), also where the sign stands as −(d x).

    One product less; and where d belongs to a recurrence and x, y do not, their sum no longer waits for it.
    """
    uses = program.uses()
    kept = set(program.outputs)
    replacement: dict[Node, Node] = {}
    for node in uses:
        if node.op not in ("add", "subtract") or len(node.sources) < 2 or node.args[0] is node.args[1]:
            continue
        terms = [_signed(arg) for arg in node.args]
        inner = {*node.args, *(term for term, _ in terms)}
        if any(len(uses[term]) != 1 or term in kept for term in inner):
            continue
        (a, a_sign), (b, b_sign) = terms
        if not all(term.op == "multiply" and _same_type(term, node) for term in (a, b)):
            continue
        b_sign = -b_sign if node.op == "subtract" else b_sign
        common = next((x for x in a.args if any(x is y for y in b.args)), None)
        if common is None or (a_sign < 0 and b_sign < 0):
            continue
        x, y = _other(a, common), _other(b, common)
        if x.shape != y.shape or x.dtype != y.dtype:
            continue
        builder.order = node.order
        if a_sign > 0:
            total = builder.make("add" if b_sign > 0 else "subtract", (x, y))
        else:
            total = builder.make("subtract", (y, x))
        replacement[node] = builder.make("multiply", (common, total), shape=node.shape, dtype=node.dtype)
    if replacement:
        notes.append(f"{len(replacement)} common factors taken out of sums")
    return substitute(program, replacement)


def _signed(node: Node) -> tuple[Node, int]:
    """A term without its minus sign, and the sign."""
    return (node.sources[0], -1) if node.op == "negative" else (node, 1)


def _same_type(term: Node, total: Node) -> bool:
    nodes = all(type(arg) is Node and arg.dtype == total.dtype for arg in term.args)
    return nodes and term.shape == total.shape and total.dtype.kind == "f"


def _other(product: Node, factor: Node) -> Node:
    """The factor that is not the given one."""
    a, b = product.args
    return b if a is factor else a
