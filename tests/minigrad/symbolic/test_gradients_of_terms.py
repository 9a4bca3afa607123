"""grad, value_and_grad and backward on matrix terms: gradients in symbols, the same as on arrays."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DtypeError, NonScalarOutputError
from minigrad.symbolic import Term, equal, evaluate

VALUES = {"h": np.array([0.3, -0.7, 1.1]), "W": np.arange(9.0).reshape(3, 3) / 7 - 0.5, "y": np.array([0.2, 0.5, 0.3])}


def term(name: str) -> Term:
    """A matrix term of the shape of its value."""
    return mg.symbol(name, VALUES[name].shape).value


FUNCTIONS = {
    "square": lambda h, W, y: mg.sum(h * h),
    "tanh layer": lambda h, W, y: mg.sum(mg.tanh(W @ h) * y),
    "two layers": lambda h, W, y: mg.sum(mg.sigmoid(W @ mg.tanh(W @ h))),
    "cross-entropy": lambda h, W, y: mg.cross_entropy(W @ h, y),
    "softmax": lambda h, W, y: mg.sum(mg.softmax(h) * y),
    "without W": lambda h, W, y: mg.sum(mg.exp(h)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_in_symbols_equal_those_of_arrays(name: str) -> None:
    """Value and gradient with respect to two arguments, evaluated, are those that the engine gets on arrays."""
    both = mg.value_and_grad(FUNCTIONS[name], wrt=(0, 1))
    value, gradients = both(*map(term, VALUES))
    expected, arrays = both(*VALUES.values())

    np.testing.assert_allclose(evaluate(value, VALUES), expected)
    for found, array in zip(gradients, arrays, strict=True):
        assert isinstance(found, Term)
        assert found.shape == array.shape
        np.testing.assert_allclose(evaluate(found, VALUES), array, atol=1e-12)


def test_a_gradient_of_symbolic_size_and_a_second_one() -> None:
    """∂(hᵀh)/∂h = 2h for any n, in a tree and as a Tensor; the gradient of Σ 3h² is 6h."""
    h = mg.symbol("h", ("n",))

    assert str(mg.grad(lambda p: mg.sum(p["h"] * p["h"]))({"h": h.value})["h"]) == "2 h"
    assert str(mg.grad(lambda x: mg.sum(x * x))(h).value) == "2 h"
    assert str(mg.grad(lambda x: mg.sum(mg.grad(lambda y: mg.sum(y**3))(x)))(h.value)) == "6 h"


def test_backward_leaves_a_term() -> None:
    """`backward` on a symbol puts a formula into `.grad`, and a second call adds to it."""
    h = mg.symbol("h", ("n",))
    mg.sum(h * h).backward()
    assert str(h.grad) == "2 h"
    mg.sum(h * h).backward()
    assert equal(h.grad, 4 * h.value)  # type: ignore[arg-type]


@pytest.mark.parametrize("transform", [mg.jacobian, lambda f: mg.hessian(lambda x: mg.sum(f(x)))])
def test_row_by_row_is_refused(transform: Any) -> None:
    """A Jacobian has one sweep for each entry, which a formula of symbolic size cannot have: a clear error says so."""
    with pytest.raises(DtypeError, match=r"use grad or vjp .* or minigrad\.symbolic\.derive"):
        transform(mg.tanh)(mg.symbol("h", ("n",)).value)


def test_a_vector_needs_a_sum() -> None:
    """The gradient of a vector is refused for terms as for arrays."""
    with pytest.raises(NonScalarOutputError):
        mg.grad(lambda x: x * x)(mg.symbol("h", ("n",)).value)
