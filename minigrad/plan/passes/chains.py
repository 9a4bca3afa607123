"""Sums and products of many terms, seen as one: what the trees of ``add`` and ``multiply`` stand for."""

from collections.abc import Iterator

from ..ir import Node, Program

__all__ = ["chains", "is_parameter"]


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
    """Whether a node is an input or constant, or a rearranged or scaled one: computed once in a call."""
    while True:
        if node.op in ("input", "constant"):
            return True
        if node.op == "concatenate":
            return all(is_parameter(part) for part in node.args)
        if node.op == "transpose" or (node.op == "multiply" and len(node.sources) == 1):
            node = node.sources[0]
        else:
            return False
