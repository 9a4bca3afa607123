"""Corners of the primitives that only a mutant had pointed at."""

import array
import collections
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DtypeError, InvalidIndexError, ShapeError
from minigrad.primitive import PRIMITIVES
from minigrad.sweep import forward_sweep
from minigrad.tensor import bind
from minigrad.testing import check_grads


@pytest.mark.parametrize(("dtype", "expected"), [(np.float32, np.complex64), (np.float64, np.complex128)])
def test_complex_numbers_stay_complex_in_another_precision(dtype: Any, expected: Any) -> None:
    """The complex step passes through a change of precision: the imaginary part is kept, real numbers stay real."""
    change = PRIMITIVES["astype"].value
    x = np.array([1.5 + 0.25j, -2.0 - 1.0j], np.complex128)

    changed = change(x, dtype=np.dtype(dtype))

    assert changed.dtype == expected
    assert np.array_equal(changed, x)
    assert change(x.real, dtype=np.dtype(dtype)).dtype == dtype


@pytest.mark.parametrize("f", [mg.softmax, mg.log_softmax])
def test_each_vector_has_a_shift_of_its_own(f: Any) -> None:
    """Vectors of very different sizes side by side give what each gives alone, along every axis."""
    x = np.array([[1e4, 1e4 - 1.0], [-1e4, -1e4 + 2.0], [0.5, 0.25]])

    assert np.array_equal(f(x), [f(row) for row in x])
    assert np.array_equal(f(x.T, 0), f(x).T)


def test_taking_from_the_flattened_array() -> None:
    """Without an axis, positions count over all entries, in row-major order, and the gradient goes back there."""
    x = np.arange(6.0).reshape(2, 3)

    assert mg.take(x, [5, 0, 5]).tolist() == [5.0, 0.0, 5.0]
    assert mg.grad(lambda x: mg.take(x, [5, 0, 5]).sum())(x).tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]]


@pytest.mark.parametrize("axis", [-3, 2, 7])
def test_taking_along_an_axis_that_is_not_there(axis: int) -> None:
    """The error names the axis, the number of axes and the axes that there are."""
    message = f"axis {axis} is out of range for 2 axes; use one from -2 to 1"

    with pytest.raises(ShapeError, match=f"^{message}$"):
        mg.take(np.zeros((2, 3)), [0], axis)


def test_taking_along_negative_axes() -> None:
    """Negative axes count from the end."""
    x = np.arange(6.0).reshape(2, 3)

    assert np.array_equal(mg.take(x, [1], -1), mg.take(x, [1], 1))
    assert np.array_equal(mg.take(x, [1], -2), mg.take(x, [1], 0))


def test_positions_to_take_are_copied() -> None:
    """Writing into an array of positions afterwards does not move the gradient."""
    x = mg.tensor(np.array([1.0, 2.0, 3.0]))
    positions = np.array([0, 0])
    y = mg.take(x, positions, 0).sum()
    positions[:] = 2

    y.backward()

    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 0.0, 0.0]


def test_a_part_that_stands_still_in_a_scatter() -> None:
    """A tangent of one part alone is scattered alone, in the precision of the whole."""
    first, second = mg.tensor(np.ones(2, np.float32)), mg.tensor(np.ones((), np.float32))
    whole = bind(PRIMITIVES["scatter"], (first, second), {"indices": (slice(0, 2), 2), "shape": (4,)})

    moved = forward_sweep([whole], {second: np.full((), 3.0, np.float32)})[whole]

    assert moved.tolist() == [0.0, 0.0, 3.0, 0.0]
    assert moved.dtype == np.float32


def test_a_logit_of_plus_infinity() -> None:
    """Beside an infinite logit, a finite one gets the probability 0; that of the infinite one is NaN, as inf/inf."""
    x = np.array([np.inf, 0.0, -3.0])

    with np.errstate(invalid="ignore"):
        probabilities, logs = mg.softmax(x), mg.log_softmax(x)

    assert np.isnan(probabilities[0])
    assert np.isnan(logs[0])
    assert probabilities[1:].tolist() == [0.0, 0.0]
    assert logs[1:].tolist() == [-np.inf, -np.inf]


@pytest.mark.parametrize(("g", "x"), [(2.0, np.ones(3)), (np.ones(3), 2.0), (2.0, 3.0), (np.ones((2, 3)), np.ones(3))])
def test_outer_products_of_what_is_no_vector(g: Any, x: Any) -> None:
    """A number on either side, and batches of different lengths, are refused with both shapes."""
    message = r"^outer\(g, x\) needs shapes \(\.\.\., m\) and \(\.\.\., n\) with the same leading axes, got "

    with pytest.raises(ShapeError, match=message):
        mg.outer(np.asarray(g), np.asarray(x))


