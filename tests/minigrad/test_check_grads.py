"""check_grads notices planted faults, says where they are, and lets right functions pass."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import minigrad as mg
from minigrad.errors import DtypeError, GradientCheckError, UndecidedGradientError, UnsupportedNumPyError
from minigrad.primitive import PRIMITIVES, Primitive, register
from minigrad.primitives.broadcasting import unbroadcast
from minigrad.tensor import bind
from minigrad.testing import check_grads, check_primitive, strategies


@contextmanager
def planted(value: Callable[..., Any], **rules: Any) -> Iterator[Callable[..., Any]]:
    """A primitive for the length of a test, and the function that applies it."""
    record = register("planted", value, **rules)
    try:

        def planted(*args: Any, **params: Any) -> Any:
            return bind(record, args, params)

        yield planted
    finally:
        del PRIMITIVES["planted"]


def right(g: Any, y: Any, x: Any) -> Any:
    """The right rule of tanh."""
    return g * (1 - y * y)


#: Faults in the rule of tanh, small and large.
WRONG_RULES: dict[str, Any] = {
    "a factor": lambda g, y, x: 2.001 * g * (1 - y * y),
    "a factor of one in ten thousand": lambda g, y, x: 1.0001 * g * (1 - y * y),
    "the sign": lambda g, y, x: -g * (1 - y * y),
    "the input for the output": lambda g, y, x: g * (1 - x * x),
    "the cotangent is dropped": lambda g, y, x: 1 - y * y,
    "no chain rule": lambda g, y, x: g,
    "a constant is added": lambda g, y, x: g * (1 - y * y) + 1e-3,
    "always zero": lambda g, y, x: 0 * g,
}


@pytest.mark.parametrize("fault", WRONG_RULES)
@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_a_wrong_rule_is_noticed(fault: str, mode: str) -> None:
    """A fault in one mode's rule fails that mode and not the other."""
    wrong = WRONG_RULES[fault]
    rules = {"vjps": (right,), "jvps": (right,)} | {{"reverse": "vjps", "forward": "jvps"}[mode]: (wrong,)}
    x = np.array([0.3, -0.8, 1.1])
    other = "forward" if mode == "reverse" else "reverse"
    with planted(np.tanh, **rules) as f:
        if wrong is not None or mode == "forward":  # with no reverse rule the graph is not tracked at all
            check_grads(f, x, modes=[other])

        with pytest.raises(GradientCheckError, match=f"{mode} mode of .* disagrees with .* at "):
            check_grads(f, x, modes=[mode])


def test_a_transposed_rule_is_noticed() -> None:
    """x̄ = W ȳ in the place of Wᵀ ȳ is seen, though the shapes fit."""
    with (
        planted(
            lambda W, x: W @ x,
            vjps=(lambda g, y, W, x: mg.outer(g, x), lambda g, y, W, x: mg.linear(W, g)),
            jvps=(lambda t, y, W, x: mg.linear(t, x), lambda t, y, W, x: mg.linear(W, t)),
        ) as f,
        pytest.raises(GradientCheckError, match=r"reverse mode .* at x\[0\]"),
    ):
        check_grads(lambda W, x: f(W, x), np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([0.3, 0.7]))


def test_a_sum_over_the_wrong_axis_is_noticed() -> None:
    """Undoing a broadcast over the other axis gives the right shape and the wrong numbers."""
    with (
        planted(
            np.add,
            vjps=(lambda g, y, a, b: g, lambda g, y, a, b: g.sum(1)),
            jvps=(lambda t, y, a, b: t, lambda t, y, a, b: mg.broadcast_to(t, y.shape)),
        ) as f,
        pytest.raises(GradientCheckError, match=r"reverse mode .* at bias\[0\]"),
    ):
        check_grads(lambda x, bias: f(x, bias) ** 2, np.ones((3, 3)) * np.arange(3.0), np.array([0.3, 0.7, 1.9]))


def test_a_broadcast_that_is_not_undone_is_noticed() -> None:
    """A cotangent that keeps the broadcast shape is reported by its shape."""
    with (
        planted(
            np.add,
            vjps=(lambda g, y, a, b: g, lambda g, y, a, b: g),
            jvps=(lambda t, y, a, b: t, lambda t, y, a, b: mg.broadcast_to(t, y.shape)),
        ) as f,
        pytest.raises(GradientCheckError, match=r"gives bias a gradient of shape \(2, 3\), expected \(3,\)"),
    ):
        check_grads(lambda x, bias: f(x, bias), np.ones((2, 3)), np.ones(3))


