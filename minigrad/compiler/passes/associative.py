"""Sums and products of many terms, seen as one: what the trees of ``add`` and ``multiply`` stand for."""

from collections.abc import Iterator

from ..ir import Builder, Node, Program, substitute

__all__ = ["chains", "common_factors", "is_parameter"]


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


def chains(program: Program, op: str) -> Iterator[tuple[Node, list[Node]]]:
    """Every maximal tree of one associative operation, and its leaves from left to right.

    Only nodes that are used once are taken apart, and only where nothing is broadcast or converted.
    """
    uses = program.uses()
    kept = set(program.outputs)

    def is_inner(node: Node, root: Node) -> bool:
        return node.op == op and len(uses[node]) == 1 and node not in kept and _plain(node, root)

    for root, users in uses.items():
        if root.op != op or not _plain(root, root):
            continue
        if len(users) == 1 and root not in kept and users[0].op == op and is_inner(root, users[0]):
            continue
        leaves, stack = [], list(reversed(root.args))
        while stack:
            node = stack.pop()
            if is_inner(node, root):
                stack += reversed(node.args)
            else:
                leaves.append(node)
        yield root, leaves


def _plain(node: Node, root: Node) -> bool:
    return (
        node.shape == root.shape
        and node.dtype == root.dtype
        and node.dtype.kind == "f"
        and all(type(arg) is Node and arg.dtype == node.dtype for arg in node.args)
    )


def is_parameter(node: Node) -> bool:
    """True if a node is an input or constant, or a rearranged or scaled one: computed once in a call."""
    while True:
        if node.op in ("input", "constant"):
            return True
        if node.op == "concatenate":
            return all(is_parameter(part) for part in node.args)
        if node.op == "transpose" or (node.op == "multiply" and len(node.sources) == 1):
            node = node.sources[0]
        else:
            return False
