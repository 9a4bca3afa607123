"""Tensors as PyTorch users expect them: leaves, backward, detach, names, errors."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DtypeError, ImmutableTensorError, NonScalarOutputError, ShapeError
from minigrad.tensor import CONSTANT, INPUT, describe


def grad_of(x: mg.Tensor) -> Any:
    """The gradient of a leaf as lists of numbers."""
    assert x.grad is not None
    return x.grad.tolist()


def test_backward_writes_the_gradients_of_leaves_only() -> None:
    """backward fills .grad of the leaves, as plain arrays; nodes in between and constants stay without."""
    x, w = mg.tensor([1.0, 2.0]), mg.tensor([3.0, 4.0])
    h = x * w
    (h + np.ones(2)).sum().backward()

    assert type(x.grad) is np.ndarray
    assert grad_of(x) == [3.0, 4.0]
    assert grad_of(w) == [1.0, 2.0]
    assert h.grad is None


def test_a_second_backward_adds_once_more() -> None:
    """As in PyTorch, calling backward again adds to .grad, until it is set to None; the graph stays usable."""
    x = mg.tensor(3.0)
    y = x * x
    y.backward()
    y.backward()
    assert grad_of(x) == 12.0

    x.grad = None
    y.backward()
    assert grad_of(x) == 6.0

    (2.0 * x).backward()
    assert grad_of(x) == 8.0


def test_gradients_are_arrays_of_their_own() -> None:
    """Two leaves that get the same cotangent do not share memory, and accumulation makes new arrays."""
    x, y = mg.tensor([1.0, 2.0]), mg.tensor([1.0, 2.0])
    out = (x + y).sum()
    out.backward()
    first = x.grad
    assert first is not None
    first *= 100.0
    out.backward()

    assert grad_of(y) == [2.0, 2.0]
    assert first.tolist() == [100.0, 100.0]
    assert grad_of(x) == [101.0, 101.0]


def test_seed() -> None:
    """A seed is the cotangent of an output that is no scalar; it must have its shape."""
    x = mg.tensor([1.0, 2.0])
    y = (x * x).named("y")

    y.backward(seed=[1.0, 10.0])

    assert grad_of(x) == [2.0, 40.0]
    with pytest.raises(NonScalarOutputError, match=r"got `y` \(multiply of shape \(2,\)\); reduce it with .sum\(\)"):
        y.backward()
    with pytest.raises(ShapeError, match=r"a seed of `y` \(multiply of shape \(2,\)\) must have its shape \(2,\), got"):
        y.backward(seed=np.ones(3))


def test_backward_without_a_leaf() -> None:
    """backward behind constants, integers or stop_gradient says that there is no leaf to be found."""
    for output in (mg.tensor([1, 2]).sum() * 1.0, mg.tensor(1.0).detach(), mg.tensor(1.0) > 0):
        with pytest.raises(DtypeError, match=r"found no floating-point leaf|needs a floating-point output"):
            output.backward()


def test_leaves_copy() -> None:
    """A leaf keeps the numbers that it was given, and cannot be written into."""
    array = np.array([1.0, 2.0])
    x = mg.tensor(array, name="x")
    array[:] = 0.0

    assert x.value.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        x.value[0] = 5.0
    with pytest.raises(ImmutableTensorError, match=r"`x` .* cannot be written into: .* Build a new one with np.where"):
        x[0] = 5.0  # type: ignore[index]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(1, np.int64), (1.0, np.float64), (True, np.bool_), ([1, 2.5], np.float64), (np.float32(1), np.float32)],
)
def test_dtype_is_kept(value: Any, dtype: Any) -> None:
    """Numbers keep their kind and precision; only floating-point leaves are tracked."""
    x = mg.tensor(value)

    assert x.dtype == dtype
    assert x.tracked == (x.dtype.kind == "f")


def test_what_is_no_tensor() -> None:
    """Text, uneven lists, objects, and Tensors themselves are refused, each with its reason."""
    for wrong, reason in (
        ("text", "a Tensor holds numbers, got str"),
        ([[1.0], [1.0, 2.0]], "a list of uneven or mixed parts is no array"),
        (object(), "a Tensor holds numbers, got object"),
        (None, "a Tensor holds numbers, got NoneType"),
        (mg.tensor(1.0), "is a Tensor already; use it as it is, or .detach() it"),
    ):
        with pytest.raises(DtypeError, match=reason.replace("(", r"\(").replace(")", r"\)")):
            mg.tensor(wrong)


def test_shapes_that_do_not_fit() -> None:
    """Operands that do not broadcast are described with name, operation, shape and scope."""
    with mg.scope("t=3"):
        f = mg.sigmoid(mg.tensor(np.ones((2, 3)))).named("f")

    with pytest.raises(ShapeError) as caught:
        f * np.ones(4)
    text = str(caught.value)
    assert "multiply cannot take `f` (sigmoid of shape (2, 3)) at t=3 and constant of shape (4,)" in text
    assert "broadcast" in text
    for call in (
        lambda: mg.linear(np.ones((2, 3)), f[..., :2]),
        lambda: mg.outer(np.ones(2), f),
        lambda: f @ f,
        lambda: f.reshape(4),
        lambda: f.sum(2),
        lambda: mg.softmax(f, 5),
        lambda: mg.transpose(f, (0, 0)),
        lambda: mg.broadcast_to(f, (2, 2)),
        lambda: mg.concatenate([f, np.ones((3, 2))]),
        lambda: mg.stack([f, np.ones(3)]),
        lambda: mg.linear(np.ones((2, 3)), 1.0),
    ):
        with pytest.raises(ShapeError):
            call()


def test_detach_and_leaf_status() -> None:
    """detach keeps the value and cuts the graph; leaves know that they are leaves."""
    x = mg.tensor([1.0, 2.0])

    assert x.is_leaf
    assert not (x * 2).is_leaf
    assert not x.detach().tracked
    assert x.primitive is INPUT
    assert (x + np.ones(2)).args[1].primitive is CONSTANT
    assert mg.grad(lambda x: (x.detach() * x).sum())(np.array([1.0, 2.0])).tolist() == [1.0, 2.0]


def test_names() -> None:
    """A node takes its first name; a leaf or a node with another name gets an alias that carries the new one."""
    x = mg.tensor([1.0], name="x")
    h = mg.tanh(x).named("h")
    again = h.named("h")
    other = h.named("out")

    assert again is h
    assert other is not h
    assert (h.name, other.name, other.primitive.name) == ("h", "out", "alias")
    assert x.named("y").name == "y"
    assert x.name == "x"
    assert mg.named("h", np.ones(2)).tolist() == [1.0, 1.0]


def test_names_do_not_cut_gradients() -> None:
    """Aliases made by naming pass the gradient on, in both modes."""
    f = lambda x: (mg.tanh(x).named("a").named("b") * x.named("c")).named("d")  # noqa: E731

    assert (
        float(mg.grad(f)(0.5)) == float(mg.grad(lambda x: mg.tanh(x) * x)(0.5)) == float(mg.jvp(f, (0.5,), (1.0,))[1])
    )


def test_representation() -> None:
    """Tensors print value, name and scope; a format applies to the number; describe names the operation."""
    with mg.scope("layer 2"), mg.scope("t=3"):
        f = mg.sigmoid(mg.tensor([0.0])).named("f")

    assert repr(f) == "Tensor([0.5], name='f', scope='layer 2/t=3')"
    assert f"{f:.3f}" == "0.500"
    assert f"{f}" == repr(f)
    assert describe(f) == "`f` (sigmoid of shape (1,)) at layer 2/t=3"
    assert describe(np.ones(2)) == "an array of shape (2,)"


def test_sequences() -> None:
    """len, iteration, unpacking and the built-in sum run over the first axis; a 0-d Tensor has none."""
    xs = mg.tensor([[1.0, 2.0], [3.0, 4.0]])
    first, second = xs

    assert len(xs) == 2
    assert [x.value.tolist() for x in xs] == [[1.0, 2.0], [3.0, 4.0]]
    assert sum(xs).value.tolist() == [4.0, 6.0]
    assert (first + second).value.tolist() == [4.0, 6.0]
    with pytest.raises(TypeError, match="has no axes, so no length"):
        len(xs.sum())
    with pytest.raises(TypeError, match="has no axes"):
        list(xs.sum())


def test_methods_are_the_functions() -> None:
    """The methods with NumPy's names do what the functions do, in NumPy's ways of writing arguments."""
    x = mg.tensor(np.arange(6.0).reshape(2, 3))

    assert x.T.shape == x.transpose().shape == x.transpose(1, 0).shape == x.transpose((1, 0)).shape == (3, 2)
    assert x.reshape(3, 2).shape == x.reshape((3, 2)).shape == x.reshape(-1, 2).shape == (3, 2)
    assert x.sum(0).value.tolist() == [3.0, 5.0, 7.0]
    assert x.mean(-1, keepdims=True).value.tolist() == [[1.0], [4.0]]
    assert (x.ndim, x.size, x.shape, x.sum().item()) == (2, 6, (2, 3), 15.0)


def test_comparisons_are_entrywise_and_tensors_are_hashable() -> None:
    """== compares entries, as NumPy does; hash and dict keys go by identity; a single truth value is a bool."""
    x, y = mg.tensor([1.0, 2.0]), mg.tensor([1.0, 3.0])

    assert (x == y).value.tolist() == [True, False]
    assert (x != y).value.tolist() == [False, True]
    assert {x: "x", y: "y"}[x] == "x"
    assert bool((x < y)[1])
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)


def test_serial_numbers_grow() -> None:
    """An operation's number is larger than those of its arguments: sorting by number is topological."""
    x = mg.tensor(1.0)
    y = x + 1.0
    z = mg.tensor(1.0)

    assert x.serial < y.serial < z.serial < (y * z).serial


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_of_leaves(copied: Any) -> None:
    """A copy of a leaf is another leaf of the same value and name, with a gradient of its own."""
    x = mg.tensor([1.0, 2.0], name="x")

    duplicate = copied(x)
    (duplicate * x).sum().backward()

    assert duplicate is not x
    assert (duplicate.name, duplicate.is_leaf, duplicate.value.tolist()) == ("x", True, [1.0, 2.0])
    assert grad_of(duplicate) == grad_of(x) == [1.0, 2.0]
    assert duplicate.grad is not x.grad


