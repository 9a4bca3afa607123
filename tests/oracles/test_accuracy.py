"""What docs/accuracy.md promises."""

import math
from pathlib import Path

import accuracy
import numpy as np
import pytest

from minigrad.primitive import PRIMITIVES

PAGE = Path(__file__).parents[2] / "docs" / "accuracy.md"
ROWS = list(accuracy.measure(60, seed=1))


@pytest.mark.parametrize("name", accuracy.BOUNDS)
def test_bounds_hold(name: str) -> None:
    """On points other than those of the page no value and no slope is off by more than the bound stated for it."""
    value, slope, _ = accuracy.BOUNDS[name]

    for row in ROWS:
        if row.name == name:
            assert math.isnan(row.value_max) or row.value_max <= value + 1e-9, row
            assert math.isnan(row.slope_max) or row.slope_max <= slope + 1e-9, row


def test_every_primitive_that_rounds_is_measured() -> None:
    """What is not in the table moves numbers without rounding them, or is made of products and sums that are in it."""
    moves = {"alias", "where", "reshape", "transpose", "broadcast_to", "concatenate", "stack", "astype"}
    indexes = {"getitem", "scatter", "take", "put", "pick", "spread"}
    differentiable = {name for name, record in PRIMITIVES.items() if record.differentiable}

    assert differentiable - set(accuracy.BOUNDS) == moves | indexes | {"outer", "matmul", "checkpoint"}
    assert {row.name for row in ROWS} == set(accuracy.BOUNDS)


def test_an_error_of_one_unit_is_one_ulp() -> None:
    """The measure itself: the neighbour of a float is one ulp away, also among subnormal numbers and in float32."""
    for dtype in (np.float64, np.float32):
        for x in (1.5, 700.0, float(np.finfo(dtype).smallest_subnormal) * 3):
            entry = np.dtype(dtype).type(x)
            exact = accuracy.mpmath.mpf(float(entry))
            assert accuracy.ulps(np.nextafter(entry, dtype(np.inf)), exact, dtype) == 1.0
            assert accuracy.ulps(entry, exact, dtype) == 0.0


def test_the_page_states_the_bounds() -> None:
    """docs/accuracy.md lists every primitive with the bounds that are checked here."""
    text = PAGE.read_text("utf-8")

    for name, (value, slope, reason) in accuracy.BOUNDS.items():
        rows = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
        assert [float(row.split("|")[-2]) for row in rows] == [value, slope] * 2
        assert f"- `{name}`: {reason}." in text
