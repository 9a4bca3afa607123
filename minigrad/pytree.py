"""Trees of dict, list, tuple, NamedTuple with arrays at the leaves: flatten, name, rebuild.

A gradient has the shape of what it is taken of, so every transform flattens its arguments, works on
the list of leaves, and puts the results back in the same structure. None is a tree without leaves.
"""

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from numbers import Number
from typing import Any

from .errors import TreeError

__all__ = ["LEAF", "Structure", "flatten", "flatten_like", "other_container", "tree_map"]


@dataclass(frozen=True, slots=True)
class Structure:
    """The shape of a tree without its leaves; hashable, so that it can be the key of a cache."""

    kind: type | None
    keys: tuple[Any, ...] = ()
    children: tuple["Structure", ...] = ()

    def unflatten(self, leaves: Sequence[Any]) -> Any:
        """Put the leaves back, in the order in which `flatten` gave them.

        Raises
        ------
        TreeError
            If there are too few or too many leaves.
        """
        if len(leaves) != self.size:
            raise TreeError(
                f"this tree has {self.size} leaves, got {len(leaves)}; pass one for each path: {self.paths()}"
            )
        return self._build(iter(leaves))

    def _build(self, leaves: Any) -> Any:
        if self.kind is None:
            return next(leaves)
        parts = [child._build(leaves) for child in self.children]
        if self.kind is type(None):
            return None
        if self.kind is dict:
            return dict(zip(self.keys, parts, strict=True))
        if self.kind in (list, tuple):
            return self.kind(parts)
        return self.kind(*parts)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return 1 if self.kind is None else sum(child.size for child in self.children)

    def paths(self, root: str = "") -> list[str]:
        """The leaves' names in the caller's own words: ``params["W"]``, ``state.h``, ``xs[2]``."""
        if self.kind is None:
            return [root]
        named = hasattr(self.kind, "_fields")
        return [
            path
            for key, child in zip(self.keys, self.children, strict=True)
            for path in child.paths(f"{root}.{key}" if named else f"{root}[{_quote(key)}]")
        ]


LEAF = Structure(None)


def _quote(key: Any) -> str:
    return f'"{key}"' if isinstance(key, str) else repr(key)


def _split(tree: Any) -> tuple[type | None, tuple[Any, ...], list[Any]]:
    """The kind of node, the keys of its children, and the children."""
    if tree is None:
        return type(None), (), []
    if isinstance(tree, dict):
        return dict, tuple(tree), list(tree.values())
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree), tree._fields, list(tree)
    if isinstance(tree, list | tuple):
        return (list if isinstance(tree, list) else tuple), tuple(range(len(tree))), list(tree)
    return None, (), []


def other_container(value: Any) -> str | None:
    """The reason why a container is not a tree, and what to write; None for what can be a leaf.

    Parameters
    ----------
    value : object
        A leaf, as `flatten` found it.

    Returns
    -------
    str or None
        Such as "a set is not a tree: ...".
    """
    is_array = hasattr(value, "shape") or hasattr(value, "__array__") or isinstance(value, array)
    if is_array or isinstance(value, Number | str | bytes | memoryview):
        return None
    kind = type(value).__name__
    if is_dataclass(value):
        advice = "write dataclasses.asdict(p), or make it a NamedTuple"
    elif isinstance(value, Mapping):
        advice = "write dict(p)"
    elif hasattr(value, "state_dict"):
        advice = "write a dict of its arrays, such as {name: t.numpy() for name, t in p.state_dict().items()}"
    elif isinstance(value, Iterable):
        advice = "write list(p)"
    else:
        advice = "write vars(p), or a dict of its arrays"
    return f"a {kind} is not a tree: trees are dict, list, tuple and NamedTuple with arrays at the leaves; {advice}"


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of a tree, and its structure.

    Examples
    --------
    >>> leaves, structure = flatten({"W": 1.0, "b": [2.0, 3.0]})
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> structure.paths("params")
    ['params["W"]', 'params["b"][0]', 'params["b"][1]']
    >>> structure.unflatten([4, 5, 6])
    {'W': 4, 'b': [5, 6]}
    """
    kind, keys, parts = _split(tree)
    if kind is None:
        return [tree], LEAF
    leaves: list[Any] = []
    children = []
    for part in parts:
        part_leaves, child = flatten(part)
        leaves += part_leaves
        children.append(child)
    return leaves, Structure(kind, keys, tuple(children))


def flatten_like(structure: Structure, tree: Any, what: str = "tree") -> list[Any]:
    """The leaves of a tree that must have the given structure; dicts may be in another order.

    Raises
    ------
    TreeError
        Naming the first place where the structures differ.
    """
    if structure.kind is None:
        if _split(tree)[0] is not None:
            raise TreeError(
                f"{what} must be an array here, got {type(tree).__name__}; keep the structure of the first tree"
            )
        return [tree]
    kind, keys, parts = _split(tree)
    if kind is not structure.kind:
        got = "a leaf" if kind is None else f"a {kind.__name__}"
        raise TreeError(f"{what} must be a {structure.kind.__name__}, got {got}; keep the structure of the first tree")
    if set(keys) != set(structure.keys):
        expected, found = sorted(map(str, structure.keys)), sorted(map(str, keys))
        raise TreeError(f"{what} must have the keys {expected}, got {found}; keep the structure of the first tree")
    by_key = dict(zip(keys, parts, strict=True))
    named = hasattr(structure.kind, "_fields")
    leaves: list[Any] = []
    for key, child in zip(structure.keys, structure.children, strict=True):
        where = f"{what}.{key}" if named else f"{what}[{_quote(key)}]"
        leaves += flatten_like(child, by_key[key], where)
    return leaves


def tree_map(f: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply `f` leaf by leaf over trees of one structure.

    Raises
    ------
    TreeError
        If the trees differ in structure.

    Examples
    --------
    >>> tree_map(lambda p, g: p - 0.1 * g, {"w": 1.0}, {"w": 5.0})
    {'w': 0.5}
    """
    leaves, structure = flatten(tree)
    columns = [leaves, *(flatten_like(structure, other, f"tree {i + 2}") for i, other in enumerate(others))]
    return structure.unflatten([f(*row) for row in zip(*columns, strict=True)])
