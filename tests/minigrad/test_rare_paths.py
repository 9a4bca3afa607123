"""What is reached in rare cases only: rules that fail, signatures that are hidden, keys, options and second traces."""

import copy
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.checkpoint import Segment
from minigrad.compiler import abstract as shapes
from minigrad.errors import GradientCheckError, ShapeError, TreeError, UnsupportedNumPyError
from minigrad.nans import first_nan_edge
from minigrad.primitive import Primitive
from minigrad.pytree import flatten
from minigrad.tensor import bind
from minigrad.testing import check_backward, check_primitive
from minigrad.transforms import argument_names, plain

X = np.array([0.5, -1.5])


def planted(vjp: Any = None, jvp: Any = None) -> Primitive:
    """Doubling, with a rule that is not right."""
    return Primitive(
        "planted",
        lambda x: 2 * x,
        (vjp or (lambda g, y, x: 2 * g),),
        (jvp or (lambda t, y, x: 2 * t),),
    )


def test_a_forward_rule_that_fails_is_named() -> None:
    """An exception in it becomes a failed check that says of which operation, and what it was."""

    def fails(t: Any, y: Any, x: Any) -> Any:
        raise ZeroDivisionError("planted")

    with pytest.raises(GradientCheckError, match="forward mode of `planted` failed with ZeroDivisionError: planted"):
        check_primitive(planted(jvp=fails), X, modes=("forward",))


def test_a_tangent_of_another_shape_is_named() -> None:
    """A forward rule must give a tangent of the output's shape."""
    with pytest.raises(GradientCheckError, match=r"a tangent of shape \(\), expected \(2,\)"):
        check_primitive(planted(jvp=lambda t, y, x: 2 * mg.sum(t)), X, modes=("forward",))


def test_a_backward_pass_returns_as_many_gradients_as_asked() -> None:
    """One array where two were asked for is an error that says so."""
    for wrong in (lambda a, b: b, lambda a, b: (b, a, a)):
        with pytest.raises(TreeError, match=r"backward must return 2 gradients, one for each of wrt=\(0, 1\)"):
            check_backward(
                lambda a, b: np.sum(a * b),
                wrong,
                lambda rng, D: (rng.normal(size=D), rng.normal(size=D)),
                wrt=(0, 1),
                sizes={"D": (2, 3)},
            )


def test_an_error_in_a_rule_of_many_arguments_says_of_which_node() -> None:
    """Rules that give all shares together carry the same note as others: the operation and its name."""

    def fails(g: Any, y: Any, *xs: Any) -> Any:
        raise ZeroDivisionError("planted")

    primitive = Primitive("together", lambda *xs: sum(xs), (fails,), (None,), variadic=True)
    with pytest.raises(ZeroDivisionError, match="planted") as failure:
        mg.grad(lambda x: mg.sum(mg.named("both", bind(primitive, (x, x)))))(X)

    assert any("raised by the reverse rule of `both`" in note for note in failure.value.__notes__)


def test_functions_without_a_signature_have_arguments_by_number() -> None:
    """Built-in functions that hide their parameters, and *args, are numbered; others have their names."""

    class Hidden:
        __signature__ = "no signature"

        def __call__(self, *values: Any) -> Any:
            return values

    assert argument_names(Hidden(), 2) == ["args[0]", "args[1]"]
    assert argument_names(lambda a, *rest: a, 3) == ["a", "args[1]", "args[2]"]


def test_what_is_no_tensor_is_plain_already() -> None:
    """Settings among results pass through, 0-d values become NumPy scalars, arrays get memory of their own."""
    node = mg.tensor(X)

    assert plain("setting") == "setting"
    assert isinstance(plain(mg.sum(node)), np.float64)
    assert not np.may_share_memory(plain(node), node.value)


def test_a_tensor_is_plus_itself() -> None:
    """+x is x, as it is for arrays that never change; a copy of a computed node is that node."""
    x = mg.tensor(X)
    y = x * x

    assert +x is x
    assert copy.copy(y) is y
    assert copy.deepcopy(y) is y
    assert copy.copy(x) is not x


