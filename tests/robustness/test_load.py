"""Long sequences, large states, and many small graphs."""

import gc
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from cells import GRU, LSTM, RNN, unroll


def loss_of(cell: Any) -> Any:
    """The sum of squares of the last output, over time."""
    return lambda params, xs: mg.sum(unroll(cell, params, xs).outputs[-1] ** 2)


@pytest.mark.nightly
def test_a_hundred_thousand_steps() -> None:
    """An RNN over 100,000 steps: the gradient is found without recursion and equals a plain backward loop's."""
    T, rng = 100_000, np.random.default_rng(0)
    cell = RNN(1, 2)
    params, xs = cell.init(rng), rng.normal(size=(T, 1))

    value, (found, by_input) = mg.value_and_grad(loss_of(cell), (0, 1))(params, xs)

    U, W, b = params["U"], params["W"], params["b"]
    hs = np.zeros((T + 1, 2))
    for t in range(T):
        hs[t + 1] = np.tanh(U @ xs[t] + W @ hs[t] + b)
    delta = 2 * hs[T] * (1 - hs[T] ** 2)
    expected, inputs = {"U": 0 * U, "W": 0 * W, "b": 0 * b}, np.zeros((T, 1))
    for t in range(T, 0, -1):
        expected["U"] += np.outer(delta, xs[t - 1])
        expected["W"] += np.outer(delta, hs[t - 1])
        expected["b"] += delta
        inputs[t - 1] = U.T @ delta
        delta = (W.T @ delta) * (1 - hs[t - 1] ** 2)
    assert float(value) == pytest.approx(float(np.sum(hs[T] ** 2)), rel=1e-12)
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(by_input, inputs, rtol=1e-9, atol=1e-300)


@pytest.mark.nightly
def test_a_hundred_thousand_operations() -> None:
    """A chain of 200,000 operations on one number is swept both ways; the slope is the product of the slopes."""
    T, x = 100_000, 0.5

    def f(x: Any) -> Any:
        for _ in range(T):
            x = mg.tanh(x) * 1.5
        return x

    expected, y = 1.0, x
    for _ in range(T):
        expected *= 1.5 * (1 - np.tanh(y) ** 2)
        y = 1.5 * np.tanh(y)
    assert float(mg.grad(f)(x)) == pytest.approx(expected, rel=1e-9)
    assert float(mg.jvp(f, (x,), (1.0,))[1]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.nightly
@pytest.mark.parametrize("make", [RNN, GRU, LSTM])
def test_two_thousand_units(make: Any) -> None:
    """One step of 2,048 units gives the gradient that a central difference finds along a random direction."""
    H, D, rng = 2048, 8, np.random.default_rng(0)
    cell, small = make(D, H), make(D, 4).init(rng)  # orthogonal matrices of that size would take longest of all
    shapes = {name: tuple(H if size == 4 else size for size in value.shape) for name, value in small.items()}
    params = {name: rng.normal(size=shape) / H**0.5 for name, shape in shapes.items()}
    direction = {name: rng.normal(size=shape) / H for name, shape in shapes.items()}
    state = type(cell.initial_state())(*(rng.normal(size=H) for _ in cell.initial_state()))
    xs = rng.normal(size=(1, D))

    def loss(params: Any) -> Any:
        return mg.sum(unroll(cell, params, xs, state).outputs ** 2)

    gradient = mg.grad(loss)(params)

    sides = [float(loss({k: v + h * direction[k] for k, v in params.items()})) for h in (1e-4, -1e-4)]
    slope = sum(float(np.sum(gradient[name] * direction[name])) for name in params)
    assert slope == pytest.approx((sides[0] - sides[1]) / 2e-4, rel=1e-6)


def _resident() -> int:
    """Bytes that the process holds in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc to read the memory in use")
@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_many_small_graphs(count: int) -> None:
    """After 10,000 graphs in a row, 100 of them compiled, memory is where it was after the first tenth of them."""
    cell, rng = RNN(2, 3), np.random.default_rng(0)
    params, xs = cell.init(rng), rng.normal(size=(2, 2))
    train = mg.value_and_grad(loss_of(cell))

    def run(graphs: int) -> None:
        for i in range(graphs):
            train(params, xs)
            if i % 100 == 0:
                mg.compile(train)(params, xs)
                mg.trace(loss_of(cell), params, xs).adjoints()
        gc.collect()

    run(count // 10)
    resident = _resident()
    run(count - count // 5)
    grown = _resident() - resident
    tracemalloc.start()
    run(20)
    before = tracemalloc.get_traced_memory()[0]
    run(count // 10)
    traced = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()

    assert traced < 32_000, f"{traced} bytes more after {count // 10} graphs"
    assert grown < 16_000_000, f"{grown} bytes more after {count - count // 5} graphs"