def test_copies_of_computed_nodes() -> None:
    """A computed node never changes, so it is its own copy; pickled it would lose its graph, so that is refused."""
    y = mg.tensor([1.0, 2.0]) * 2.0

    assert copy.copy(y) is copy.deepcopy(y) is y
    with pytest.raises(TypeError, match=r"cannot be pickled without its whole graph; pickle its \.value"):
        pickle.dumps(y)


def test_errors_in_a_rule_name_the_node() -> None:
    """When a reverse rule fails, the exception tells whose rule it was and where it stands."""
    with mg.scope("t=1"):
        h = mg.reshape(mg.tensor(np.ones(4)), (2, 2)).named("h")
    broken = mg.Tensor(h.value, h.primitive, h.args, [np.ones(3)], h.params, tracked=True)

    with pytest.raises(ValueError) as caught:
        mg.sum(broken).backward()

    assert any("raised by the reverse rule of reshape of shape (2, 2)" in note for note in caught.value.__notes__)


def test_shape_errors_name_parameter_and_step() -> None:
    """A weight of the wrong shape is named, with the step in which it was used."""
    W = mg.tensor(np.ones((3, 3)), name='params["W_f"]')

    with mg.scope("t=3"), pytest.raises(ShapeError, match=r't=3 are `params\["W_f"\]` \(input of shape \(3, 3\)\)'):
        mg.linear(W, np.ones(2))