@pytest.mark.parametrize("axis", [2, -3])
def test_an_axis_that_is_not_there(axis: int) -> None:
    """Joining, reducing and rearranging name the axis that is out of range and those that there are."""
    x = np.ones((2, 2))
    message = f"^axis {axis} is out of range for 2 axes; use one from -2 to 1$"

    for call in (
        lambda: mg.concatenate([x, x], axis),
        lambda: mg.sum(x, axis),
        lambda: mg.mean(x, (0, axis)),
        lambda: mg.softmax(x, axis),
        lambda: mg.transpose(x, (0, axis)),
    ):
        with pytest.raises(ShapeError, match=message):
            call()


def test_the_slopes_of_elementwise_functions() -> None:
    """What a primitive names as its slope is its derivative: of every one that has a slope, by central differences."""
    sloped = [primitive for primitive in PRIMITIVES.values() if primitive.slope is not None]
    x = np.array([0.25, 0.75, 2.0])

    assert {primitive.name for primitive in sloped} >= {"exp", "log", "sqrt", "tanh", "sigmoid", "relu"}
    for primitive in sloped:
        assert primitive.slope is not None
        y = primitive.value(x)
        difference = (primitive.value(x + 1e-6) - primitive.value(x - 1e-6)) / 2e-6
        assert primitive.slope(y, x) == pytest.approx(difference, rel=1e-8)


@pytest.mark.parametrize("x", [np.array([True, False]), np.array([0, 1, 200], np.uint8)])
def test_sigmoid_of_what_has_no_sign(x: Any) -> None:
    """Truth values and unsigned integers, which have no negative, give what the same floating-point numbers give."""
    assert mg.sigmoid(x) == pytest.approx(mg.sigmoid(x.astype(np.float64)), rel=1e-3)  # half precision, as NumPy's exp


@pytest.mark.parametrize("x", [1e200, -1e200, 0.0, 1e-200])
def test_the_power_zero_of_any_number(x: float) -> None:
    """x⁰ = 1 stands still, however large x is: the slope is 0, not 0 · ∞."""
    assert mg.grad(lambda x: x ** np.zeros(()))(x) == 0.0
    assert mg.grad(lambda x: x**0)(x) == 0.0


def test_masks_and_empty_lists_as_indices() -> None:
    """A mask of truth values picks, it does not count; an empty list picks nothing, a list of fractions is refused."""
    x = np.array([1.0, 2.0, 4.0])
    traced = mg.tensor(x)

    assert traced[np.array([True, False, True])].value.tolist() == [1.0, 4.0]
    assert traced[[True, False, True]].value.tolist() == [1.0, 4.0]
    assert traced[[]].value.tolist() == []
    assert mg.grad(lambda x: x[np.array([False, True, True])].sum())(x).tolist() == [0.0, 1.0, 1.0]
    with pytest.raises(IndexError):
        traced[[0.0, 1.0]]


class Own:
    """An integer of its own kind."""

    def __index__(self) -> int:
        return 1


@pytest.mark.parametrize(
    "index",
    [
        collections.deque([0, 0, 1]),
        array.array("i", [0, 0, 1]),
        range(1, 3),
        memoryview(np.array([0, 0, 1])),
        Own(),
        slice(Own(), np.int64(3)),
        (collections.deque([0, 0]),),
        np.array([0, 0, 2], np.uint8),
    ],
)
def test_an_index_of_any_library_counts_repeated_entries(index: Any) -> None:
    """Indices of other types are read as NumPy reads them, and an entry that is named twice gets its gradient twice."""
    x = np.array([1.0, 2.0, 4.0])
    read = index[0] if isinstance(index, tuple) else index
    numbers = read if isinstance(read, slice | Own) else np.array(read)
    weights = np.arange(1.0, 1 + np.size(x[numbers])).reshape(np.shape(x[numbers]))

    gradient = mg.grad(lambda t: (t[index] * weights).sum())(x)
    expected = np.zeros(3)
    np.add.at(expected, numbers, weights)

    assert np.array_equal(gradient, expected)


@pytest.mark.parametrize("index", ["a", {0, 1}, 0.5, [0.5], np.ma.array([0, 1], mask=[0, 1]), slice(0.0, 1.0)])
def test_what_is_not_an_index_is_refused(index: Any) -> None:
    """Text, sets, fractions and masked arrays are refused as indices, with what they hold."""
    with pytest.raises(InvalidIndexError):
        mg.tensor([1.0, 2.0])[index]


