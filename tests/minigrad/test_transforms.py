"""grad, vjp, jvp, jacobian, hessian, hvp: over trees, against each other, nested, in threads."""

import collections
import copy
import dataclasses
import pickle
import tracemalloc
import types
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.errors import (
    DisconnectedOutputWarning,
    DroppedGradientError,
    DtypeError,
    NonScalarOutputError,
    ShapeError,
    TreeError,
)
from minigrad.pytree import flatten, tree_map
from minigrad.testing import strategies


def total(tree: Any) -> Any:
    """A scalar function of every leaf of a tree: Σ k x³ with a number k for each leaf."""
    leaves = flatten(tree)[0]
    return sum(((k + 1) * (x**3).sum() for k, x in enumerate(leaves)), start=0.0 * mg.tensor(1.0))


def structure(tree: Any) -> Any:
    """The shape of a tree without its leaves."""
    return flatten(tree)[1]


@given(strategies.trees())
def test_gradient_has_the_tree_of_its_argument(tree: Any) -> None:
    """Structure, shapes and dtypes of the gradient are those of the argument; entries are 3 k x²."""
    value, gradient = mg.value_and_grad(total)(tree)

    assert structure(gradient) == structure(tree)
    for k, (x, g) in enumerate(zip(flatten(tree)[0], flatten(gradient)[0], strict=True)):
        assert np.shape(g) == x.shape
        assert g.dtype == x.dtype
        np.testing.assert_allclose(g, 3 * (k + 1) * x**2, rtol=1e-14)
    assert isinstance(value, float)


@given(strategies.trees(), st.randoms())
def test_jvp_and_vjp_over_trees_are_adjoint(tree: Any, random: Any) -> None:
    """⟨g, J t⟩ = ⟨Jᵀ g, t⟩ for functions from trees to trees."""

    def f(tree: Any) -> Any:
        return {"cubes": tree_map(lambda x: x**3, tree), "total": total(tree)}

    rng = np.random.default_rng(random.randrange(2**32))
    tangent = tree_map(lambda x: rng.normal(size=x.shape), tree)
    value, pullback = mg.vjp(f, tree)
    cotangent = tree_map(lambda x: rng.normal(size=np.shape(x)), value)

    same_value, pushed = mg.jvp(f, (tree,), (tangent,))
    (pulled,) = pullback(cotangent)

    def dot(a: Any, b: Any) -> float:
        return sum(float(np.sum(x * y)) for x, y in zip(flatten(a)[0], flatten(b)[0], strict=True))

    assert structure(same_value) == structure(pushed) == structure(value)
    assert dot(cotangent, pushed) == pytest.approx(dot(pulled, tangent), rel=1e-10, abs=1e-10)


@given(strategies.arrays(strategies.shapes(max_dims=2, max_side=2)))
def test_jacobian_holds_all_pullbacks_and_pushforwards(x: np.ndarray) -> None:
    """Rows of the Jacobian are pullbacks of unit cotangents, columns are derivatives along unit tangents."""

    def f(x: Any) -> Any:
        return mg.tanh(mg.reshape(x, -1) * 0.5) * mg.sum(x)

    J = mg.jacobian(f)(x)
    _, pullback = mg.vjp(f, x)

    assert J.shape == (x.size, *x.shape)
    for i in range(x.size):
        np.testing.assert_allclose(J[i], pullback(np.eye(x.size)[i])[0], atol=1e-14)
    for index in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[index] = 1
        np.testing.assert_allclose(J[(slice(None), *index)], mg.jvp(f, (x,), (unit,))[1], atol=1e-14)


