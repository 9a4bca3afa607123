"""What is true of the cells for all sizes, seeds and switches."""

from typing import Any

import numpy as np
import pytest
from cell_cases import CELLS, FUNCTIONS, LAYERS, close, filled, filled_state, seeds, sigma, sizes
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import GRU, LSTM, RNN, Bidirectional, Cell, Conv1d, FeedForward, Stacked, unroll
from minigrad.pytree import tree_map


def bounded(cell: Any, rng: np.random.Generator) -> Any:
    """A state with all entries in [−1, 1], among them the ends."""
    return tree_map(lambda s: np.clip(2 * rng.standard_normal(s.shape), -1, 1), cell.initial_state())


@given(seeds, sizes, sizes, st.sampled_from(["before", "after"]), st.sampled_from(["keep", "write"]))
def test_gru_is_the_papers(seed: int, D: int, H: int, reset: str, update: str) -> None:
    """All four conventions against plain loops: Cho 2014 and Chung 2014, printed and as in cuDNN."""
    rng = np.random.default_rng(seed)
    cell = GRU(D, H, reset=reset, update=update)
    p, xs, h = filled(cell, rng), rng.standard_normal((4, D)), rng.standard_normal(H)
    state, expected = type(cell.initial_state())(h), []
    for x in xs:
        r, z = (sigma(p[f"U_{k}"] @ x + p[f"W_{k}"] @ h + p[f"b_{k}"]) for k in "rz")
        recurrent = p["W_n"] @ (r * h) if reset == "before" else r * (p["W_n"] @ h + p["c_n"])
        n = np.tanh(p["U_n"] @ x + p["b_n"] + recurrent)
        kept = z if update == "keep" else 1 - z
        h = kept * h + (1 - kept) * n
        expected.append(h)
    close(unroll(cell, p, xs, state).outputs, np.stack(expected))


@given(seeds, sizes, sizes, st.sampled_from(sorted(FUNCTIONS)))
def test_rnn_is_the_textbooks(seed: int, D: int, H: int, activation: str) -> None:
    """h = act(U x + W h_prev + b) against a plain loop, with every activation function."""
    rng = np.random.default_rng(seed)
    cell, act = RNN(D, H, activation=activation), FUNCTIONS[activation]
    p, xs, h, expected = filled(cell, rng), rng.standard_normal((4, D)), np.zeros(H), []
    for x in xs:
        h = act(p["U"] @ x + p["W"] @ h + p["b"])
        expected.append(h)
    close(unroll(cell, p, xs).outputs, np.stack(expected))


@pytest.mark.parametrize("activation", FUNCTIONS)
def test_layers_without_memory_are_their_formulas(activation: str) -> None:
    """Feed-forward layer and convolution are their formulas, with every activation function."""
    rng = np.random.default_rng(0)
    act, xs, D, H = FUNCTIONS[activation], rng.normal(size=(5, 2)), 2, 3

    layer = FeedForward(D, H, activation=activation)
    P = filled(layer, rng)
    np.testing.assert_allclose(unroll(layer, P, xs).outputs, [act(P["U"] @ x + P["b"]) for x in xs], rtol=1e-12)

    convolution = Conv1d(D, H, 3, activation=activation)
    P = filled(convolution, rng)
    padded = [np.zeros(D), np.zeros(D), *xs]
    expected = [
        act(P["U_0"] @ padded[t + 2] + P["U_1"] @ padded[t + 1] + P["U_2"] @ padded[t] + P["b"]) for t in range(len(xs))
    ]
    np.testing.assert_allclose(unroll(convolution, P, xs).outputs, expected, rtol=1e-12)