def test_take_reads_booleans_as_numbers() -> None:
    """np.take with booleans takes entries 0 and 1, in its gradient and with a Tensor of booleans as well."""
    x = np.array([1.0, 2.0, 4.0])

    for where in (np.array([True, False, True]), mg.tensor([True, False, True])):
        assert mg.grad(lambda t, where=where: (mg.take(t, where, 0) * np.array([1.0, 3.0, 5.0])).sum())(x).tolist() == [
            3,
            6,
            0,
        ]
    with pytest.raises(DtypeError, match="integers"):
        mg.take(x, mg.tensor([0.5]))


@pytest.mark.parametrize("f", [mg.softmax, mg.log_softmax])
@pytest.mark.parametrize("axis", [(0, 1), (-1, 0), None, (), (1,), 0])
def test_softmax_over_several_axes(f: Any, axis: Any) -> None:
    """softmax and its logarithm normalise over all the axes that are named, and so do their gradients."""
    x = np.random.default_rng(0).normal(size=(2, 3, 2))
    weights = np.exp(x)
    expected = weights / weights.sum(axis, keepdims=True)

    np.testing.assert_allclose(
        f(x, axis), np.log(expected) if f is mg.log_softmax else expected, rtol=1e-12, atol=1e-15
    )
    check_grads(lambda x: f(x, axis), x)


@pytest.mark.parametrize("f", [mg.sum, mg.mean, mg.softmax, mg.log_softmax])
def test_axes_that_are_not_integers_are_refused(f: Any) -> None:
    """An axis that is a float, a text, out of range or named twice is refused, as is a 0-d value's."""
    for axis, kind in ((1.0, DtypeError), ("0", DtypeError), (2, ShapeError), ((0, -2), ShapeError)):
        with pytest.raises(kind, match="axis"):
            f(mg.tensor(np.ones((2, 2))), axis)
    with pytest.raises(ShapeError, match="0-d value"):
        f(1.5 * np.ones(()), 0)


@pytest.mark.parametrize("dtype", ["?", "b", "B", "h", "H", "i", "I", "q", "Q", "e", "f", "d", "F", "D"])
@pytest.mark.parametrize("name", ["absolute", "minimum", "maximum"])
def test_selection_is_that_of_numpy_on_every_dtype(name: str, dtype: str) -> None:
    """abs, minimum and maximum give NumPy's bits and dtype, at ±0, NaN and the ends of the integers as well."""
    kind = np.dtype(dtype)
    ends = [np.iinfo(kind).min, np.iinfo(kind).max] if kind.kind in "iu" else [0, 1]
    x = np.array([0, 1, *ends, *([-0.0, 0.0, -1.5, np.nan, np.inf] if kind.kind in "fc" else [])], kind)
    f = getattr(np, name)
    args = (x,) if name == "absolute" else (x, x[::-1].copy())

    got, expected = f(*map(mg.tensor, args)).value, f(*args)

    assert got.dtype == expected.dtype
    assert got.tobytes() == expected.tobytes()


def test_a_graph_holds_the_sizes_of_a_reshape() -> None:
    """The size that was left open stands in the graph as a number, so that every reader of the graph knows it."""
    for asked, sizes in (((-1, 2), (6, 2)), ((3, -1), (3, 4)), (-1, (12,)), ((2, -1, 3), (2, 2, 3)), ((4, 3), (4, 3))):
        graph = mg.trace(lambda x, asked=asked: mg.reshape(x, asked), np.ones((3, 4)))
        assert graph.nodes[-1].params["shape"] == sizes
        assert graph.nodes[-1].shape == sizes
    assert mg.reshape(mg.tensor(np.ones((0, 4))), (-1, 2)).shape == (0, 2)
    with pytest.raises(ShapeError):
        mg.reshape(mg.tensor(np.ones((3, 4))), (0, -1))


def test_broadcasting_to_one_size() -> None:
    """One size may be given as a number."""
    assert mg.broadcast_to(mg.tensor(2.0), 3).value.tolist() == [2.0, 2.0, 2.0]


def test_numbers_and_lists() -> None:
    """What has no shape of its own, a number or a list, is taken as NumPy takes it."""
    assert mg.reshape(2.0, (1, 1)).tolist() == [[2.0]]
    assert mg.sum([[1.0, 2.0], [3.0, 4.0]], 0).tolist() == [4.0, 6.0]
    assert mg.concatenate([[1.0], [2.0, 3.0]]).tolist() == [1.0, 2.0, 3.0]
    assert mg.stack([[1.0], [2.0]], 1).tolist() == [[1.0, 2.0]]
