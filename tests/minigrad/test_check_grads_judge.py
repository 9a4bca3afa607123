"""check_grads accuses only where its own judge is sure, and passes nothing that it has not checked."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.errors import DtypeError, GradientCheckError, UndecidedGradientError
from minigrad.primitive import Primitive
from minigrad.tensor import bind
from minigrad.testing import check_grads
from minigrad.testing.numerical import central_difference, column

#: Right rules with an edge of the domain, a pole or a kink at 0.
AT_ZERO: dict[str, Any] = {
    "log": mg.log,
    "sqrt": mg.sqrt,
    "1/x": lambda x: 1 / x,
    "1/x²": lambda x: x**-2,
    "x log x": lambda x: x * mg.log(x),
    "x**1.5": lambda x: x**1.5,
    "relu": mg.relu,
    "maximum": lambda x: mg.maximum(x, 3 * x),
    "where": lambda x: mg.where(x > 0, x * x, 2 * x),
}


@pytest.mark.parametrize("complex_step", [None, False])
@pytest.mark.parametrize("name", AT_ZERO)
@given(x=st.floats(-8, 0).map(lambda power: 10.0**power))
def test_right_rules_pass_close_to_an_edge(name: str, complex_step: bool | None, x: float) -> None:
    """However close the edge of the domain, a pole or a kink is, a right rule is not accused."""
    check_grads(AT_ZERO[name], np.array([x]), complex_step=complex_step)


@pytest.mark.parametrize(
    "name", [name for name in AT_ZERO if name != "where"]
)  # its slope there is below the absolute tolerance
@pytest.mark.parametrize("x", [1e-6, 1e-4, 5e-4, 1e-3])
def test_wrong_rules_are_noticed_close_to_an_edge(name: str, x: float) -> None:
    """A factor of 1.001 is seen there as well, by the narrow difference alone."""
    f = AT_ZERO[name]

    def off(x: Any) -> Any:
        return f(x) + 1e-3 * (f(x) - f(mg.stop_gradient(x)))

    with pytest.raises(GradientCheckError, match="disagrees with central differences"):
        check_grads(off, np.array([x]), complex_step=False)


@pytest.mark.parametrize("second", ["log", "1/x", "relu"])
def test_second_derivatives_close_to_an_edge(second: str) -> None:
    """The derivative's derivative is judged as carefully."""
    check_grads(AT_ZERO[second], np.array([1e-4, 0.5]), order=2)


@pytest.mark.parametrize("name", ["log", "sqrt", "1/x"])
def test_nothing_is_blamed_on_the_edge(name: str) -> None:
    """At the edge itself the point is refused, not a rule."""
    with np.errstate(all="ignore"), pytest.raises(UndecidedGradientError, match="cannot be checked") as caught:
        check_grads(lambda x: AT_ZERO[name](x), np.array([1.0, 0.0]))

    assert "blame" not in str(caught.value)
    assert "output entry 1" in str(caught.value)


def test_a_jump_is_refused() -> None:
    """Where difference quotients grow without end, the message says that they do not converge."""
    with pytest.raises(UndecidedGradientError, match="do not converge, however narrow: the point is too near"):
        check_grads(lambda x: mg.where(x > 0, x + 1, x), np.array([0.0]))


def test_functions_that_raise_outside_their_domain() -> None:
    """An error beside the point narrows the difference; an error at the point passes through."""
    log = Primitive("math log", np.vectorize(math.log), (lambda g, y, x: g / x,), (lambda t, y, x: t / x,))

    def f(x: Any) -> Any:
        return bind(log, (x,), {})

    check_grads(f, np.array([1e-5]))
    with pytest.raises(ValueError, match=r"math domain error|positive input"):
        check_grads(f, np.array([-1.0]))


