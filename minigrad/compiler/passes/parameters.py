"""The logistic function through tanh, with the half inside folded into parameters."""

from ..ir import Builder, Node, Program, substitute
from .associative import is_parameter

__all__ = ["lay_out_matrices", "sigmoid_by_tanh"]


#: A copy of a matrix is worth while if it is used so often.
_OFTEN = 8


def lay_out_matrices(program: Program, builder: Builder, notes: list[str]) -> Program:
    """x Wᵀ with Wᵀ copied once in a call: BLAS is faster on a few rows if the matrix need not be turned."""
    replacement: dict[Node, Node] = {}
    matrices = 0
    for matrix, users in program.uses().items():
        products = [
            user for user in users if user.op == "linear" and user.args[0] is matrix and user.args[1] is not matrix
        ]
        if len(products) < _OFTEN or not is_parameter(matrix):
            continue
        builder.order = matrix.order
        turned = builder.make("turned", (matrix,), shape=matrix.shape[::-1], dtype=matrix.dtype)
        matrices += 1
        for user in products:
            builder.order = user.order
            args = (turned, user.args[1])
            replacement[user] = builder.make("linear_t", args, shape=user.shape, dtype=user.dtype)
    if matrices:
        notes.append(f"{matrices} matrices turned once for {len(replacement)} products")
    return substitute(program, replacement)


#: Through how many sums inside each other the factor is taken: an LSTM's gate that sees all gates before it has six.
_DEPTH = 6


def sigmoid_by_tanh(program: Program, builder: Builder, notes: list[str]) -> Program:
    """σ(a) = ½ + ½ tanh(a/2), and (W x + b)/2 = (W/2) x + b/2, in float32.

    NumPy's float32 tanh costs little more than its exponential, and one call then serves all gates. In
    float64 it costs twice as much, and σ of very negative numbers would lose its relative accuracy.
    """
    uses = program.uses()
    replacement: dict[Node, Node] = {}
    for node in uses:
        if node.op != "sigmoid" or node.dtype.itemsize > 4 or node.args[0].dtype != node.dtype:
            continue
        builder.order = node.order
        y = builder.make("tanh", (_half(builder, node.args[0], uses, _DEPTH),))
        replacement[node] = builder.make("add", (builder.make("multiply", (y, 0.5)), 0.5))
    if replacement:
        notes.append(f"{len(replacement)} logistic functions through tanh")
    return substitute(program, replacement)


def _half(builder: Builder, node: Node, uses: dict[Node, list[Node]], depth: int) -> Node:
    """a/2, with the factor as far inside as parameters reach; halving is exact."""
    if node.op == "add" and len(uses[node]) == 1 and depth and len(node.sources) == 2 and _scales(node, uses, depth):
        order = builder.order
        parts = [_half(builder, arg, uses, depth - 1) for arg in node.args]
        builder.order = order
        return builder.make("add", parts, shape=node.shape, dtype=node.dtype)
    if node.op == "linear" and is_parameter(node.args[0]):
        W, x = node.args
        return builder.make("linear", (builder.make("multiply", (W, 0.5)), x), shape=node.shape, dtype=node.dtype)
    return builder.make("multiply", (node, 0.5), shape=node.shape, dtype=node.dtype)


def _scales(node: Node, uses: dict[Node, list[Node]], depth: int) -> bool:
    """True if all terms but at most one take the factor into a parameter."""
    loose, stack = 0, [(node, depth)]
    while stack:
        term, left = stack.pop()
        if term.op == "add" and len(uses[term]) == 1 and left and len(term.sources) == 2:
            stack += [(arg, left - 1) for arg in term.args]
        elif not is_parameter(term) and not (term.op == "linear" and is_parameter(term.args[0])):
            loose += 1
    return loose < 2
