"""What stands between a caller's values and the sweeps: names, precisions, cotangents that are Tensors, messages."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DisconnectedOutputWarning, DtypeError, UnknownNodeError

SINGLE = np.array([0.5, -1.0], np.float32)


def test_the_hessian_by_another_argument() -> None:
    """∂²f/∂b² of Σ a b² is diag(2a), whichever argument comes first."""
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])

    np.testing.assert_allclose(mg.hessian(lambda a, b: mg.sum(a * b**2), 1)(a, b), np.diag(2 * a))


class Unnamed:
    """A callable whose signature cannot be read."""

    __signature__ = "no signature"

    def __call__(self, *args: Any) -> Any:
        """A product."""
        return args[0] * args[1]


def test_arguments_without_names_are_numbered() -> None:
    """Where Python cannot tell how a function calls its arguments, errors say args[0], args[1]."""
    with pytest.raises(DtypeError, match=r"args\[1\]"):
        mg.grad(Unnamed(), 1)(2.0, 3)


@pytest.mark.parametrize(("plain", "name"), [(3.0, "float"), (np.float32(3.0), "float32"), (np.ones(()), "ndarray")])
def test_what_was_returned_instead_is_named(plain: Any, name: str) -> None:
    """The warning of a disconnected output says of which type it is."""
    with pytest.warns(DisconnectedOutputWarning, match=f"returned a plain {name}, "):
        mg.grad(lambda x: plain)(1.0)


def test_single_precision_stays_single() -> None:
    """Seeds, tangents and cotangents that are given in double precision do not widen what is in single."""
    value, pullback = mg.vjp(mg.tanh, SINGLE)
    _, tangent = mg.jvp(mg.tanh, (SINGLE,), (np.ones(2),))

    assert {value.dtype, tangent.dtype, pullback(np.ones(2))[0].dtype} == {np.dtype(np.float32)}
    assert mg.grad(lambda x: mg.sum(x * x))(SINGLE).dtype == np.float32


def test_the_gradient_by_a_cotangent() -> None:
    """A pullback is linear: the gradient of Σ (Jᵀ g) by g is J 1, with J = diag(1 − tanh²)."""
    x = np.array([0.5, -1.0])
    _, pullback = mg.vjp(mg.tanh, x)

    found = mg.grad(lambda g: mg.sum(pullback(g)[0]))(np.ones(2))

    np.testing.assert_allclose(found, 1 - np.tanh(x) ** 2)


def test_a_node_that_is_not_there() -> None:
    """The names that there are say what could have been asked for, each once."""
    graph = mg.trace(lambda x: mg.named("b", mg.named("a", x * 2) + 1) + mg.named("a", x), 1.0)

    with pytest.raises(UnknownNodeError, match=r"the names are: (x, )?a, b$"):
        graph.find("c")
