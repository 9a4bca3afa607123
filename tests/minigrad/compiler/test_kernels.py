"""Kernels write what their primitives give, into any layout of memory and of any dtypes."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.compiler.ir import Builder, CyclicProgramError, Node, Program, freeze, result_type
from minigrad.compiler.kernels import calls_for
from minigrad.primitive import PRIMITIVES

_RNG = np.random.default_rng(3)


def like(shape: tuple[int, ...], dtype: Any, layout: str) -> np.ndarray:
    """An empty array of a shape whose entries lie in memory in one of several ways."""
    if layout == "rows":
        return np.empty(shape, dtype)
    if layout == "columns":
        return np.empty(shape[::-1], dtype).T
    wide = np.empty(tuple(2 * size for size in shape), dtype)  # every other entry
    return wide[(..., *(slice(None, None, 2) for _ in shape))]


def put(value: Any, layout: str) -> Any:
    """The same numbers, lying that way."""
    if not isinstance(value, np.ndarray):
        return value
    array = like(value.shape, value.dtype, layout)
    array[...] = value
    return array


def normal(*shape: int) -> np.ndarray:
    """Random numbers of a shape."""
    return _RNG.normal(size=shape)


#: Operation, operands, settings, and what NumPy says of it.
CASES: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], Any]] = {}


def case(name: str, op: str, args: tuple[Any, ...], expected: Any, **params: Any) -> None:
    """Enter a case."""
    CASES[name] = op, args, params, expected


W, x, xs, batch, g, gs = normal(3, 4), normal(4), normal(5, 4), normal(2, 5, 4), normal(3), normal(5, 3)
gbatch, square, mask = normal(2, 5, 3), normal(4, 4), _RNG.random((5, 4)) > 0.5
classes = np.array([0, 3, 2, 2, 1])
case("linear, one vector", "linear", (W, x), W @ x)
case("linear, rows", "linear", (W, xs), xs @ W.T)
case("linear, a single row", "linear", (W, xs[:1]), xs[:1] @ W.T)
case("linear, batch", "linear", (W, batch), batch @ W.T)
case("linear_t, one vector", "linear_t", (W, g), W.T @ g)
case("linear_t, batch", "linear_t", (W, gbatch), gbatch @ W)
case("outer, vectors", "outer", (g, x), np.outer(g, x))
case("outer, rows", "outer", (gs, xs), gs.T @ xs)
case("outer, batch", "outer", (gbatch, batch), np.einsum("abi,abj->ij", gbatch, batch))
case("matmul", "matmul", (W, square), W @ square)
case("matmul, vector", "matmul", (W, x), W @ x)
for _what, _d, _f in (
    ("rows", gs, normal(5, 9)),
    ("one vector", g, normal(9)),
    ("batch", gbatch, normal(2, 5, 6)),
    ("a single row", normal(1, 1, 3), normal(1, 1, 9)),
):
    _blocks = _f.reshape(*_f.shape[:-1], -1, 3) * _d[..., None, :]
    case(f"multiply_blocks, {_what}", "multiply_blocks", (_d, _f), _blocks.reshape(_f.shape))
case("sum, leading axes", "sum", (batch,), batch.sum((0, 1)), axis=(0, 1), keepdims=False)
case("sum, last axis", "sum", (xs,), xs.sum(1, keepdims=True), axis=(1,), keepdims=True)
case("sum, all", "sum", (xs,), xs.sum(), axis=(0, 1), keepdims=False)
case("where", "where", (mask, xs, 2.0), np.where(mask, xs, 2.0))
case("where, a mask of numbers", "where", (mask * 1, xs, -xs), np.where(mask, xs, -xs))
case("where, a mask that spreads", "where", (mask[0], xs, -xs), np.where(mask[0], xs, -xs))
case("where, one number as mask", "where", (True, xs, -xs), xs)
case("sigmoid", "sigmoid", (xs,), 1 / (1 + np.exp(-xs)))
case("relu", "relu", (xs,), np.maximum(xs, 0))
case("softmax", "softmax", (xs,), np.exp(xs) / np.exp(xs).sum(1, keepdims=True), axis=1)
case("log_softmax", "log_softmax", (xs,), xs - np.log(np.exp(xs).sum(0)), axis=0)
case("scatter", "scatter", (x, x), np.stack([2 * x, 0 * x]), indices=(0, (0,)), shape=(2, 4))
_onto = np.array([[1, 0, 1, 0, 1], [0, 1, 0, 1, 0]])
case("scatter, a list", "scatter", (xs,), _onto @ xs, indices=([0, 1, 0, 1, 0],), shape=(2, 4))
case("pick", "pick", (xs, classes), xs[range(5), classes])
case("pick, small integers", "pick", (xs, classes.astype(np.int32)), xs[range(5), classes])
case("spread", "spread", (xs[:, 0], classes), xs[:, :1] * np.eye(4)[classes], size=4)
case("spread, small integers", "spread", (xs[:, 0], classes.astype(np.int8)), xs[:, :1] * np.eye(4)[classes], size=4)
case("turned", "turned", (W,), W.T)
case("copy", "copy", (W,), W)
case("add, a number", "add", (xs, 2.0), xs + 2)
case("maximum", "maximum", (xs, 0.5), np.maximum(xs, 0.5))
case("nothing", "exp", (normal(0, 3),), np.empty((0, 3)))


@pytest.mark.parametrize("name", CASES)
def test_kernels_write_the_numbers_of_numpy(name: str) -> None:
    """Kernels give NumPy's numbers for every memory layout of operands and result, and in single precision."""
    op, args, params, expected = CASES[name]
    layouts = ("rows", "columns", "gaps")
    for dtype, source, layout in product((np.float64, np.float32), layouts, layouts):
        operands = [put(arg, source) for arg in args]
        out = like(np.shape(expected), dtype, layout)
        for f, arguments in calls_for(op, out, operands, params):
            f(*arguments)

        np.testing.assert_allclose(out, expected, rtol=1e-12 if dtype is np.float64 else 2e-5, atol=1e-6)
        for operand, arg in zip(operands, args, strict=True):
            np.testing.assert_array_equal(operand, arg)


