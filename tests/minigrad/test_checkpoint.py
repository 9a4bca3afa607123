"""checkpoint: the same derivatives, in every mode and nesting, for less memory."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import minigrad as mg
from minigrad.errors import ImpureFunctionError
from minigrad.testing import check_grads, strategies


@given(strategies.expressions(max_lines=5))
def test_nothing_changes(case: Any) -> None:
    """Value, gradient, tangent, Jacobian and Hessian behind a checkpoint are those of the function."""
    f, args = case
    g = mg.checkpoint(f)
    wrt = tuple(range(len(args)))
    tangents = [np.ones(arg.shape) for arg in args]

    def close(a: Any, b: Any) -> None:
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)

    close(g(*args), f(*args))
    close(mg.jvp(g, args, tangents)[1], mg.jvp(f, args, tangents)[1])
    for a, b in zip(mg.grad(g, wrt)(*args), mg.grad(f, wrt)(*args), strict=True):
        close(a, b)
    close(mg.hessian(g)(*args), mg.hessian(f)(*args))
    along = [mg.hvp(lambda x, h=h: h(x, *args[1:]), args[:1], tangents[:1]) for h in (f, g)]
    close(*along)


def test_rules_are_right() -> None:
    """Trees in, trees out, non-array arguments: against numerical derivatives to the second order."""

    @mg.checkpoint
    def step(params: Any, state: Any, power: int) -> Any:
        h = mg.tanh(mg.linear(params["W"], state.h) + params["b"])
        return strategies.Pair(h, [h**power * state.c, mg.sum(h)])

    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(2, 2)), "b": rng.normal(size=2)}
    check_grads(step, params, strategies.Pair(rng.normal(size=(3, 2)), rng.normal(size=2)), 2, order=2)


def test_closed_over_tensors_get_their_gradient() -> None:
    """A checkpointed function may close over Tensors, made before it or by an outer transform."""

    def f(w: Any, x: Any) -> Any:
        return mg.checkpoint(lambda x: mg.tanh(w * x) * w)(x).sum()

    check_grads(f, np.array([0.5, -1.0]), np.array([0.3, 0.7]), order=2)
    w = mg.tensor(2.0)
    mg.checkpoint(lambda: w * w * w)().backward()
    assert w.grad is not None
    assert float(w.grad) == 12.0


def test_closing_over_a_value_and_what_it_was_made_from() -> None:
    """A closed-over Tensor and another computed from it each get their own part, counted once."""

    def f(w: Any, x: Any) -> Any:
        squared = w * w
        return mg.checkpoint(lambda x: mg.tanh(w * x) * squared + w)(x).sum()

    check_grads(f, np.array([0.5, -1.0]), np.array([0.3, 0.7]), order=2)


def test_nested_checkpoints() -> None:
    """Checkpoints inside checkpoints recompute inside recomputation, with the same numbers."""

    def inner(x: Any) -> Any:
        return mg.sigmoid(x) * x

    def outer(g: Any) -> Any:
        return lambda x: mg.tanh(g(g(x)) + x).sum()

    x = np.array([0.5, -1.0])
    nested = mg.checkpoint(outer(mg.checkpoint(inner)))

    assert mg.grad(nested)(x).tolist() == pytest.approx(mg.grad(outer(inner))(x).tolist(), rel=1e-14)
    check_grads(nested, x, order=2)


def test_derivatives_inside_a_checkpoint() -> None:
    """A function that takes gradients itself can be checkpointed."""

    def f(x: Any) -> Any:
        return mg.grad(lambda y: (y**3 * x).sum())(x).sum()

    check_grads(mg.checkpoint(f), np.array([0.5, 2.0]), order=2)
    assert mg.grad(mg.checkpoint(f))(np.array([1.0, 2.0])).tolist() == [9.0, 36.0]


def test_plain_arguments_give_plain_results() -> None:
    """On arrays alone a checkpointed function is the function."""
    result = mg.checkpoint(lambda x: (x * 2.0, mg.sum(x)))(np.ones(2))

    assert type(result[0]) is np.ndarray
    assert result[0].tolist() == [2.0, 2.0]


def test_arguments_mutated_between_the_runs() -> None:
    """The second run sees the array arguments of the first, whatever was written into them meanwhile."""
    x, scale = mg.tensor([3.0, 4.0]), np.array([1.0, 2.0])
    out = mg.checkpoint(lambda a, b: a * a * b)(x, scale).sum()
    scale[:] = 100.0
    out.backward()

    assert x.grad is not None
    assert x.grad.tolist() == [6.0, 16.0]


def test_float32_is_kept() -> None:
    """Single precision stays single precision behind a checkpoint."""
    value, gradient = mg.value_and_grad(mg.checkpoint(lambda x: (x * 2.0).sum()))(np.ones(3, np.float32))

    assert value.dtype == gradient.dtype == np.float32


def test_memory_grows_with_the_root_of_the_length() -> None:
    """1024 steps in 32 segments keep less than a sixth of what they keep without checkpoints."""
    x = np.ones(1000)

    def segment(x: Any) -> Any:
        for _ in range(32):
            x = mg.tanh(x)
        return x

    def peak(f: Any) -> int:
        def loss(x: Any) -> Any:
            for _ in range(32):
                x = f(x)
            return x.sum()

        tracemalloc.start()
        try:
            mg.grad(loss)(x)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(mg.checkpoint(segment)) < peak(segment) / 6


def test_outputs_keep_their_types() -> None:
    """Outputs of several precisions, of whole numbers and of nothing come back as they are, with the right gradient."""

    def f(x: Any, y: Any) -> Any:
        return mg.tanh(x), mg.exp(y), y > 0.0, None

    def loss(g: Any) -> Any:
        def total(x: Any, y: Any) -> Any:
            narrow, wide, sign, nothing = g(x, y)
            assert nothing is None
            assert (narrow.dtype, wide.dtype, sign.dtype) == (np.float32, np.float64, np.bool_)
            return narrow.sum() * wide.sum()

        return mg.grad(total, (0, 1))

    x, y = np.array([0.5, -1.0], np.float32), np.array([0.25, 2.0])
    for own, plain in zip(loss(mg.checkpoint(f))(x, y), loss(f)(x, y), strict=True):
        assert own.dtype == plain.dtype
        np.testing.assert_allclose(own, plain, rtol=1e-6)  # a cotangent passes through float32 once more


def test_arguments_by_name() -> None:
    """A checkpointed function takes keywords as the function itself does."""

    def f(x: Any, *, scale: Any) -> Any:
        return (x * scale) ** 2

    assert mg.grad(lambda s: mg.checkpoint(f)(3.0, scale=s))(2.0) == 36.0


@pytest.mark.parametrize("derive", [mg.grad, lambda f: lambda x: mg.jvp(f, (x,), (x,))])
def test_a_random_function_is_refused(derive):
    """Dropout drawn inside gave the value of one mask and the gradient of another: the second run is compared."""
    rng = np.random.default_rng(0)
    f = mg.checkpoint(lambda x: (x * (rng.random(50) < 0.5)).sum())
    with pytest.raises(ImpureFunctionError, match="pass them as an argument"):
        derive(f)(np.linspace(0.1, 1.0, 50))


def test_a_function_that_changes_its_shape_is_refused():
    """A second run that returns another number of entries is no second run."""
    sizes = iter([2, 3, 3, 3])
    with pytest.raises(ImpureFunctionError, match="other shapes"):
        mg.grad(lambda x: mg.checkpoint(lambda y: y[: next(sizes)] * 2)(x).sum())(np.ones(4))
