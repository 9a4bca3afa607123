"""Rewritings of a program, each an algebraic identity; see `optimise` for their order."""

from ..ir import Builder, Program
from .simplify import simplified

__all__ = ["PASSES", "optimise"]

#: Every pass by name, and what it does. "homes" and "reuse" are done when memory is allocated.
PASSES = {
    "share": "equal operations are computed once; constants are folded",
    "homes": "parts of stacks and concatenations are computed in their slot",
    "reuse": "memory that nothing reads any more is reused, elementwise operations run in place",
}


def optimise(program: Program, passes: frozenset[str]) -> tuple[Program, list[str]]:
    """The program after the chosen passes, and what each of them did, in words."""
    notes: list[str] = []
    builder = Builder(share="share" in passes)
    if "share" in passes:
        program = simplified(program, builder)
    return program, notes
