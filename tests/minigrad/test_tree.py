"""Trees: flattening, names of leaves, rebuilding, and errors that say where."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.errors import TreeError
from minigrad.pytree import LEAF, flatten, flatten_like, tree_map
from minigrad.testing import strategies
from minigrad.testing.strategies import Pair

TREES = strategies.trees(st.integers())


@given(TREES)
def test_flattening_and_rebuilding(tree: Any) -> None:
    """A tree rebuilt from its leaves is the tree; structures are equal and hash alike when trees are alike."""
    leaves, structure = flatten(tree)

    assert structure.unflatten(leaves) == tree
    assert structure.size == len(leaves) == len(structure.paths("p"))
    again = flatten(structure.unflatten([0] * len(leaves)))[1]
    assert again == structure
    assert hash(again) == hash(structure)


@given(TREES)
def test_paths_lead_to_the_leaves(tree: Any) -> None:
    """Each path, read as Python, gives its leaf; no two are the same."""
    leaves, structure = flatten(tree)
    paths = structure.paths("tree")

    assert [eval(path, {"tree": tree}) for path in paths] == leaves
    assert len(set(paths)) == len(paths)


@given(TREES)
def test_tree_map_keeps_the_structure(tree: Any) -> None:
    """tree_map changes leaves only, over one tree and over several."""
    doubled = tree_map(lambda x: 2 * x, tree)

    assert flatten(doubled)[1] == flatten(tree)[1]
    assert tree_map(lambda a, b: b - a, tree, doubled) == tree


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(), min_size=2))
def test_order_of_keys_does_not_matter(tree: dict[str, int]) -> None:
    """A dict in another order is the same tree; its leaves come in the first one's order."""
    other = dict(reversed(tree.items()))

    assert flatten_like(flatten(tree)[1], other) == list(tree.values())
    assert tree_map(lambda a, b: a - b, tree, other) == dict.fromkeys(tree, 0)


def test_leaves_and_none() -> None:
    """Anything that is no dict, list, tuple or None is a leaf; None is a tree without leaves."""
    for leaf in (1, "text", np.ones(2), {1, 2}, object()):
        assert flatten(leaf) == ([leaf], LEAF)
    assert flatten(None)[0] == []
    assert flatten({"a": None, "b": 1})[1].unflatten([5]) == {"a": None, "b": 5}
    assert flatten(Pair(1, (2,)))[1].paths("state") == ["state.h", "state.c[0]"]


@pytest.mark.parametrize(
    ("tree", "other", "message"),
    [
        ([1], (1,), "tree 2 must be a list, got a tuple; keep the structure of the first tree"),
        ({"a": [1]}, {"a": 1}, r'tree 2\["a"\] must be a list, got a leaf'),
        ({"a": 1}, {"a": [1]}, r'tree 2\["a"\] must be an array here, got list'),
        ({"a": 1}, {"b": 1}, r"tree 2 must have the keys \['a'\], got \['b'\]"),
        ([1, 2], [1], r"tree 2 must have the keys \['0', '1'\], got \['0'\]"),
        (Pair(1, [2]), Pair(1, 2), r"tree 2\.c must be a list, got a leaf"),
        (Pair(1, 2), (1, 2), "tree 2 must be a Pair, got a tuple"),
        ({"a": None}, {"a": 1}, r'tree 2\["a"\] must be a NoneType, got a leaf'),
    ],
)
def test_differences_are_named(tree: Any, other: Any, message: str) -> None:
    """The first place where two trees differ is named by its path, with what was expected."""
    with pytest.raises(TreeError, match=message):
        tree_map(lambda a, b: a, tree, other)


def test_wrong_number_of_leaves() -> None:
    """Rebuilding with too few or too many leaves says how many and which."""
    structure = flatten({"W": 1, "b": 2})[1]

    for leaves in ([1], [1, 2, 3]):
        with pytest.raises(TreeError, match=r'this tree has 2 leaves, got \d; pass one for each path: .*"W"'):
            structure.unflatten(leaves)
