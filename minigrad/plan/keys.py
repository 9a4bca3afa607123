"""What of a call's arguments a plan depends on: their structure, shapes and dtypes, and settings in full.

One walk over the arguments gives the key of the cache and the arrays. It is taken at every call, so it is
written for speed; `minigrad.tree.flatten` gives the same leaves in the same order.
"""

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from ..tensor import Tensor
from .errors import CompileArgumentError
from .ir import freeze

__all__ = ["read_arguments"]


def read_arguments(args: tuple[Any, ...]) -> tuple[Hashable, list[Any], bool]:
    """The key, the arrays in order, and whether there is a Tensor among the leaves.

    Raises
    ------
    CompileArgumentError
        If a leaf is neither an array nor hashable.
    """
    key: list[Any] = []
    arrays: list[Any] = []
    tensors = False
    stack: list[Any] = [args]
    while stack:
        tree = stack.pop()
        kind = type(tree)
        if kind is np.ndarray:
            arrays.append(tree)
            key += (tree.shape, tree.dtype)
        elif isinstance(tree, dict):
            key.append((dict, *tree))
            stack += reversed(tree.values())
        elif isinstance(tree, list | tuple):
            key.append((kind, len(tree)))
            stack += reversed(tree)
        elif isinstance(tree, np.ndarray | np.generic):
            arrays.append(tree)
            key += (tree.shape, tree.dtype)
        elif kind is Tensor:
            tensors = True
        elif tree is None:
            key.append(None)
        else:
            key.append(_setting(tree))
    return tuple(key), arrays, tensors


def _setting(value: Any) -> Hashable:
    """An argument that is no array: all of it."""
    if isinstance(value, Iterator):
        raise CompileArgumentError(
            f"a compiled function takes arrays, and settings that stay as they are; got a {type(value).__name__}, "
            "which the first trace would use up. Pass a list or a tuple of its items."
        )
    try:
        hash(value)
    except TypeError as error:
        raise CompileArgumentError(
            f"a compiled function takes arrays, and hashable objects as settings; got a {type(value).__name__}. "
            "Pass it as an array, or let the function close over it."
        ) from error
    return freeze(value)
