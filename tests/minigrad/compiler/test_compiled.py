"""What `compile` promises its caller: caching, copies, refusals, threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler import CompileArgumentError
from minigrad.errors import OptionError, ValueDependentError


def square(x):
    """A scalar function of an array."""
    return (mg.tanh(x) ** 2).sum()


def test_same_shapes_trace_once():
    """A second call with other values of the same shape and dtype replays the plan."""
    f = mg.compile(mg.value_and_grad(square))
    for x in (np.array([0.5, 1.0]), np.array([-2.0, 3.0])):
        value, gradient = f(x)
        expected, expected_gradient = mg.value_and_grad(square)(x)
        np.testing.assert_allclose(value, expected, rtol=1e-14)
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-14)
    assert f.traces == 1


def test_new_shapes_dtypes_and_settings_trace_again():
    """Another shape, dtype or static argument gives another plan and the right result."""
    f = mg.compile(lambda x, n, how: mg.tanh(x) * n if how == "tanh" else mg.exp(x) * n)
    x = np.array([0.5, 1.0])
    for args in ((x, 2, "tanh"), (x, 3, "tanh"), (x, 2, "exp"), (x[:1], 2, "exp"), (x.astype("f4"), 2, "exp")):
        expected = (np.tanh if args[2] == "tanh" else np.exp)(args[0]) * args[1]
        result = f(*args)
        assert result.dtype == expected.dtype
        np.testing.assert_allclose(result, expected, rtol=1e-6)
    assert f.traces == 5


def test_float_settings_do_not_change_the_dtype():
    """A Python float beside float32 arrays leaves them float32, as without compile."""
    f = mg.compile(lambda x, rate: mg.tanh(x) * rate)
    assert f(np.ones(3, np.float32), 0.1).dtype == np.float32


def test_plans_kept_are_bounded():
    """No more plans are kept than the limit; an old one is made again when it is needed."""
    f = mg.compile(square, limit=2)
    for n in (1, 2, 3, 4, 1):
        np.testing.assert_allclose(f(np.full(n, 0.5)), n * np.tanh(0.5) ** 2)
        assert len(f) <= 2
    assert f.traces == 5


def test_results_are_the_callers_own():
    """The next call does not overwrite an earlier result, and writing into a result changes nothing."""
    f = mg.compile(lambda x: (mg.tanh(x), x.T, x[0], x))
    x = np.array([[0.5, 1.0], [2.0, 3.0]])
    first = f(x)
    kept = [part.copy() for part in first]
    second = f(x + 1)
    for part, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(part, copy)
    for part in second:
        part[...] = 77.0
    for part, copy in zip(f(x), kept, strict=True):
        np.testing.assert_array_equal(part, copy)


def test_the_callers_arrays_stay_untouched():
    """Arguments are read only."""
    x = np.array([0.5, 1.0])
    f = mg.compile(mg.grad(square))
    f(x)
    f(x)
    np.testing.assert_array_equal(x, [0.5, 1.0])


def test_trees_come_back_in_the_structure_returned():
    """Dicts, tuples and scalars are returned as the function returned them."""
    f = mg.compile(lambda p: {"a": (p["w"].sum(), p["w"] * 2)})
    result = f({"w": np.ones(3)})
    assert set(result) == {"a"}
    assert isinstance(result["a"], tuple)
    assert result["a"][0] == 3.0
    np.testing.assert_array_equal(result["a"][1], 2 * np.ones(3))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x * x.sum().item(),
        lambda x: x * float(x.value[0]),
        lambda x: x * mg.tensor(x.value),
        lambda x: x[: int(x.value[0] > 1.001) + 1],
        lambda x: [x for _ in range(2) if bool(x[0] > 0)],
    ],
)
def test_courses_that_depend_on_values_are_refused(f):
    """A branch, a number or an array that left the graph raises when the function is compiled."""
    with pytest.raises(ValueDependentError):
        mg.compile(f)(np.array([1.0, 2.0]))


def test_random_numbers_are_refused():
    """A generator inside of the function would be frozen into the plan, so it is refused."""
    rng = np.random.default_rng(0)
    with pytest.raises(ValueDependentError):
        mg.compile(lambda x: x * rng.standard_normal(2))(np.ones(2))


def test_choices_by_where_follow_the_values():
    """Comparisons are part of the plan: masks are computed anew at every call."""
    f = mg.compile(mg.value_and_grad(lambda x: mg.where(x > 0, x * x, -3.0 * x).sum()))
    for x in (np.array([1.0, -1.0]), np.array([-2.0, 5.0])):
        value, gradient = f(x)
        assert value == np.where(x > 0, x * x, -3 * x).sum()
        np.testing.assert_array_equal(gradient, np.where(x > 0, 2 * x, -3.0))
    assert f.traces == 1


def test_class_indices_are_inputs():
    """Other class indices give other losses without a new plan, and one out of range raises as it does eagerly."""
    f = mg.compile(mg.value_and_grad(lambda z, y: mg.cross_entropy(z, y).sum()))
    z = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]])
    for y in (np.array([0, 1]), np.array([2, 2])):
        value, gradient = f(z, y)
        expected, expected_gradient = mg.value_and_grad(lambda z, y: mg.cross_entropy(z, y).sum())(z, y)
        np.testing.assert_allclose(value, expected, rtol=1e-14)
        np.testing.assert_allclose(gradient, expected_gradient, atol=1e-15)
    for wrong in (3, -1):
        with pytest.raises(IndexError):
            f(z, np.array([0, wrong]))
    assert f.traces == 1


def test_unhashable_objects_are_refused():
    """What is neither an array nor hashable cannot be part of a cache's key."""
    with pytest.raises(CompileArgumentError):
        mg.compile(lambda x, s: x)(np.ones(2), {1, 2})