@given(seeds, sizes, sizes, st.booleans(), st.floats(0.1, 30))
def test_coupled_cell_is_a_convex_combination(seed: int, D: int, H: int, peephole: bool, scale: float) -> None:
    """With i = 1 − f the new c lies between c_prev and g, so |c| ≤ 1 and |h| < 1 are never left."""
    rng = np.random.default_rng(seed)
    cell = LSTM(D, H, coupled=True, peephole=peephole)
    params, state, x = filled(cell, rng, scale), bounded(cell, rng), rng.standard_normal(D)
    g = np.tanh(params["U_g"] @ x + params["W_g"] @ state.h + params["b_g"])
    new = cell.step(params, state, x)
    slack = 4 * np.finfo(float).eps
    assert np.all(new.c >= np.minimum(state.c, g) - slack)
    assert np.all(new.c <= np.maximum(state.c, g) + slack)
    assert np.all(np.abs(new.c) <= 1 + slack)
    assert np.all(np.abs(new.h) < 1)


@given(
    seeds, sizes, sizes, st.sampled_from(["before", "after"]), st.sampled_from(["keep", "write"]), st.floats(0.1, 30)
)
def test_gru_state_is_a_convex_combination(seed: int, D: int, H: int, reset: str, update: str, scale: float) -> None:
    """The new h lies between h_prev and n, so a state in [−1, 1] never leaves it."""
    rng = np.random.default_rng(seed)
    cell = GRU(D, H, reset=reset, update=update)
    run = unroll(cell, filled(cell, rng, scale), rng.standard_normal((6, D)), bounded(cell, rng))
    assert np.all(np.abs(run.outputs) <= 1 + 1e-14)


def test_uncoupled_cell_leaves_the_unit_interval() -> None:
    """The bound is the coupling's doing: with i = f = 1 the cell counts beyond 1."""
    cell = LSTM(1, 1, input_gate=False, forget_gate=False)
    params = cell.init(np.random.default_rng(0)) | {"U_g": np.array([[9.0]])}
    assert unroll(cell, params, np.ones((5, 1))).final.c > 4.5


@given(seeds, sizes, sizes, st.sampled_from(["keep", "write"]))
def test_reset_before_is_after_for_diagonal_recurrence(seed: int, D: int, H: int, update: str) -> None:
    """W_n (r ⊙ h) = r ⊙ (W_n h) if W_n is diagonal, so with c_n = 0 the two GRUs are one."""
    rng = np.random.default_rng(seed)
    after, before = (GRU(D, H, reset=reset, update=update) for reset in ("after", "before"))
    params = filled(after, rng) | {"c_n": np.zeros(H)}
    params["W_n"] = np.diag(rng.standard_normal(H))
    xs = rng.standard_normal((4, D))
    without = {key: value for key, value in params.items() if key != "c_n"}
    close(unroll(before, without, xs).outputs, unroll(after, params, xs).outputs)


def test_reset_before_is_not_after_in_general() -> None:
    """A full W_n tells the two conventions apart."""
    rng = np.random.default_rng(1)
    after, before = (GRU(2, 3, reset=reset) for reset in ("after", "before"))
    params, xs = filled(after, rng) | {"c_n": np.zeros(3)}, rng.standard_normal((4, 2))
    without = {key: value for key, value in params.items() if key != "c_n"}
    assert np.max(np.abs(unroll(before, without, xs).outputs - unroll(after, params, xs).outputs)) > 1e-3


@given(seeds, sizes, sizes, st.sampled_from(["before", "after"]))
def test_keep_of_z_is_write_of_one_minus_z(seed: int, D: int, H: int, reset: str) -> None:
    """Turning the signs of z's parameters turns z into 1 − z, and one convention into the other."""
    rng = np.random.default_rng(seed)
    keep, write = (GRU(D, H, reset=reset, update=update) for update in ("keep", "write"))
    params, xs = filled(keep, rng), rng.standard_normal((4, D))
    turned = params | {key: -params[key] for key in ("U_z", "W_z", "b_z")}
    close(unroll(write, turned, xs).outputs, unroll(keep, params, xs).outputs)


