"""Derivatives of every primitive against the complex step: Im f(x + ih) / h, in which nothing cancels."""

from typing import Any

import numpy as np
import points
import pytest
import rounding
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from precise import SINGULAR, exact

import minigrad as mg
from minigrad.primitive import PRIMITIVES
from minigrad.sweep import forward_sweep, reverse_sweep
from minigrad.tensor import bind, is_floating

#: These tests run once for each primitive.
FEWER = settings(max_examples=max(8, settings().max_examples // 4))
#: Relative to the entry where that is near a pole or a kink; its square vanishes beside 1.
STEP = 1e-20
#: The imaginary part keeps full digits while it stays above the smallest normal number.
LEAST = 1e-250


def _stepped(name: str, args: tuple[Any, ...], params: dict[str, Any], which: int) -> np.ndarray:
    """The Jacobian by argument number `which`, flattened, one complex step for each entry."""
    size, columns = np.size(PRIMITIVES[name].value(*args, **params)), []
    for place in np.ndindex(args[which].shape):
        h = STEP * (abs(args[which][place]) if which in SINGULAR.get(name, ()) else 1.0)
        moved = [x.astype(complex) if is_floating(x) else x for x in args]
        moved[which][place] += 1j * h
        columns.append((np.asarray(PRIMITIVES[name].value(*moved, **params)).imag / h).ravel())
    return np.array(columns).reshape(len(columns), size).T


@pytest.mark.parametrize("name", [name for name in points.NAMES if name != "absolute"])  # not analytic
@FEWER
@given(data=st.data())
def test_rules_are_those_of_the_complex_step(name: str, data: st.DataObject) -> None:
    """The reverse rule is the complex step's Jacobian transposed, the forward rule is the Jacobian itself."""
    args, params = data.draw(points.cases(name))
    args = tuple(np.where(np.abs(x) < LEAST, 1.0, x) if is_floating(x) else x for x in args)
    assume(name not in ("maximum", "minimum") or not np.equal(*args).any())
    leaves = {i: mg.tensor(x) for i, x in enumerate(args) if is_floating(x)}
    with np.errstate(all="ignore"):
        output = bind(PRIMITIVES[name], tuple(leaves.get(i, x) for i, x in enumerate(args)), params)

    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    g = rng.uniform(0.5, 3.0, output.shape)
    with np.errstate(all="ignore"):
        pulled = reverse_sweep([(output, g)], targets=leaves.values()).nodes
    for which, leaf in leaves.items():
        t = rng.uniform(0.5, 3.0, leaf.shape)
        with np.errstate(all="ignore"):
            pushed = forward_sweep([output], {leaf: t})[output]
            J = _stepped(name, args, params, which)
            assume(np.isfinite(J).all())
            # complex arithmetic rounds a few times more than real arithmetic does
            terms = 4 * rounding.conditions(name, exact(J), exact(output.value), args)
            assume(np.isfinite(terms).all())
        back, forth = g.ravel() @ J, J @ t.ravel()
        assert not rounding.disagreement(pulled[leaf].ravel(), exact(back), g.ravel() @ terms, LEAST)
        assert not rounding.disagreement(pushed.ravel(), exact(forth), terms @ t.ravel(), LEAST)
