"""Gradients of every cell with every switch, and of nets of cells, against central differences."""

from typing import Any

import numpy as np
import pytest
from cell_cases import CELLS, LAYERS, filled, filled_state, seeds, sizes
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import unroll
from minigrad.optim import global_norm
from minigrad.pytree import flatten
from minigrad.testing import check_grads


def everything(run: Any) -> list[Any]:
    """All numbers that a run gives."""
    return [run.outputs, *(leaf for leaf in flatten(run.final)[0] if leaf.dtype.kind != "b")]


def along_a_line(f: Any, point: Any, rng: np.random.Generator) -> None:
    """Compare the reverse sweep with a central difference along one random direction, Richardson's way."""
    leaves, structure = flatten(point)
    direction = [rng.standard_normal(leaf.shape) for leaf in leaves]
    norm = global_norm(direction)
    direction = [d / norm for d in direction]

    def at(s: float) -> float:
        return float(f(structure.unflatten([p + s * d for p, d in zip(leaves, direction, strict=True)])))

    def central(h: float) -> float:
        return (at(h) - at(-h)) / (2 * h)

    h = 1e-3
    expected = (4 * central(h / 2) - central(h)) / 3
    gradient = flatten(mg.grad(f)(point))[0]
    found = sum(float(np.sum(g * d)) for g, d in zip(gradient, direction, strict=True))
    assert abs(found - expected) <= 1e-7 * max(1.0, abs(expected)), (found, expected)


def smooth(name: str) -> bool:
    """Whether a cell has no kink for a difference to step over."""
    return "relu" not in name


@pytest.mark.nightly
@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name in CELLS if smooth(name)])
@given(seeds, sizes, sizes, st.sampled_from([(), (2,)]))
def test_one_step(name: str, seed: int, D: int, H: int, batch: tuple[int, ...]) -> None:
    """The gradient of one step in parameters, state and input is the central difference."""
    rng = np.random.default_rng(seed)
    cell = CELLS[name](D, H)
    point = (filled(cell, rng), filled_state(cell, rng, batch), rng.standard_normal((*batch, D)))
    weights = [rng.standard_normal(leaf.shape) for leaf in flatten(cell.step(*point))[0]]

    def f(point: Any) -> Any:
        leaves = flatten(cell.step(*point))[0]
        return sum(((leaf * w).sum() for leaf, w in zip(leaves, weights, strict=True)), 0.0)

    along_a_line(f, point, rng)


@pytest.mark.parametrize("name", [name for name in LAYERS if smooth(name)])
@given(seeds, sizes, sizes, st.integers(1, 4), st.booleans())
def test_backpropagation_through_time(name: str, seed: int, D: int, H: int, T: int, padded: bool) -> None:
    """The gradient of a whole run, padded or not, is the central difference."""
    rng = np.random.default_rng(seed)
    cell = LAYERS[name](D, H)
    lengths = rng.integers(0, T + 1, 2) if padded else None
    point = (filled(cell, rng), rng.standard_normal((T, 2, D)), filled_state(cell, rng, (2,)))

    def f(point: Any) -> Any:
        params, xs, state = point
        leaves = everything(unroll(cell, params, xs, state, lengths=lengths))
        return sum(((leaf * leaf).sum() for leaf in leaves), 0.0)

    along_a_line(f, point, rng)


@pytest.mark.parametrize("name", LAYERS)
def test_every_entry_in_both_modes(name: str) -> None:
    """Entry by entry, reverse and forward, the derivatives of a short run are the numerical ones."""
    rng = np.random.default_rng(11)
    cell = LAYERS[name](2, 2)

    def f(params: Any, xs: Any, state: Any) -> Any:
        return everything(unroll(cell, params, xs, state))

    check_grads(f, filled(cell, rng), rng.standard_normal((2, 2)), filled_state(cell, rng))


@pytest.mark.parametrize("name", ["RNN tanh", "LSTM vanilla", "GRU after keep", "Attention before additive"])
def test_second_derivatives(name: str) -> None:
    """Gradients of gradients of a short run are the numerical ones."""
    rng = np.random.default_rng(13)
    cell, xs = CELLS[name](1, 2), rng.standard_normal((2, 1))
    check_grads(lambda params: unroll(cell, params, xs).final.h, filled(cell, rng), order=2)
