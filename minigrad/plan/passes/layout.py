"""Matrices laid out as the products that use them want them."""

from ..ir import Builder, Node, Program, substitute
from .chains import is_parameter

__all__ = ["lay_out_matrices"]

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
