"""Common subexpressions, constant folding, and identities that make operations disappear."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...primitive import PRIMITIVES
from ..ir import Builder, Node, Program, rewrite

__all__ = ["simplified", "simplify_node"]

#: Larger arrays are not made when planning, they would only take memory.
_FOLD_LIMIT = 4096


def simplified(program: Program, builder: Builder) -> Program:
    """Apply `simplify_node` everywhere; the builder shares equal operations."""
    return rewrite(program, simplify_node, builder)


def simplify_node(builder: Builder, node: Node, args: tuple[Any, ...]) -> Node | None:
    """One node by the first identity that fits; None if none does."""
    for identity in (_identity, _fold, *_IDENTITIES.get(node.op, ())):
        found = identity(builder, node, args)
        if found is not None:
            return found
    return None


def _identity(builder: Builder, node: Node, args: tuple[Any, ...]) -> Node | None:
    """Alias and stop_gradient change no value; nor does a reshape, broadcast or transpose to what is there."""
    if node.op in ("alias", "stop_gradient"):
        return args[0]
    if node.op in ("reshape", "broadcast_to") and args[0].shape == node.shape:
        return args[0]
    return None


def _fold(builder: Builder, node: Node, args: tuple[Any, ...]) -> Node | None:
    """An operation on constants is a constant."""
    known = bool(args) and all(type(arg) is not Node or arg.op == "constant" for arg in args)
    if not known or node.size > _FOLD_LIMIT or node.op not in PRIMITIVES:
        return None
    values = [arg.params["value"] if type(arg) is Node else arg for arg in args]
    with np.errstate(all="ignore"):
        value = np.asarray(PRIMITIVES[node.op].value(*values, **node.params))
    return builder.constant(value) if np.all(np.isfinite(value)) else None


_IDENTITIES: dict[str, tuple[Callable[[Builder, Node, tuple[Any, ...]], Node | None], ...]] = {}