@given(strategies.expressions(max_lines=5))
def test_hessian_hvp_and_nested_modes_agree(case: Any) -> None:
    """The Hessian is symmetric, and forward over reverse, reverse over forward, and H t are one number."""
    f, args = case
    x = args[0]
    t = np.cos(np.arange(x.size)).reshape(x.shape)

    def g(x: Any) -> Any:
        return f(x, *args[1:])

    H = mg.hessian(g)(x).reshape(x.size, x.size)
    forward_over_reverse = mg.hvp(g, (x,), (t,))
    reverse_over_forward = mg.grad(lambda x: mg.jvp(g, (x,), (t,))[1])(x)
    reverse_over_reverse = mg.grad(lambda x: (mg.grad(g)(x) * t).sum())(x)
    forward_over_forward = mg.jvp(lambda x: mg.jvp(g, (x,), (t,))[1], (x,), (t,))[1]

    expected = (H @ t.ravel()).reshape(x.shape)
    close = {"rtol": 1e-8, "atol": 1e-8 * max(1.0, float(np.abs(H).max()))}
    np.testing.assert_allclose(H, H.T, **close)
    np.testing.assert_allclose(forward_over_reverse, expected, **close)
    np.testing.assert_allclose(reverse_over_forward, expected, **close)
    np.testing.assert_allclose(reverse_over_reverse, expected, **close)
    np.testing.assert_allclose(forward_over_forward, np.sum(t * expected), **close)


def test_high_orders() -> None:
    """Derivatives of exp and of a power stay exact to the seventh and fifth order."""
    f, g = mg.exp, lambda x: x**5
    for n in range(5):
        g = mg.grad(g)
        assert float(g(2.0)) == [80.0, 160.0, 240.0, 240.0, 120.0][n]
    for _ in range(7):
        f = mg.grad(f)
    assert float(f(1.0)) == pytest.approx(np.e, rel=1e-14)


@pytest.mark.parametrize("inner", ["grad", "jvp", "jacobian"])
@pytest.mark.parametrize("outer", ["grad", "jvp", "jacobian"])
def test_no_perturbation_confusion(inner: str, outer: str) -> None:
    """d/dx [x · d/dy (x + y)] is 1: the inner derivative does not take the outer variable for its own."""
    derivative = {
        "grad": lambda f: mg.grad(f),
        "jvp": lambda f: lambda x: mg.jvp(f, (x,), (1.0,))[1],
        "jacobian": lambda f: mg.jacobian(f),
    }

    def f(x: Any) -> Any:
        return x * derivative[inner](lambda y: x + y)(2.0)

    def g(x: Any) -> Any:
        return derivative[inner](lambda y: x * x * y * y)(x)

    assert float(derivative[outer](f)(5.0)) == 1.0
    assert float(derivative[outer](g)(2.0)) == 24.0  # d/dx 2 x³


def test_closures_over_tensors_of_an_outer_transform() -> None:
    """An inner gradient keeps its dependence on what it closes over: d/dx ∂/∂y (x² y³) = 6 x y²."""
    inner = mg.grad(lambda x: mg.grad(lambda y: x**2 * y**3)(3.0))

    assert float(inner(5.0)) == 6 * 5 * 9


def test_gradient_of_a_step_of_gradient_descent() -> None:
    """A training step can be differentiated: d/dη of the loss after one step is −‖∇‖² for a linear loss."""
    a = np.array([1.0, -2.0, 3.0])

    def after_a_step(rate: Any) -> Any:
        w = np.zeros(3)
        return ((w - rate * mg.grad(lambda w: (a * w).sum())(w)) * a).sum()

    assert float(mg.grad(after_a_step)(0.1)) == -14.0


def test_node_used_twice_by_one_operation() -> None:
    """y · y counts both uses, in both modes, and so does a node that is used by many."""
    assert float(mg.grad(lambda y: y * y)(3.0)) == 6.0
    assert float(mg.jvp(lambda y: y * y, (3.0,), (1.0,))[1]) == 6.0
    assert float(mg.grad(lambda y: y * y + y + y / y)(3.0)) == 7.0
    assert mg.grad(lambda y: y @ y)(np.array([1.0, 2.0])).tolist() == [2.0, 4.0]


def test_doubling_recurrence() -> None:
    """x_t = 2 x_{t−1} with every x_t added to the loss: inputs that come earlier count for more, [4, 2, 1]."""

    def loss(xs: Any) -> Any:
        state = 0.0
        for t in range(3):
            state = 2.0 * state + xs[t]
        return state

    assert mg.grad(loss)(np.ones(3)).tolist() == [4.0, 2.0, 1.0]