def test_a_wrong_second_derivative_is_noticed() -> None:
    """A rule with the right value that cannot be differentiated itself fails at order 2 only."""

    def frozen(g: Any, y: Any, x: Any) -> Any:
        return g * (1 - mg.stop_gradient(y * y))

    with planted(np.tanh, vjps=(frozen,), jvps=(frozen,)) as f:
        check_grads(f, np.array([0.3, -0.8]))

        with pytest.raises(GradientCheckError, match="of `reverse derivative of "):
            check_grads(f, np.array([0.3, -0.8]), order=2)


def test_a_rule_that_raises_is_reported() -> None:
    """An exception inside a rule is told together with the mode it broke."""

    def broken(g: Any, y: Any, x: Any) -> Any:
        return g @ np.ones((7, 7))

    with (
        planted(np.tanh, vjps=(broken,), jvps=(right,)) as f,
        pytest.raises(GradientCheckError, match="reverse mode of `planted` failed with ValueError: matmul"),
    ):
        check_grads(f, np.array([0.3, -0.8]))


def test_message() -> None:
    """The message names function, mode, path, position, both numbers, and the operation to blame."""
    with planted(np.tanh, vjps=(lambda g, y, x: 2 * g * (1 - y * y),), jvps=(right,)) as wrong:

        def model(params: Any, x: Any) -> Any:
            with mg.scope("t=1"):
                return wrong(mg.linear(params["W"], x)).named("h").sum()

        with pytest.raises(GradientCheckError) as caught:
            check_grads(model, {"b": np.zeros(1), "W": np.eye(2)}, np.array([0.0, 1.0]))

    assert str(caught.value).startswith(
        'reverse mode of `model` disagrees with the complex step at params["W"][0, 1]: '
        "the derivative is 2, expected 1. "
        "The rule to blame is that of `h` (planted of shape (2,)) at t=1: reverse mode of `planted`"
    )


def test_message_of_the_forward_mode() -> None:
    """In forward mode the message names the entry of the output as well."""
    with (
        planted(np.tanh, vjps=(right,), jvps=(lambda t, y, x: 2 * t * (1 - y * y),)) as wrong,
        pytest.raises(GradientCheckError) as caught,
    ):
        check_grads(lambda x: wrong(x), np.array([0.0, 1.0]))

    assert str(caught.value).startswith(
        "forward mode of `<lambda>` disagrees with the complex step at x[0]: "
        "the derivative of output entry 0 is 2, expected 1."
    )


def test_a_kink_is_hinted_at() -> None:
    """Where the one-sided slopes differ, the message says that the point may be the fault, and blames no rule."""
    with pytest.raises(UndecidedGradientError, match="there may be a kink or jump at this point") as caught:
        check_grads(lambda x: mg.relu(x).sum(), np.array([0.0, 1.0]))

    assert "blame" not in str(caught.value)


def test_functions_of_trees() -> None:
    """Trees go in and out; integers and masks among the arguments are held fixed."""

    def f(params: Any, state: strategies.Pair, labels: Any, mask: Any) -> Any:
        h = mg.tanh(mg.linear(params["layers"][0], state.h)) * state.c
        return {"loss": mg.cross_entropy(h, labels), "h": (h, mg.where(mask, h, 0.0)), "count": labels.sum()}

    rng = np.random.default_rng(0)
    check_grads(
        f,
        {"layers": [rng.normal(size=(3, 2))]},
        strategies.Pair(rng.normal(size=(4, 2)), rng.normal(size=3)),
        np.array([0, 2, 1, 1]),
        np.array([True, False, True]),
        order=2,
    )


