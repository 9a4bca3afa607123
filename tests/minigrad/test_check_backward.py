"""check_backward finds the usual slips of a backward pass at the smallest sizes, and lets right passes pass."""

import sys

import numpy as np
import pytest

import minigrad.testing
from minigrad.errors import GradientCheckError, NonScalarOutputError, TreeError
from minigrad.testing import check_backward


def forward(params, xs):
    """A plain RNN in NumPy; the loss is ½‖h_T‖² + Σ_t Σ h_t."""
    h = np.zeros(len(params["b"]))
    total = 0.0
    for x in xs:
        h = np.tanh(params["U"] @ x + params["W"] @ h + params["b"])
        total = total + np.sum(h)
    return total + 0.5 * np.sum(h * h)


def make_args(rng, T, H, D):
    """Random parameters and inputs of a plain RNN."""
    params = {"U": rng.normal(size=(H, D)), "W": rng.normal(size=(H, H)), "b": rng.normal(size=H)}
    return params, rng.normal(size=(T, D))


def bptt(
    slope=lambda h: 1 - h**2,
    product=np.outer,
    back=lambda W, delta: W.T @ delta,
    earlier=lambda hs, t: hs[t - 1],
    scale=1.0,
):
    """Backpropagation through time as one writes it by hand, with places to plant a slip."""

    def backward(params, xs):
        hs = [np.zeros(len(params["b"]))]
        for x in xs:
            hs.append(np.tanh(params["U"] @ x + params["W"] @ hs[-1] + params["b"]))
        d = {name: np.zeros_like(value) for name, value in params.items()}
        dh = hs[-1].copy()
        for t in range(len(xs), 0, -1):
            delta = (dh + 1) * slope(hs[t])
            d["U"] += np.outer(delta, xs[t - 1])
            d["W"] += product(delta, earlier(hs, t))
            d["b"] += scale * delta
            dh = back(params["W"], delta)
        return d

    return backward


def failure(backward):
    """The text of the error that a wrong backward pass raises."""
    with pytest.raises(GradientCheckError) as caught:
        check_backward(forward, backward, make_args, examples=60)
    return str(caught.value)


def test_a_right_backward_pass_passes():
    """A backward pass written as the textbook says agrees at every size."""
    check_backward(forward, bptt(), make_args)


@pytest.mark.parametrize(
    ("slip", "sizes", "remark"),
    [
        ({"slope": lambda h: (1 - h) ** 2}, "T=1, H=1, D=1", 'right there: params["W"]'),
        ({"slope": lambda h: np.ones_like(h)}, "T=1, H=1, D=1", 'right there: params["W"]'),
        ({"back": lambda W, delta: W @ delta}, "T=2, H=2, D=1", "lag 1"),
        ({"back": lambda W, delta: 0 * delta}, "T=2, H=1, D=1", "lag 1"),
        ({"product": lambda delta, h: np.outer(h, delta)}, "T=2, H=2, D=1", "transpose"),
        ({"earlier": lambda hs, t: hs[t]}, "T=1, H=1, D=1", 'params["W"]'),
    ],
    ids=["(1-h)^2", "no slope", "W for W.T", "dropped path", "transposed", "time index"],
)
def test_a_planted_slip_is_found_at_its_smallest_size(slip, sizes, remark):
    """Each of the usual slips is reported at the smallest sizes where it shows, with what gives it away."""
    text = failure(bptt(**slip))

    assert f"backward is wrong at {sizes}" in text
    assert remark in text


@pytest.mark.parametrize("factor", [0.5, -1.0])
def test_a_factor_or_a_sign_is_named(factor):
    """A gradient that is the right one times a number is said to be that."""
    with pytest.raises(GradientCheckError, match=f"{factor:.4g} times the right gradient, in all"):
        check_backward(
            lambda x: np.sum(x**3),
            lambda x: factor * 3 * x**2,
            lambda rng, D: (rng.normal(size=D),),
            sizes={"D": (2, 3)},
        )


def test_a_forward_pass_without_primitives_is_judged_by_central_differences():
    """A forward pass on plain arrays, with functions minigrad does not know, is still checked."""

    def make(rng, D):
        return (rng.normal(size=D),)

    check_backward(lambda x: float(np.sum(np.sinh(x))), np.cosh, make, sizes={"D": (1, 3)})
    with pytest.raises(GradientCheckError, match="central differences"):
        check_backward(lambda x: float(np.sum(np.sinh(x))), np.sinh, make, sizes={"D": (1, 3)})