def test_differentiating_twice_gives_the_same() -> None:
    """Calling a gradient, or a pullback, again gives the same numbers: nothing is left behind."""
    x = np.array([0.3, -0.4])
    f = mg.grad(lambda x: mg.tanh(x * x).sum())
    _, pullback = mg.vjp(mg.tanh, x)

    assert f(x).tolist() == f(x).tolist()
    assert pullback(np.ones(2))[0].tolist() == pullback(np.ones(2))[0].tolist()
    assert (2 * pullback(np.ones(2))[0]).tolist() == pullback(2 * np.ones(2))[0].tolist()


def test_results_are_the_callers_own() -> None:
    """Writing into arguments, values, cotangents or gradients afterwards reaches no other result."""
    x, g = np.array([0.5, 1.0]), np.ones(2)
    value, pullback = mg.vjp(np.tanh, x)
    expected = pullback(g)[0].copy()
    identity, back = mg.vjp(lambda x: x, x)
    same = back(g)[0]

    for array in (x, value, g, identity, same):
        array *= 0

    assert pullback(np.ones(2))[0].tolist() == expected.tolist()
    assert back(np.ones(2))[0].tolist() == [1.0, 1.0]


def test_arguments_mutated_after_the_forward_pass() -> None:
    """A caller's array written into between forward and backward pass does not change the gradient."""
    x, W, mask = np.array([1.0, 2.0]), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([True, False])
    node = mg.tensor(x)
    out = (mg.where(mask, mg.linear(W, node), node * x)).sum()
    x[:], W[:], mask[:] = 100.0, 100.0, False

    out.backward()

    assert node.grad is not None
    assert node.grad.tolist() == [1.0, 4.0]


def test_kwargs_and_other_arguments_pass_through() -> None:
    """Arguments outside of wrt may be anything: text, None, integers, functions; keywords as well."""

    def f(mode: str, x: Any, n: int, activation: Any, scale: Any = None) -> Any:
        assert mode == "train"
        return (activation(x) ** n * scale).sum()

    gradient = mg.grad(f, 1)("train", np.array([1.0, 2.0]), 2, mg.relu, scale=3.0)

    assert gradient.tolist() == [6.0, 12.0]
    assert mg.grad(f, wrt=1).__name__ == "f"


def test_wrt() -> None:
    """wrt picks arguments by position, from the end as well, one or several, in the order asked for."""

    def f(a: Any, b: Any, c: Any) -> Any:
        return a * b**2 * c**3

    assert float(mg.grad(f, -1)(1.0, 2.0, 3.0)) == 108.0
    assert tuple(map(float, mg.grad(f, (2, 0))(1.0, 2.0, 3.0))) == (108.0, 108.0)
    assert float(mg.jacobian(f, (1,))(1.0, 2.0, 3.0)[0]) == 108.0
    with pytest.raises(TreeError, match="wrt=3 names argument 3, but the function was called with 3; use 0 to 2"):
        mg.grad(f, 3)(1.0, 2.0, 3.0)
    with pytest.raises(TreeError, match=r"wrt=\(0, -3\) names an argument twice; name each once"):
        mg.grad(f, (0, -3))(1.0, 2.0, 3.0)


def test_argument_that_is_not_used() -> None:
    """An argument that the output does not depend on has a gradient of zeros of its shape and dtype."""
    gradient = mg.grad(lambda p: (p["a"] ** 2).sum())({"a": np.ones(2), "b": np.ones((2, 1), np.float32), "c": None})

    assert gradient["b"].tolist() == [[0.0], [0.0]]
    assert gradient["b"].dtype == np.float32
    assert gradient["c"] is None
    assert mg.jvp(lambda a, b: a, (1.0, 2.0), (0.0, 1.0))[1] == 0.0


@pytest.mark.parametrize("f", [lambda x: 3.0, lambda x: x.value.sum(), lambda x: x.item()])
def test_disconnected_output(f: Any) -> None:
    """A function that returns a plain number has gradient 0, and a warning says why."""
    with pytest.warns(DisconnectedOutputWarning, match=r"returned a plain \w+, so every derivative is 0"):
        assert float(mg.grad(f)(1.0)) == 0.0