def test_python_floats_are_moved() -> None:
    """A float argument is a 0-d array, and its wrong derivative is seen."""
    check_grads(lambda x, y: x**2 * y, 3.0, 2.0, order=2)

    with pytest.raises(GradientCheckError, match=r"at x: the derivative is 2, expected 14\."):
        check_grads(lambda x, y: x * mg.stop_gradient(x) ** 0 * y + mg.stop_gradient(x) ** 2, 6.0, 2.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_precisions(dtype: Any) -> None:
    """The usual tolerances fit every precision: right rules pass, a fault of one in a hundred does not."""
    x = np.linspace(-1, 1, 40).astype(dtype)
    check_grads(lambda x: mg.tanh(x * x).mean(), x, order=2)

    with (
        planted(np.tanh, vjps=(lambda g, y, x: 1.01 * right(g, y, x),), jvps=(right,)) as f,
        pytest.raises(GradientCheckError),
    ):
        check_grads(f, x)


def test_complex_step_is_exact() -> None:
    """Where numbers can be complex, a fault of 1e-9 is visible with tight tolerances, and rounding is not."""
    x = np.array([0.3, 0.9])
    check_grads(mg.tanh, x, rtol=1e-13, atol=1e-14, complex_step=True)

    with planted(np.tanh, vjps=(lambda g, y, x: (1 + 1e-9) * right(g, y, x),), jvps=(right,)) as f:
        check_grads(f, x, complex_step=False)

        with pytest.raises(GradientCheckError, match="disagrees with the complex step"):
            check_grads(f, x, rtol=1e-12, atol=1e-14)


def test_functions_that_are_not_analytic() -> None:
    """Where complex numbers lead astray, the central difference judges; insisting on them raises."""

    def through_the_real_part(x: Any) -> Any:
        return x * x.value.real if isinstance(x, mg.Tensor) else x * np.real(x)

    with pytest.raises(GradientCheckError, match="disagrees with central differences"):
        check_grads(through_the_real_part, np.array([0.5, -1.5]))
    with pytest.raises(DtypeError, match="does not carry complex numbers through; leave the option out"):
        check_grads(through_the_real_part, np.array([0.5, -1.5]), complex_step=True)


def test_options_are_checked() -> None:
    """Unknown orders and modes, and arguments without a floating-point number, are refused."""
    with pytest.raises(ValueError, match="order=3 is not 1 or 2"):
        check_grads(mg.tanh, 1.0, order=3)
    with pytest.raises(ValueError, match='must be some of "reverse" and "forward"'):
        check_grads(mg.tanh, 1.0, modes="reverse")
    with pytest.raises(DtypeError, match=r"no floating-point array among the arguments; write 3\.0 for 3"):
        check_grads(mg.tanh, 1)


def test_errors_of_the_function_pass_through() -> None:
    """An error that the function itself raises is not dressed up as a wrong gradient."""
    with pytest.raises(UnsupportedNumPyError):
        check_grads(np.sin, np.ones(2))
    with pytest.raises(ZeroDivisionError):
        check_grads(lambda x: 1 / 0, np.ones(2))


def test_check_primitive_by_name_and_by_record() -> None:
    """A primitive is found by name or given as a record, with its settings as keywords."""
    check_primitive("softmax", np.array([[1.0, 2.0], [0.0, -1.0]]), axis=0, order=2)
    check_primitive(PRIMITIVES["power"], np.array([0.5, 2.0]), 3, order=2)
    wrong = Primitive("wrong", np.tanh, (WRONG_RULES["a factor"],), (right,))

    with pytest.raises(GradientCheckError, match=r"reverse mode of `wrong` .* at argument 0\[0\]"):
        check_primitive(wrong, np.array([0.5, 2.0]))


def test_registry_is_left_as_it_was() -> None:
    """Planting a fault leaves no trace for the tests that follow."""
    with planted(np.tanh, vjps=(right,), jvps=(right,)):
        assert "planted" in PRIMITIVES
    assert "planted" not in PRIMITIVES


@given(strategies.expressions(max_lines=5))
def test_planted_fault_in_a_random_graph_is_noticed(case: Any) -> None:
    """A wrong rule at the end of any graph is seen and blamed by name."""
    f, args = case
    with (
        planted(np.tanh, vjps=(WRONG_RULES["a factor"],), jvps=(right,)) as wrong,
        pytest.raises(GradientCheckError, match="The rule to blame is that of planted"),
    ):
        check_grads(lambda *xs: wrong(f(*xs) * 0.01 + sum(x.sum() for x in xs) * 0.1), *args)


def test_unbroadcast_is_what_rules_share() -> None:
    """The helper that undoes broadcasting sums over new and over stretched axes."""
    g = np.arange(12.0).reshape(2, 3, 2)

    assert unbroadcast(g, np.ones((3, 1))).tolist() == [[14.0], [22.0], [30.0]]
    assert unbroadcast(g, np.ones(())).shape == ()
    assert unbroadcast(g, g) is g