def test_a_right_rule_is_not_blamed_for_another() -> None:
    """Blame goes past operations near their edges to the one that is wrong."""
    wrong = Primitive("wrong", np.tanh, (lambda g, y, x: g,), (lambda t, y, x: t,))

    with pytest.raises(GradientCheckError, match="The rule to blame is that of wrong"):
        check_grads(lambda x: bind(wrong, (mg.log(x),), {}) + mg.relu(x), np.array([1e-4, 2.0]))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: None,
        lambda x: x.value > 0,
        lambda x: x > 0,
        lambda x: [],
        lambda x: {"count": 3, "mask": x.value > 0, "text": "abc"},
        lambda x: x.shape,
    ],
)
def test_nothing_to_check_is_an_error(f: Any) -> None:
    """A function that returns no floating-point number does not pass unchecked."""
    with pytest.raises(DtypeError, match="returns no floating-point number, so there is no derivative to check"):
        check_grads(f, np.ones(2))


@pytest.mark.parametrize("modes", [("reverse",), ("forward",)])
@pytest.mark.parametrize("complex_step", [None, False])
@pytest.mark.parametrize("scale", [1.0, 1e4, 1e8])
def test_small_derivatives_beside_large_ones(modes: Any, complex_step: bool | None, scale: float) -> None:
    """A derivative is held to its own size: in another output, or with respect to another entry."""
    options = {"modes": modes, "complex_step": complex_step}
    check_grads(lambda x: np.stack([scale * x, x]), np.array([0.3, 1.7]), **options)
    check_grads(lambda x: scale * x[0] + x[1], np.array([0.3, 1.7]), **options)

    with pytest.raises(GradientCheckError, match="disagrees"):
        check_grads(lambda x: np.stack([scale * x, mg.stop_gradient(x)]), np.array([0.3, 1.7]), **options)
    with pytest.raises(GradientCheckError, match=r"at x\[1\]"):
        check_grads(lambda x: scale * x[0] + mg.stop_gradient(x[1]), np.array([0.3, 1.7]), **options)


def test_a_derivative_hidden_by_rounding_is_not_taken_for_checked() -> None:
    """Beside 1e14 a slope of 1 is lost in a difference; the complex step sees it, without it nothing is passed."""
    check_grads(lambda x: x + 1e14, np.array([0.5]))
    with pytest.raises(GradientCheckError, match="disagrees"):
        check_grads(lambda x: mg.stop_gradient(x) + 1e14, np.array([0.5]))
    with pytest.raises(UndecidedGradientError, match="rounding hides it"):
        check_grads(lambda x: x + 1e14, np.array([0.5]), complex_step=False)


def test_rounding_inside_is_not_taken_for_a_wrong_rule() -> None:
    """Cancellation inside makes the quotients jitter by more than the tolerance; no rule is accused of it."""
    with pytest.raises(UndecidedGradientError, match="what cancels inside leaves too much rounding"):
        check_grads(lambda x: (x + 1e10) - 1e10, np.array([0.3]), complex_step=False)


@given(st.floats(-12, 0).map(lambda power: 10.0**power), st.sampled_from([-1.0, 1.0]))
def test_the_judge_on_powers(x: float, sign: float) -> None:
    """Both judges give d(1/x)/dx = −1/x² to the precision that they claim, at any distance from the pole."""
    at = [np.array([sign * x])]
    rough = central_difference(lambda xs: 1 / xs[0], at, 0, (0,), 1e-3)
    fine = column(lambda xs: 1 / xs[0], at, 0, (0,), step=1e-3, use_complex=True)

    assert rough.converged.all()
    assert abs(rough.value[0] * x * x + 1) <= 1e-7 + rough.noise[0] * x * x
    assert fine.exact.all()
    assert abs(fine.value[0] * x * x + 1) <= 1e-14


def test_smooth_functions_cost_four_evaluations_for_an_entry() -> None:
    """Where the first width converges nothing more is evaluated."""
    calls = []

    def f(xs: list[np.ndarray]) -> np.ndarray:
        calls.append(1)
        return np.tanh(xs[0])

    central_difference(f, [np.array([0.3])], 0, (0,), 1e-3, np.tanh([0.3]))

    assert len(calls) == 4