def test_the_warning_is_at_the_callers_line() -> None:
    """It is the caller's function that is not connected, so it is the caller's file that is named."""
    with pytest.warns(DisconnectedOutputWarning) as caught:
        mg.grad(lambda x: 3.0)(1.0)

    assert caught[0].filename == __file__


@pytest.mark.filterwarnings("ignore::minigrad.errors.DisconnectedOutputWarning")
def test_partly_disconnected_outputs() -> None:
    """One plain part of an output does not disturb the others."""
    value, tangent = mg.jvp(lambda x: (x * 2.0, np.ones(2)), (1.0,), (1.0,))

    assert (float(tangent[0]), tangent[1].tolist()) == (2.0, [0.0, 0.0])
    assert value[1].tolist() == [1.0, 1.0]
    assert mg.jacobian(lambda x: (x * 2.0, np.ones(2)))(1.0)[1].tolist() == [0.0, 0.0]


def test_errors_name_the_argument() -> None:
    """Integers and complex numbers are refused with the path of the argument and what to write instead."""
    with pytest.raises(DtypeError) as caught:
        mg.grad(lambda params, x: x)({"W": np.array([1, 2])}, 1.0)
    assert str(caught.value) == (
        'a gradient with respect to `params["W"]` needs floating-point numbers, got dtype int64; '
        "write 3.0 for 3, use .astype(float), or leave this argument out of wrt"
    )
    for wrong, got in (
        (3, "the int 3"),
        (True, "the bool True"),
        (1j, "the complex 1j"),
        (mg.tensor(3), "dtype int64"),
    ):
        with pytest.raises(DtypeError, match=f"with respect to `x` needs floating-point numbers, got {got}"):
            mg.grad(lambda x: x)(wrong)
    with pytest.raises(DtypeError, match="dtype complex128"):
        mg.jvp(lambda x: x, (np.ones(2) * 1j,), (np.ones(2),))


def test_errors_of_outputs() -> None:
    """Outputs that are no scalar or no floating-point number are refused, with what to do."""
    with pytest.raises(NonScalarOutputError) as caught:
        mg.grad(lambda x: mg.tanh(x).named("h"))(np.ones(3))
    assert str(caught.value) == (
        "a gradient needs a scalar output, got `h` (tanh of shape (3,)); reduce it with .sum() or .mean(), "
        "pass a seed of shape (3,) where there is one to pass, or use jacobian or vjp"
    )
    with pytest.raises(DtypeError, match="needs a floating-point output, got greater of shape"):
        mg.grad(lambda x: x > 0)(1.0)


def test_errors_of_tangents_and_cotangents() -> None:
    """Tangents and cotangents must have the tree and the shapes of what they belong to."""
    _, pullback = mg.vjp(lambda x: {"h": x}, np.ones(2))

    with pytest.raises(TreeError, match="the cotangent must be a dict, got a leaf"):
        pullback(np.ones(2))
    with pytest.raises(ShapeError, match=r"must have its shape \(2,\), got \(3,\)"):
        pullback({"h": np.ones(3)})
    with pytest.raises(ShapeError, match=r"a tangent of `x` .* must have its shape \(2,\), got \(\)"):
        mg.jvp(mg.tanh, (np.ones(2),), (1.0,))
    with pytest.raises(TreeError, match="jvp got 1 arguments and 2 tangents"):
        mg.jvp(mg.tanh, (1.0,), (1.0, 2.0))
    with pytest.raises(TreeError, match="tangent 0 must be a list, got a tuple"):
        mg.jvp(lambda x: x[0], ([1.0],), ((1.0,),))


def test_threads_do_not_disturb_each_other() -> None:
    """Gradients taken at the same time in several threads are those taken alone, plain arrays all of them."""
    barrier = Barrier(4)

    def work(k: int) -> np.ndarray:
        barrier.wait(timeout=10)
        for _ in range(50):
            with mg.scope(f"thread {k}"):
                result = mg.grad(lambda x: (mg.tanh(x * k) ** 2).sum())(np.arange(3.0))
        return result

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(1, 5)))

    for k, gradient in enumerate(found, 1):
        assert type(gradient) is np.ndarray
        assert gradient.tolist() == mg.grad(lambda x, k=k: (mg.tanh(x * k) ** 2).sum())(np.arange(3.0)).tolist()


