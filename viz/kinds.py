"""What kind of mark a node is: the row of the style table that it is drawn with."""

from collections.abc import Container

from minigrad import Tensor
from minigrad.tensor import CONSTANT

from .words import is_parameter

__all__ = ["ENTRYWISE", "kind_of"]

#: Operations that act entry by entry without a slope of their own, drawn as circles.
ENTRYWISE = ("multiply", "add", "subtract", "divide", "negative", "alias", "where")


def kind_of(node: Tensor, outputs: Container[int] = (), named_apart: bool = False) -> str:
    """The row of the style table for a node; `named_apart`: its name stands on a mark of its own."""
    name = node.primitive.name
    if node.primitive is CONSTANT:
        return "constant"
    if node.is_leaf:
        return "parameter" if is_parameter(node) else "input"
    if node.serial in outputs:
        return "output"
    if node.name == "x" or (name == "getitem" and isinstance(node.args[0], Tensor) and node.args[0].is_leaf):
        return "input"
    if name in ("sigmoid", "tanh"):
        return name
    return "elementwise" if name in ENTRYWISE and (node.name is None or named_apart) else "operation"
