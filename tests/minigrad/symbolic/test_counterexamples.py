"""When a counterexample counts: what differs by more than rounding."""

import numpy as np
import pytest

from minigrad.symbolic.checking.counterexamples import _differ
from minigrad.symbolic.checking.rounding import Measured


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_a_difference_of_one_part_in_ten_to_the_eighth_counts(scale: float) -> None:
    """Relative to 1 + the largest entry, 1e-8 is a difference and 1e-10 is rounding; another shape always is one."""
    truth = np.array([scale, -scale / 2])
    for part, differs in ((1e-8, True), (1e-10, False)):
        moved = truth + np.array([0.0, part * (1 + scale)])
        assert _differ(Measured.given(moved), truth) is differs
    assert _differ(Measured.given(truth[:1]), truth)