def test_an_error_in_the_function_leaves_no_trace() -> None:
    """After an exception inside a transform, the next one gives plain arrays again."""
    with pytest.raises(ZeroDivisionError):
        mg.grad(lambda x: x / (1 / 0))(1.0)

    assert type(mg.grad(lambda x: (x * x).sum())(np.ones(2))) is np.ndarray


def test_float32_stays_float32_through_every_transform() -> None:
    """Single precision is kept by values, gradients, tangents, Jacobians and Hessians."""
    x = np.ones(2, np.float32)

    def f(x: Any) -> Any:
        return (mg.tanh(x) * 2 + 1.5 * x**2).mean()

    value, gradient = mg.value_and_grad(f)(x)
    results = [value, gradient, mg.jvp(f, (x,), (x,))[1], mg.hessian(f)(x), mg.hvp(f, (x,), (x,)), mg.jacobian(f)(x)]

    assert {result.dtype for result in results} == {np.dtype(np.float32)}


def test_derivatives_depend_on_tensors_that_the_function_closes_over() -> None:
    """A gradient, value, Jacobian or tangent of a function that closes over a Tensor can be differentiated by it."""
    w = mg.tensor(3.0)
    x = np.array([2.0, 1.0])

    (mg.grad(lambda z: z * z * w)(2.0) * w).backward()
    assert float(w.grad) == 24.0  # d/dw (2 · 2 w · w)
    found = [
        lambda w: mg.value_and_grad(lambda z: (z * z * w).sum())(x)[0],
        lambda w: mg.vjp(lambda z: z * w, x)[0].sum(),
        lambda w: mg.vjp(lambda z: z * w, x)[1](x)[0].sum(),
        lambda w: mg.jvp(lambda z: z * w, (x,), (x,))[1].sum(),
        lambda w: mg.jacobian(lambda z: z * w)(x).sum(),
        lambda w: mg.hessian(lambda z: (z**2 * w).sum())(x).sum(),
        lambda w: mg.grad(lambda z: w)(1.0) + w,
    ]
    for f, slope in zip(found, (5.0, 3.0, 3.0, 3.0, 2.0, 4.0, 1.0), strict=True):
        leaf = mg.tensor(3.0)
        f(leaf).backward()
        assert float(leaf.grad) == pytest.approx(slope)
    assert type(mg.grad(lambda z: z * w.detach())(2.0)) is np.float64


def test_a_thread_differentiates_by_the_variable_of_its_caller() -> None:
    """A gradient that is computed in a thread keeps its derivative by the variable of the transform around it."""

    def f(t: Any) -> Any:
        with ThreadPoolExecutor(2) as pool:
            return t * t + sum(pool.map(lambda c: mg.grad(lambda z: z * z * t)(c), [1.0, 2.0]))

    assert float(mg.grad(f)(3.0)) == 12.0


def test_a_copy_inside_of_a_transform_keeps_its_derivative() -> None:
    """deepcopy of the arguments does not cut the graph; pickling and backward() there are refused."""
    assert mg.grad(lambda p: (copy.deepcopy(p)["w"] ** 2).sum())({"w": np.array([3.0])})["w"].tolist() == [6.0]
    for lossy in (lambda x: pickle.loads(pickle.dumps(x)), lambda x: (x * x).backward()):
        with pytest.raises(DroppedGradientError):
            mg.grad(lossy)(1.0)


@pytest.mark.parametrize(
    "transform", [mg.jacobian, lambda f: lambda x: mg.vjp(f, x), lambda f: lambda x: mg.jvp(f, (x,), (x,))]
)
def test_complex_outputs_are_refused(transform: Any) -> None:
    """A complex output has no real derivative, so it is refused, as is the derivative of |z|."""
    with pytest.raises(DtypeError, match="needs real outputs"):
        transform(lambda x: x * 1j)(np.ones(2))
    with pytest.raises(DtypeError, match="complex number has no derivative"):
        mg.grad(lambda x: abs(x * 1j).sum())(np.ones(2))


