"""Values and derivatives of every primitive against hundreds of digits of mpmath, from 5e-324 to 700."""

from typing import Any

import numpy as np
import points
import precise
import pytest
import rounding
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.primitive import PRIMITIVES
from minigrad.sweep import forward_sweep, reverse_sweep
from minigrad.tensor import bind, is_floating

#: These tests run once for each primitive and dtype.
FEWER = settings(max_examples=max(8, settings().max_examples // 4))
#: Cotangents and tangents: no zeros, and nothing that overflows or underflows by itself.
WEIGHTS = (0.5, 3.0)
SEEDS = st.integers(0, 1000)
#: Primitives whose values are sums.
SUMS = {"add", "subtract", "sum", "mean", "linear", "outer", "matmul", "scatter", "put"}


def test_every_primitive_has_its_many_digits() -> None:
    """No differentiable primitive is without an independent value."""
    assert set(points.NAMES) == set(precise.VALUES)


def _weights(seed: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.uniform(*WEIGHTS, shape) * rng.choice([-1.0, 1.0], shape)).astype(dtype)


def _lifted(name: str, args: tuple[Any, ...], params: dict[str, Any]) -> tuple[mg.Tensor, list[mg.Tensor]]:
    """The output node, and the leaves."""
    leaves = {i: mg.tensor(x) for i, x in enumerate(args) if is_floating(x)}
    return bind(PRIMITIVES[name], tuple(leaves.get(i, x) for i, x in enumerate(args)), params), list(leaves.values())


def _terms_of_value(name: str, args: Any, params: Any, exact: Any) -> Any:
    """The size of what is added up in a value."""
    sizes = tuple(np.abs(x) if is_floating(x) else x for x in args)
    if name in SUMS:
        return rounding.as_floats(precise.value("add" if name == "subtract" else name, sizes, params))
    if "softmax" in name:  # x − max x is rounded
        return np.abs(rounding.as_floats(exact)) ** (name == "softmax") * (1 + 2 * sizes[0].max())
    return np.abs(rounding.as_floats(exact))


@pytest.mark.parametrize("dtype", points.DTYPES)
@pytest.mark.parametrize("name", points.NAMES)
@FEWER
@given(data=st.data())
def test_values(name: str, dtype: Any, data: st.DataObject) -> None:
    """A value is the exact one but for a few units of rounding of what is added up in it."""
    args, params = data.draw(points.cases(name, dtype))

    with np.errstate(all="ignore"):
        got = bind(PRIMITIVES[name], args, params)

    exact = precise.value(name, args, params)
    terms = _terms_of_value(name, args, params, exact)
    assert got.dtype == dtype
    assert not rounding.disagreement(got, exact, terms, rounding.underflow(name, args, dtype))


def _reverse_complaints(name: str, args: tuple[Any, ...], params: dict[str, Any], seed: int) -> list[str]:
    """What is wrong with the cotangent of each argument; empty texts where nothing is."""
    with np.errstate(all="ignore"):
        output, leaves = _lifted(name, args, params)
        g = _weights(seed, output.shape, output.dtype)
        pulled = reverse_sweep([(output, g)], targets=leaves).nodes

    y, lost = precise.value(name, args, params), rounding.underflow(name, args, output.dtype)
    complaints = []
    for which, leaf in zip((i for i, x in enumerate(args) if is_floating(x)), leaves, strict=True):
        J = precise.jacobian(name, args, params, which)
        with np.errstate(all="ignore"):
            terms = np.abs(g).ravel() @ rounding.conditions(name, J, y, args)
        exact = precise.exact(g).ravel() @ J
        assert pulled[leaf].shape == leaf.shape
        assert pulled[leaf].dtype == leaf.dtype
        complaints.append(rounding.disagreement(pulled[leaf].ravel(), exact, terms, lost * WEIGHTS[1] * g.size))
    return complaints


@pytest.mark.parametrize("dtype", points.DTYPES)
@pytest.mark.parametrize("name", points.NAMES)
@FEWER
@given(data=st.data())
def test_reverse_rules(name: str, dtype: Any, data: st.DataObject) -> None:
    """A cotangent pulled back is the exact Jacobian's transpose times it, but for rounding."""
    args, params = data.draw(points.cases(name, dtype))

    assert not any(_reverse_complaints(name, args, params, data.draw(SEEDS)))


#: Primitives of one argument or two, and where in their domain.
PLANTED = {"exp": (0.5,), "log": (700.0,), "sqrt": (1e-300,), "divide": (2.0, -3.0), "power": (1.5, 2.5), "softmax": ()}


@pytest.mark.parametrize("name", PLANTED)
def test_a_few_digits_less_are_noticed(name: str) -> None:
    """A rule that is wrong in the thirteenth digit is called wrong; the right one is not."""
    args = tuple(np.array([x]) for x in PLANTED[name]) or (np.array([0.1, 0.7, -0.4]),)
    params = {"axis": 0} if name == "softmax" else {}
    record = PRIMITIVES[name]
    right = record.vjps
    assert not any(_reverse_complaints(name, args, params, 0))

    object.__setattr__(record, "vjps", tuple(_less_exact(rule) for rule in right))
    try:
        complaints = _reverse_complaints(name, args, params, 0)
    finally:
        object.__setattr__(record, "vjps", right)
    assert all(complaints)


def _less_exact(rule: Any) -> Any:
    return lambda *args, **params: rule(*args, **params) * (1 + 1e-13)


@pytest.mark.parametrize("dtype", points.DTYPES)
@pytest.mark.parametrize("name", points.NAMES)
@FEWER
@given(data=st.data())
def test_forward_rules(name: str, dtype: Any, data: st.DataObject) -> None:
    """A tangent of one argument pushed forward is the exact Jacobian times it, but for rounding."""
    args, params = data.draw(points.cases(name, dtype))
    with np.errstate(all="ignore"):
        output, leaves = _lifted(name, args, params)

    y, lost = precise.value(name, args, params), rounding.underflow(name, args, dtype)
    for which, leaf in zip((i for i, x in enumerate(args) if is_floating(x)), leaves, strict=True):
        t = _weights(data.draw(SEEDS), leaf.shape, dtype)
        with np.errstate(all="ignore"):
            got = forward_sweep([output], {leaf: t})[output]
            J = precise.jacobian(name, args, params, which)
            terms = rounding.conditions(name, J, y, args) @ np.abs(t).ravel()
        exact = J @ precise.exact(t).ravel()
        assert got.shape == output.shape
        assert got.dtype == dtype
        assert not rounding.disagreement(got.ravel(), exact, terms, lost * WEIGHTS[1] * t.size)
