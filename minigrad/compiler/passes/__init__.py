"""Rewritings of a program, each an algebraic identity; see `optimise` for their order."""

from ..ir import Builder, Program
from .associative import common_factors
from .contractions import contract_products, sum_over_time
from .hoisting import batch, regroup
from .matmul import fuse_outer_products, fuse_products, fuse_sums_of_products, multiply_blocks, share_parts
from .parameters import lay_out_matrices, sigmoid_by_tanh
from .simplify import copied, simplified
from .slices import pack_slices, unpack
from .stacking import copy_shared_slices, merge_slices

__all__ = ["LIMIT", "PASSES", "optimise"]

#: Every pass by name, and what it does. "homes" and "reuse" are done when memory is allocated.
PASSES = {
    "simplify": "operations that change nothing go; constants are folded",
    "shared": "products of stacks that share their parts, part by part",
    "sigmoid": "float32 logistic functions through tanh",
    "products": "products that share a vector in one; what follows is packed",
    "sums of products": "a sum of products as one product",
    "sums": "sums over time of outer products as one product",
    "outer": "outer products that share a factor in one",
    "factors": "common factors taken out of sums",
    "regroup": "sums and products first over what does not wait for a recurrence",
    "batch": "operations outside of recurrences for all steps at once",
    "blocks": "products of one vector with several neighbours as one product",
    "unpack": "activation functions write gate after gate, not side by side",
    "contractions": "sums of products without an array of all products",
    "layout": "matrices of many products turned once",
    "homes": "parts of stacks and concatenations are computed in their slot",
    "reuse": "memory that nothing reads any more is reused, elementwise operations run in place",
}

#: Elementwise operations on more entries than this, over all steps, are left in their steps: measured to be
#: no slower from about there on, and the arrays of all steps take memory.
LIMIT = 300_000


def optimise(program: Program, passes: frozenset[str], limit: int = LIMIT) -> tuple[Program, list[str]]:
    """The program after the chosen passes, and what each of them did, in words."""
    notes: list[str] = []
    builder = Builder()
    program = simplified(program, builder) if "simplify" in passes else copied(program, builder)
    if "shared" in passes:
        program = share_parts(program, builder, notes)
    if "sigmoid" in passes:
        program = sigmoid_by_tanh(program, builder, notes)
    if "products" in passes:
        program = fuse_products(program, builder, notes)
        program = merge_slices(pack_slices(program, builder, notes), builder)
    if "sums of products" in passes:
        program = fuse_sums_of_products(program, builder, notes)
    if "sums" in passes:
        program = sum_over_time(program, builder, notes)
    if "outer" in passes:
        program = fuse_outer_products(program, builder, notes)
    if "factors" in passes:
        program = common_factors(program, builder, notes)
    if "regroup" in passes:
        program = regroup(program, builder, notes, limit)
    if "batch" in passes:
        program = merge_slices(batch(program, builder, notes, limit), builder)
    if "blocks" in passes:
        program = multiply_blocks(program, builder, notes)
    if "unpack" in passes:
        program = unpack(program, builder, notes)
    if "contractions" in passes:
        program = contract_products(program, builder, notes)
    if "layout" in passes:
        program = lay_out_matrices(program, builder, notes)
    if "homes" in passes:
        program = copy_shared_slices(program, builder)
    return program, notes