def test_a_gradient_of_another_structure_or_shape_is_named():
    """A missing parameter and a wrong shape are said to be that, not a wrong number."""
    with pytest.raises(TreeError, match=r"the gradient of params"):
        check_backward(forward, lambda params, xs: {"U": params["U"]}, make_args)
    with pytest.raises(GradientCheckError, match=r"shape"):
        check_backward(
            lambda x: np.sum(x * x), lambda x: np.sum(2 * x), lambda rng, D: (rng.normal(size=D),), sizes={"D": (2, 3)}
        )


def test_several_arguments_at_once():
    """With a tuple wrt the backward pass returns one gradient for each argument."""

    def make(rng, D):
        return rng.normal(size=D), rng.normal(size=D)

    check_backward(lambda a, b: np.sum(a * b), lambda a, b: (b, a), make, wrt=(0, 1), sizes={"D": (1, 3)})
    with pytest.raises(GradientCheckError, match="the gradient of a"):
        check_backward(lambda a, b: np.sum(a * b), lambda a, b: (a, a), make, wrt=(0, 1), sizes={"D": (1, 3)})


@pytest.mark.parametrize(
    "forward",
    [
        lambda w: (0.5 * np.sum(w * w)).item(),
        lambda w: 0.5 * w.dot(w),
        lambda w: 0.5 * np.sum(w.copy() ** 2),
        lambda w: 0.5 * np.sum(w.astype(float) ** 2),
    ],
    ids=["item", "dot", "copy", "astype"],
)
def test_habits_of_numpy_in_the_forward_pass(forward):
    """A pass that leaves Tensors behind is judged by central differences: right passes pass, wrong ones fail."""

    def make(rng, D):
        return (rng.normal(size=D),)

    check_backward(forward, lambda w: w, make, sizes={"D": (1, 3)})
    with pytest.raises(GradientCheckError, match="central differences"):
        check_backward(forward, lambda w: 0 * w, make, sizes={"D": (1, 3)})


def test_a_forward_pass_that_fails_on_arrays_too():
    """An error that the pass raises on plain arrays is the caller's to see."""

    def broken(w):
        raise LookupError("no such layer")

    with pytest.raises(LookupError, match="no such layer"):
        check_backward(broken, lambda w: w, lambda rng, D: (rng.normal(size=D),), sizes={"D": (1, 2)})


def test_a_tuple_of_one_argument():
    """With wrt=(0,) the backward pass returns a tuple of one gradient."""
    check_backward(
        lambda w: np.sum(w * w), lambda w: (2 * w,), lambda rng, D: (rng.normal(size=D),), wrt=(0,), sizes={"D": (1, 3)}
    )


def test_a_forward_pass_without_a_loss_is_refused():
    """More than one number has no gradient; the error names the shape."""
    with pytest.raises(NonScalarOutputError, match=r"one number, the loss, got the shape \(2,\)"):
        check_backward(lambda w: w, lambda w: w, lambda rng, D: (rng.normal(size=D),), sizes={"D": (2, 2)})


def test_without_hypothesis_the_error_says_what_to_install(monkeypatch):
    """The strategies need Hypothesis, and say how to get it."""
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "minigrad.testing.strategies", raising=False)

    with pytest.raises(ModuleNotFoundError, match=r"strategies needs Hypothesis; run .pip install hypothesis"):
        minigrad.testing.__getattr__("strategies")


@pytest.mark.parametrize("error", [1e-5, 1e-4, 1e-3])
def test_a_small_factor_is_found(error):
    """A gradient that is off by one part in a hundred thousand is wrong, however smooth the rest is."""
    assert "b" in failure(bptt(scale=1 + error))


def test_a_slip_at_one_size_in_twenty_is_found():
    """With the usual number of examples a slip at T = 5, H = 3 alone is found."""

    def backward(params, xs):
        gradient = bptt()(params, xs)
        if len(xs) == 5 and len(params["b"]) == 3:
            gradient["W"] = 2 * gradient["W"]
        return gradient

    with pytest.raises(GradientCheckError, match="T=5, H=3"):
        check_backward(forward, backward, make_args)