@given(seeds, sizes, sizes, st.integers(1, 4), st.sampled_from(sorted(CELLS)), st.sampled_from(sorted(CELLS)))
def test_bidirectional_of_a_reversed_sequence(seed: int, D: int, H: int, T: int, one: str, other: str) -> None:
    """Reversing time and swapping the two cells reverses the outputs and swaps their halves."""
    rng = np.random.default_rng(seed)
    a, b = CELLS[one](D, H), CELLS[other](D, 2)
    params = {"forward": filled(a, rng), "backward": filled(b, rng)}
    swapped = {"forward": params["backward"], "backward": params["forward"]}
    xs = rng.standard_normal((T, D))
    outputs = unroll(Bidirectional(a, b), params, xs).outputs
    mirrored = unroll(Bidirectional(b, a), swapped, xs[::-1]).outputs[::-1]
    close(np.concatenate([mirrored[:, 2:], mirrored[:, :2]], -1), outputs)


@given(seeds, sizes, sizes, st.integers(1, 4), st.sampled_from(sorted(CELLS)), st.booleans())
def test_stacking_with_an_identity_layer(seed: int, D: int, H: int, T: int, name: str, below: bool) -> None:
    """A layer h = x, above or below, changes nothing."""
    rng = np.random.default_rng(seed)
    cell, xs = CELLS[name](D, H), rng.standard_normal((T, D))
    n = D if below else H
    through = RNN(n, n, activation="identity"), {"U": np.eye(n), "W": np.zeros((n, n)), "b": np.zeros(n)}
    plain = cell, filled(cell, rng)
    layers = [through, plain] if below else [plain, through]
    params = {f"layer {i}": p for i, (_, p) in enumerate(layers, start=1)}
    close(unroll(Stacked([c for c, _ in layers]), params, xs).outputs, unroll(cell, plain[1], xs).outputs)


@given(seeds, st.sampled_from(sorted(set(LAYERS) - {"Bidirectional", "Stacked Bidirectional"})), st.integers(1, 3))
def test_a_step_of_a_net_is_a_run_of_length_one(seed: int, name: str, D: int) -> None:
    """Stepping by hand gives what `unroll` gives, for nets of cells as well."""
    rng = np.random.default_rng(seed)
    cell = LAYERS[name](D, 2)
    assert isinstance(cell, Cell)
    params, state, xs = filled(cell, rng), filled_state(cell, rng), rng.standard_normal((3, D))
    run = unroll(cell, params, xs, state)
    for t, x in enumerate(xs):
        state = cell.step(params, state, x)
        close(state.h, run.outputs[t])
        close(state.h, run.states[t].h)


@given(seeds, st.integers(1, 6), st.integers(1, 3))
def test_feed_forward_and_convolution_see_so_far_and_no_further(seed: int, T: int, width: int) -> None:
    """∂h_t/∂x_s is zero but for s = t without memory, and but for t − width < s ≤ t in a convolution."""
    rng = np.random.default_rng(seed)
    xs = rng.standard_normal((T, 2))
    for cell, reach in ((FeedForward(2, 2), 1), (Conv1d(2, 2, width), width)):
        params = filled(cell, rng)
        J = mg.jacobian(lambda xs, cell=cell, params=params: unroll(cell, params, xs).outputs)(xs)
        depends = np.any(J != 0, axis=(1, 3))
        assert np.array_equal(depends, [[t - reach < s <= t for s in range(T)] for t in range(T)])


@given(seeds, st.integers(1, 5), st.integers(1, 3))
def test_convolution_is_numpys(seed: int, T: int, width: int) -> None:
    """One channel in and out is numpy.convolve, cut to the causal part."""
    rng = np.random.default_rng(seed)
    cell, xs = Conv1d(1, 1, width, activation="identity"), rng.standard_normal((T, 1))
    params = filled(cell, rng)
    taps = [params[f"U_{j}"][0, 0] for j in range(width)]
    expected = np.convolve(xs[:, 0], taps)[:T] + params["b"]
    close(unroll(cell, params, xs).outputs[:, 0], expected)