@given(st.sampled_from(["add", "multiply", "linear", "softmax", "exp", "where", "matmul"]), st.integers(1, 3))
def test_shapes_and_dtypes_of_results_are_those_of_numpy(op: str, rows: int) -> None:
    """By rule or by trying, the shape and dtype that a node gets are those of the primitive's own result."""
    values = [np.ones((rows, 3)), np.ones((3, 3), np.float32)]
    if op in ("add", "multiply"):
        values[1] = values[1][:1]
    if op == "linear":
        values.reverse()
    if op in ("softmax", "exp"):
        values = values[1:]
    if op == "where":
        values = [np.ones((rows, 1), bool), *values[:1], np.float32(2) * values[0]]
    params = {"axis": 1} if op == "softmax" else {}
    builder = Builder()
    nodes = [builder.make("input", (), {"index": i}, shape=v.shape, dtype=v.dtype) for i, v in enumerate(values)]
    expected = np.asarray(PRIMITIVES[op].value(*values, **params))

    assert result_type(op, tuple(nodes), params) == (expected.shape, expected.dtype)
    made = builder.make(op, nodes, params)
    assert repr(made) == f"<{op} {expected.shape} {expected.dtype}>"
    assert builder.make(op, nodes, dict(params)) is made


def test_a_program_that_needs_itself_is_refused() -> None:
    """A node among its own operands would never be ready: that is an error of a pass, and said."""
    node = Node("exp", (), {}, (2,), np.dtype(float), 0)
    node.take((node,))

    with pytest.raises(CyclicProgramError, match="computed from itself"):
        Program((), (node,)).nodes()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1, True), (1, True, False), (1, 1.0, False), (0.0, -0.0, False), (float("nan"), float("nan"), True),
        (slice(1, None), slice(1, None), True), (slice(1, None), slice(1, None, 1), False),
        ((1, [2]), (1, [2]), True), ((1, [2]), (1, (2,)), False),
        ({"a": 1}, {"a": 1}, True), ({"a": 1}, {"a": 2}, False),
        (np.arange(2), np.arange(2), True),
        (np.arange(2), np.arange(2.0), False), (np.float32(1), np.float64(1), False),
    ],
)  # fmt: skip
def test_settings_are_equal_only_if_nothing_tells_them_apart(one: Any, other: Any, same: bool) -> None:
    """Frozen settings are hashable, and as different as their types, signs of zero, shapes and entries."""
    assert (freeze(one) == freeze(other)) is same
    assert hash(freeze(one)) == hash(freeze(one))