def test_unknown_passes_are_refused():
    """A pass that does not exist is named in the error."""
    with pytest.raises(OptionError, match="vectorise"):
        mg.compile(square, passes={"vectorise"})


def test_transforms_of_a_compiled_function():
    """With Tensors as arguments a compiled function is the function itself, so that grad sees through it."""
    x = np.array([0.5, 1.0])
    np.testing.assert_array_equal(mg.grad(mg.compile(square))(x), mg.grad(square)(x))


def test_checkpoints_are_seen_through():
    """A checkpoint that closes over a Tensor computes with its present value at every call."""

    def loss(w, x):
        return mg.checkpoint(lambda h: mg.tanh(h * w))(x).sum()

    f = mg.compile(mg.value_and_grad(loss))
    for w in (0.5, 2.0):
        args = (np.array(w), np.array([1.0, 2.0]))
        np.testing.assert_allclose(f(*args), mg.value_and_grad(loss)(*args), rtol=1e-14)


def test_threads_share_a_plan():
    """Calls from several threads wait for each other and each gets its own result."""
    f = mg.compile(mg.value_and_grad(square))
    xs = [np.full(50, 0.01 * i) for i in range(64)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(f, xs))
    for x, (value, gradient) in zip(xs, results, strict=True):
        expected, expected_gradient = mg.value_and_grad(square)(x)
        np.testing.assert_allclose(value, expected, rtol=1e-13)
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-13)
    assert f.traces == 1


def test_empty_arrays():
    """Arrays without entries go through."""
    value, gradient = mg.compile(mg.value_and_grad(square))(np.zeros((0, 3)))
    assert value == 0.0
    assert gradient.shape == (0, 3)


def test_sigmoid_far_out_does_not_warn():
    """σ(±1000) is 0 and 1, without the warning that e¹⁰⁰⁰ would give."""
    for dtype in (np.float32, np.float64):
        np.testing.assert_array_equal(mg.compile(mg.sigmoid)(np.array([-1000.0, 1000.0], dtype)), [0.0, 1.0])
