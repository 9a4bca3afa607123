"""What the tests of plans share."""

import numpy as np
from hypothesis import strategies as st

import minigrad as mg
from minigrad.compiler import PASSES
from minigrad.pytree import flatten

#: Any subset of the passes.
subsets = st.sets(st.sampled_from(sorted(PASSES))).map(frozenset)

#: Relative to the largest entry of each result.
TOLERANCES = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}


def _not_planned(*args):
    """In the place of the function that answers where a plan overflows: it would hide a wrong plan."""
    raise AssertionError("the plan gave no finite result, or overflowed on the way")


def agree(f, args, passes, backend="numpy"):
    """Assert that the plan of f gives what f gives, also when replayed with other values."""
    compiled = mg.compile(f, passes=passes, backend=backend)
    compiled._eager = _not_planned
    moved = mg.pytree.tree_map(lambda x: x * x.dtype.type(0.9375) if x.dtype.kind == "f" else x, args)
    for values in (args, moved, args):
        results, structure = flatten(compiled(*values))
        expected, expected_structure = flatten(f(*values))
        assert structure == expected_structure
        for result, wanted in zip(results, expected, strict=True):
            assert np.shape(result) == np.shape(wanted)
            assert result.dtype == wanted.dtype
            if np.size(wanted):
                error = np.max(np.abs(np.asarray(result) - wanted))
                assert error <= TOLERANCES[wanted.dtype] * max(np.max(np.abs(wanted)), 1e-3)
    assert compiled.traces == 1
