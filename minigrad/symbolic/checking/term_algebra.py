"""Formulas as they were read, worked out on terms."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from ...primitive import PRIMITIVES
from ...tensor import bind
from ..parsing.evaluate import Algebra, MisfitError
from ..terms.arithmetic import diag, number, ones, power
from ..terms.blocks import concat, part, stack
from ..terms.entries import entry, function, softmax
from ..terms.products import basis, identity, inner, outer, product, total, transpose
from ..terms.term import Term

__all__ = ["TERMS"]


class _Terms:
    """Formulas as terms."""

    def number(self, value: Fraction) -> Term:
        return number(value)

    def power(self, x: Term, n: int) -> Term:
        return power(x, n)

    def binary(self, operator: str, a: Term, b: Term) -> Term:
        match operator:
            case "+":
                return a + b
            case "-":
                return a - b
            case "*":
                return a * b
            case "/":
                return a / b
            case _:
                return product(a, b) if a.ndim == 2 else inner(a, b)

    def call(self, function_name: str, *args: Term) -> Term:
        match function_name:
            case "diag":
                return diag(args[0])
            case "outer":
                return outer(*args)
            case "transpose":
                return transpose(args[0])
            case "sum":
                return total(args[0])
            case "concat":
                return concat(args)
            case "columns":
                return transpose(stack(args))
            case "beside":
                return _beside(args)
            case "softmax":
                return softmax(args[0])
            case "sqrt":
                return power(args[0], Fraction(1, 2))
            case _:
                return function(function_name, args[0])

    def filled(self, function_name: str, size: Any) -> Term:
        return ones((size,)) if function_name == "ones" else identity(size)

    def unit(self, size: Any, number: int) -> Term:
        return basis(number - 1, size)

    def entry(self, x: Term, number: int) -> Term:
        return entry(x, number - 1)

    def part(self, x: Term, start: Any, stop: Any) -> Term:
        size = x.shape[0]
        if isinstance(size, int) and isinstance(stop, int) and stop > size:
            raise MisfitError(f"there are no rows {start} to {stop} of {size}")
        return part(x, start, stop)


def _beside(matrices: Sequence[Term]) -> Term:
    """Matrices side by side, as the engine puts them."""
    joined: Term = bind(PRIMITIVES["concatenate"], tuple(matrices), {"axis": 1})
    return joined


TERMS: Algebra = _Terms()