def test_a_loss_needs_an_axis_of_classes() -> None:
    """One number has no classes."""
    with pytest.raises(ShapeError, match="got a 0-d value"):
        mg.cross_entropy(np.array(2.0), np.array(0))


def test_a_dot_of_more_axes_than_two_is_refused() -> None:
    """np.dot of stacks is another operation than @; of fewer axes it is a primitive."""
    stacked = mg.tensor(np.ones((2, 2, 2)))
    with pytest.raises(UnsupportedNumPyError, match=r"np\.dot of more than two axes"):
        np.dot(stacked, stacked)
    assert np.dot(mg.tensor(X), X).item() == X @ X
    assert np.array_equal(np.dot(mg.tensor(X), 2.0).value, 2 * X)


def test_a_backward_pass_without_nan_has_no_first_one() -> None:
    """Where no share holds a NaN there is no edge to blame; where one does it is found."""
    x = mg.tensor(np.array([0.0, 1.0]))
    with np.errstate(all="ignore"):
        bad = mg.sum(mg.sqrt(x) * 0.0 * mg.log(x))

        assert first_nan_edge(mg.sum(x * x), np.array(1.0)) is None
        assert first_nan_edge(bad, np.array(1.0)) is not None


def test_segments_of_one_kind_are_equal() -> None:
    """Two traces of one function have equal segments, with equal hashes; of other shapes or inputs they differ."""

    def segment(x: Any) -> Segment:
        graph = mg.trace(mg.checkpoint(lambda x: mg.tanh(x) * x), x)
        return next(node.params["segment"] for node in graph.nodes if "segment" in node.params)

    one, same, other = segment(X), segment(2 * X), segment(np.ones(3))

    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != "a segment"


def test_a_compiled_function_returns_something() -> None:
    """What returns an empty tree has nothing to compute, and is refused."""
    for nothing in ((), [], {}):
        with pytest.raises(mg.errors.TreeError, match="returned nothing"):
            mg.compile(lambda x, nothing=nothing: nothing)(X)


def test_memories_of_shapes_do_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """When so many are known that it costs memory they are forgotten, and what is traced then is the same."""
    f = mg.value_and_grad(lambda x: mg.sum(mg.take(mg.softmax(x), [0, 1], 0) ** 2))
    expected = f(X)
    monkeypatch.setattr(shapes, "_LIMIT", 0)
    monkeypatch.setattr(shapes, "_made", {})
    monkeypatch.setattr(shapes, "_tried", {})
    value, gradient = mg.compile(f)(X)

    assert value == pytest.approx(expected[0], rel=1e-14)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-14)
    assert len(shapes._made) <= 1


def test_a_number_that_chooses_the_trace_is_noticed() -> None:
    """A function whose operations depend on an integer's value cannot be compiled for all of them; a length can."""
    with pytest.raises(mg.errors.ValueDependentError):
        mg.compile(lambda x, n: mg.tanh(x) if n.value[0] > 1 else x * x)(X, np.array([1, 2]))
    leaves, _ = flatten(mg.compile(lambda x, n: x[n])(X, np.array([1, 0])))
    np.testing.assert_array_equal(leaves[0], X[::-1])


def test_none_among_arguments_is_a_setting() -> None:
    """A plan made with None is not taken for one with an array, and each replays."""
    f = mg.compile(lambda x, scale: x * x if scale is None else x * scale)

    np.testing.assert_array_equal(f(X, None), X * X)
    np.testing.assert_array_equal(f(X, 2 * X), 2 * X * X)
    np.testing.assert_array_equal(f(X, None), X * X)
    assert f.traces == 2


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [0, 1]])
def test_rows_put_together_again(order: list[int]) -> None:
    """A stack of all rows of an array in order is the array; of others, or of two arrays, it is what it says."""
    rows = np.arange(6.0).reshape(3, 2)
    f = mg.compile(lambda x: mg.stack([x[i] for i in order]) * 2)
    g = mg.compile(lambda x, y: mg.stack([x[0], y[1], x[2]]) * 2)

    np.testing.assert_array_equal(f(rows), 2 * rows[order])
    np.testing.assert_array_equal(g(rows, -rows), 2 * np.stack([rows[0], -rows[1], rows[2]]))