@dataclasses.dataclass
class Parameters:
    """Parameters as a dataclass, which is not a tree."""

    w: Any = 1.0


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (Parameters(), "dataclasses.asdict"),
        (types.SimpleNamespace(w=1.0), "vars"),
        ({1.0}, "list"),
        (collections.deque([1.0]), "list"),
        (types.MappingProxyType({"w": 1.0}), "dict"),
    ],
)
def test_containers_that_are_not_trees_are_refused(given: Any, advice: str) -> None:
    """Parameters in another container are refused with the trees that there are and what to write."""
    with pytest.raises(TreeError, match=rf"dict, list, tuple and NamedTuple.*write {advice}"):
        mg.grad(lambda p: p)(given)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("make", [lambda x: np.ma.array(x, mask=[0, 1]), np.matrix])
def test_arrays_of_another_meaning_are_refused(make: Any) -> None:
    """A mask is not dropped, and the product of a matrix not made elementwise: such arrays are refused."""
    given = make([1.0, 2.0])
    for call in (mg.tensor, mg.grad(mg.sum), lambda x: mg.tensor(1.0) * x, mg.sum):
        with pytest.raises(DtypeError, match="write"):
            call(given)


def test_positions_may_be_integers_of_numpy() -> None:
    """wrt takes any integer and a list of them; anything else is told to be a position."""
    f = lambda x, y: x * x * y  # noqa: E731

    assert float(mg.grad(f, np.int64(0))(3.0, 1.0)) == 6.0
    assert [float(g) for g in mg.grad(f, [np.int8(0), 1])(3.0, 1.0)] == [6.0, 9.0]
    for wrong in (0.0, "x", None):
        with pytest.raises(TreeError, match="write its position"):
            mg.grad(f, wrong)(3.0, 1.0)


def test_a_constant_is_copied_once_and_never_changes() -> None:
    """A constant used at every step takes its memory once, and a caller who writes into it changes no gradient."""
    C = np.eye(100)

    def f(x: Any) -> Any:
        for _ in range(50):
            x = C @ x
        C[0, 0] = 2.0
        return (C @ x).sum()

    tracemalloc.start()
    gradient = mg.grad(f)(np.ones(100))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert gradient[:2].tolist() == [2.0, 1.0]
    assert peak < 8 * C.nbytes  # 50 copies would be 50 times C, and so would 50 vectors be half of it


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: mg.grad(lambda x: x)(x=2.0), "pass the argument by position"),
        (lambda: mg.grad(lambda x: (x, x))(2.0), "must return one scalar Tensor, got a tuple"),
        (lambda: mg.jvp(np.tanh, np.ones((1, 3)), np.ones((1, 3))), r"write jvp\(f, \(x,\), \(t,\)\)"),
    ],
)
def test_calls_that_misunderstand(call: Any, text: str) -> None:
    """An argument by name, several outputs, and bare arrays for tuples are named as what they are."""
    with pytest.raises(TreeError, match=text):
        call()


def test_recorded_gradients_have_the_precision_of_their_argument() -> None:
    """A float32 argument beside float64 ones has a float32 gradient, in a recorded sweep as in a plain one."""
    x, y = np.array([0.5, 1.0], np.float32), np.array([2.0, 3.0])

    def f(x: Any, y: Any) -> Any:
        return (x * y).sum()

    graph = mg.trace(mg.grad(f, (0, 1)), x, y)

    assert [node.dtype for node in graph.outputs.values()] == [np.float32, np.float64]
    assert [g.dtype for g in mg.grad(f, (0, 1))(x, y)] == [np.float32, np.float64]


def test_a_complex_tangent_or_cotangent_of_a_real_value_is_refused() -> None:
    """The imaginary part of a tangent or a cotangent is never dropped."""
    x = np.array([1.0, 2.0])
    with pytest.raises(DtypeError, match="must be real"):
        mg.jvp(lambda t: t * t, (x,), (x * 1j,))
    with pytest.raises(DtypeError, match="must be real"):
        mg.vjp(lambda t: t * t, x)[1](x * 1j)
