"""Running over time: batches, lengths, continuation, truncation, names and scopes."""

from typing import Any

import numpy as np
import pytest
from cell_cases import LAYERS, NETS, close, filled, filled_state, seeds
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import GRU, LSTM, RNN, AttentionCell, Bidirectional, Stacked, unroll
from minigrad.pytree import flatten, tree_map

ONE_WAY = sorted(set(LAYERS) - {"Bidirectional", "Stacked Bidirectional"})
layers = st.sampled_from(sorted(LAYERS))
one_way_layers = st.sampled_from(ONE_WAY)


def row(tree: Any, b: int) -> Any:
    """One sequence's part of a batched state."""
    return tree_map(lambda leaf: leaf[b], tree)


def visible(state: Any) -> list[Any]:
    """A state's numbers, without the entries of a memory that stand past a sequence's end."""
    if hasattr(state, "present"):
        pairs = zip((*state.memory, state.inner.h), state.present, strict=True)
        seen = [m for m, present in pairs if present is None or present]
        return [*visible(state.inner), *seen]
    return [leaf for part in state for leaf in visible(part)] if isinstance(state, tuple) else [state]


@given(seeds, layers, st.integers(1, 5), st.sampled_from([(), (1,), (3,), (2, 3)]))
def test_leading_axes_are_batch(seed: int, name: str, T: int, batch: tuple[int, ...]) -> None:
    """Every sequence of a batch is run as if it were alone, whatever the leading axes."""
    rng = np.random.default_rng(seed)
    cell = LAYERS[name](2, 2)
    params, xs = filled(cell, rng), rng.standard_normal((T, *batch, 2))
    outputs = unroll(cell, params, xs).outputs
    assert outputs.shape == (T, *batch, cell.hidden_size)
    for index in np.ndindex(batch):
        close(outputs[(slice(None), *index)], unroll(cell, params, xs[(slice(None), *index)]).outputs)


@given(seeds, layers, st.integers(1, 4))
def test_states_stand_in_the_order_of_time(seed: int, name: str, T: int) -> None:
    """`states[t]` belongs to `outputs[t]`, in whichever direction a layer reads, and `final` is where it ended."""
    rng = np.random.default_rng(seed)
    cell = LAYERS[name](2, 2)
    run = unroll(cell, filled(cell, rng), rng.standard_normal((T, 2)))
    for state, output in zip(run.states, run.outputs, strict=True):
        close(state.h, output)
    ends = run.final, run.states[-1]
    if name == "Bidirectional":
        ends = (run.final.forward, run.final.backward), (run.states[-1].forward, run.states[0].backward)
    if name != "Stacked Bidirectional":
        for ended, stood in zip(*(flatten(end)[0] for end in ends), strict=True):
            assert np.array_equal(ended, stood)


@given(seeds, layers, st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_padded_batch_is_its_sequences_one_by_one(seed: int, name: str, lengths: list[int]) -> None:
    """With `lengths`, outputs and final states are those of each sequence alone, and zero past its end."""
    rng = np.random.default_rng(seed)
    cell, T, B = LAYERS[name](2, 2), max(lengths) + 1, len(lengths)
    params, xs, state = filled(cell, rng), rng.standard_normal((T, B, 2)), filled_state(cell, rng, (B,))
    padded = xs.copy()
    for b, length in enumerate(lengths):
        padded[length:, b] = 1e3
    run = unroll(cell, params, padded, state, lengths=lengths)
    for b, length in enumerate(lengths):
        alone = unroll(cell, params, xs[:length, b], row(state, b))
        close(run.outputs[:length, b], alone.outputs)
        assert not np.any(run.outputs[length:, b])
        for held, own in zip(visible(row(run.final, b)), visible(alone.final), strict=True):
            close(held, own)


@given(seeds, one_way_layers, st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_padded_batch_has_the_gradient_of_its_sequences(seed: int, name: str, lengths: list[int]) -> None:
    """The gradient of a padded batch is the sum of those of its sequences, and none reaches the padding."""
    rng = np.random.default_rng(seed)
    cell, T, B = LAYERS[name](2, 2), max(lengths) + 1, len(lengths)
    params, xs = filled(cell, rng), rng.standard_normal((T, B, 2))

    def loss(params: Any, xs: Any, lengths: Any = None) -> Any:
        return (unroll(cell, params, xs, lengths=lengths).outputs ** 2).sum()

    d_params, d_xs = mg.grad(loss, (0, 1))(params, xs, lengths)
    parts = [mg.grad(loss)(params, xs[:length, b]) for b, length in enumerate(lengths)]
    for found, *own in zip(flatten(d_params)[0], *(flatten(part)[0] for part in parts), strict=True):
        close(found, sum(own), 1e-11)
    for b, length in enumerate(lengths):
        assert not np.any(d_xs[length:, b])


@pytest.mark.parametrize("name", [*sorted(NETS), "LSTM plain", "Conv1d 3", "Attention before dot"])
def test_nan_in_the_padding_reaches_nothing(name: str) -> None:
    """Values, gradients and tangents of a batch padded with NaN or inf are those of one padded with zeros."""
    rng = np.random.default_rng(4)
    cell, lengths = LAYERS[name](2, 2), np.array([4, 2, 0])
    params, xs = filled(cell, rng), rng.standard_normal((4, 3, 2))
    inside = (np.arange(4)[:, None] < lengths)[..., None]

    def loss(params: Any, xs: Any, lengths: Any) -> Any:
        return (unroll(cell, params, xs, lengths=lengths).outputs ** 2).sum()

    expected = flatten(mg.value_and_grad(loss, (0, 1))(params, np.where(inside, xs, 0.0), lengths))[0]
    for padding in (np.nan, np.inf):
        padded = np.where(inside, xs, padding)
        for f in (mg.value_and_grad(loss, (0, 1)), mg.compile(mg.value_and_grad(loss, (0, 1)))):
            for ours, theirs in zip(flatten(f(params, padded, lengths))[0], expected, strict=True):
                close(ours, theirs)
        assert np.isfinite(mg.jvp(lambda p, padded=padded: loss(p, padded, lengths), (params,), (params,))[1])


def test_lengths_may_be_zero_or_a_tensor() -> None:
    """A sequence of length 0 keeps its initial state; lengths that are an input of a graph do the same."""
    rng = np.random.default_rng(0)
    cell = LSTM(2, 3)
    params, xs, state = filled(cell, rng), rng.standard_normal((4, 2, 2)), filled_state(cell, rng, (2,))
    run = unroll(cell, params, xs, state, lengths=np.array([0, 4]))
    assert np.array_equal(run.final.c[0], state.c[0])
    assert not np.any(run.outputs[:, 0])
    graph = unroll(cell, params, xs, state, lengths=mg.tensor(np.array([0, 4])))
    close(graph.outputs.value, run.outputs)
    single = unroll(cell, params, xs[:, 0], lengths=3)
    close(single.final.h, unroll(cell, params, xs[:3, 0]).final.h)


@pytest.mark.parametrize("name", ["LSTM plain", "Stacked Bidirectional", "Attention before additive", "Conv1d 2"])
def test_a_compiled_run_takes_other_lengths(name: str) -> None:
    """Lengths are inputs of a compiled function: a replay with others gives what a fresh run gives."""
    rng = np.random.default_rng(5)
    cell, xs = LAYERS[name](2, 2), rng.standard_normal((4, 3, 2))
    params = filled(cell, rng)
    plain = mg.value_and_grad(lambda p, lengths: (unroll(cell, p, xs, lengths=lengths).outputs ** 2).sum())
    compiled = mg.compile(plain)
    for lengths in ([4, 2, 1], [0, 4, 3]):
        expected = flatten(plain(params, np.array(lengths)))[0]
        for ours, theirs in zip(flatten(compiled(params, np.array(lengths)))[0], expected, strict=True):
            close(ours, theirs)


@given(seeds, one_way_layers, st.integers(1, 3), st.integers(1, 3))
def test_continuation(seed: int, name: str, first: int, second: int) -> None:
    """Feeding `final` back in continues as if the sequence had never been cut."""
    rng = np.random.default_rng(seed)
    cell = LAYERS[name](2, 2)
    params, xs, state = filled(cell, rng), rng.standard_normal((first + second, 2, 2)), filled_state(cell, rng, (2,))
    whole = unroll(cell, params, xs, state)
    begun = unroll(cell, params, xs[:first], state)
    rest = unroll(cell, params, xs[first:], begun.final)
    close(np.concatenate([begun.outputs, rest.outputs]), whole.outputs)
    for ours, theirs in zip(flatten(rest.final)[0], flatten(whole.final)[0], strict=True):
        close(ours, theirs)


@given(seeds, st.sampled_from(["Attention before additive", "Attention after dot"]))
def test_continuation_of_a_padded_batch_with_a_memory(seed: int, name: str) -> None:
    """A memory goes on where each sequence ended: what was padding is never attended to."""
    rng = np.random.default_rng(seed)
    cell = LAYERS[name](2, 2)
    params, xs, more = filled(cell, rng), rng.standard_normal((4, 2, 2)), rng.standard_normal((2, 2, 2))
    lengths = np.array([4, 2])
    begun = unroll(cell, params, xs, lengths=lengths)
    rest = unroll(cell, params, more, begun.final)
    for b, length in enumerate(lengths):
        alone = unroll(cell, params, np.concatenate([xs[:length, b], more[:, b]]))
        close(rest.outputs[:, b], alone.outputs[length:])


@given(seeds, layers, st.integers(2, 6), st.integers(1, 6))
def test_truncation_leaves_values_alone(seed: int, name: str, T: int, k: int) -> None:
    """Truncated and full runs have the same outputs."""
    rng = np.random.default_rng(seed)
    cell = LAYERS[name](2, 2)
    params, xs = filled(cell, rng), rng.standard_normal((T, 2))
    assert np.array_equal(unroll(cell, params, xs, truncate=k).outputs, unroll(cell, params, xs).outputs)


@given(seeds, st.sampled_from([name for name in ONE_WAY if "relu" not in name]), st.integers(2, 5), st.integers(1, 5))
def test_truncated_gradient_is_that_of_the_cut_function(seed: int, name: str, T: int, k: int) -> None:
    """The gradient with `truncate` is the central difference of the function whose states at the cuts are frozen."""
    rng = np.random.default_rng(seed)
    cell = LAYERS[name](1, 2)
    params, xs = filled(cell, rng), rng.standard_normal((T, 1))
    starts = range(0, T, k)
    frozen = [None if s == 0 else unroll(cell, params, xs[:s]).final for s in starts]

    def cut(params: Any) -> float:
        pieces = [unroll(cell, params, xs[s : s + k], state).outputs for s, state in zip(starts, frozen, strict=True)]
        return float(np.sum(np.concatenate(pieces) ** 2))

    gradient = mg.grad(lambda p: (unroll(cell, p, xs, truncate=k).outputs ** 2).sum())(params)
    leaves, structure = flatten(params)
    direction = [rng.standard_normal(leaf.shape) / 4 for leaf in leaves]

    def along(h: float) -> float:
        moved = (structure.unflatten([p + s * h * d for p, d in zip(leaves, direction, strict=True)]) for s in (1, -1))
        forward, backward = map(cut, moved)
        return (forward - backward) / (2 * h)

    expected = (4 * along(5e-4) - along(1e-3)) / 3
    found = sum(float(np.sum(g * d)) for g, d in zip(flatten(gradient)[0], direction, strict=True))
    assert abs(found - expected) < 1e-7 * max(1.0, abs(expected))


def test_truncation_cuts_both_directions_at_the_same_times() -> None:
    """∂h_t/∂x_s of a truncated two-way net is zero across every cut, and full within."""
    rng = np.random.default_rng(6)
    two_way = Bidirectional(RNN(1, 1), RNN(1, 1))
    deep = Stacked([Bidirectional(GRU(1, 1), LSTM(1, 1)), AttentionCell(RNN(2, 2))])
    for cell in (two_way, deep):
        params, xs = filled(cell, rng), rng.standard_normal((5, 1))
        J = mg.jacobian(lambda xs, cell=cell, params=params: unroll(cell, params, xs, truncate=2).outputs)(xs)
        depends = np.any(J != 0, axis=(1, 3))
        assert np.array_equal(depends, [[t // 2 == s // 2 for s in range(5)] for t in range(5)])


def test_names_and_scopes_of_one_cell() -> None:
    """Gates stand under their letters at t=1, t=2, …, and the initial state at t=0."""
    rng = np.random.default_rng(0)
    cell = LSTM(2, 3)
    graph = mg.trace(lambda p, xs: unroll(cell, p, xs).final.h.sum(), cell.init(rng), rng.standard_normal((3, 2)))
    for t in (1, 2, 3):
        assert {graph.find(k, f"t={t}").name for k in "xifgocsh"} == set("xifgocsh")
    assert graph.find("c", "t=0").is_leaf
    assert graph.find("f", "t=3").scope == ("t=3",)


def test_names_and_scopes_of_a_deep_two_way_net() -> None:
    """Scopes read from the outside in: layer, direction, time."""
    rng = np.random.default_rng(0)
    cell = Stacked([RNN(2, 3), Bidirectional(GRU(3, 2), LSTM(3, 2))])
    graph = mg.trace(lambda p, xs: unroll(cell, p, xs).outputs.sum(), cell.init(rng), rng.standard_normal((3, 2)))
    assert graph.find("a", ("layer 1", "t=3")).value.shape == (3,)
    assert graph.find("z", ("layer 2", "forward", "t=3")).value.shape == (2,)
    assert graph.find("f", ("layer 2", "backward", "t=1")).value.shape == (2,)
    assert graph.find("c", ("layer 2", "backward", "t=4")).is_leaf
    assert graph.find("h", ("layer 2", "t=2")).value.shape == (4,)


def test_an_error_says_where_in_the_net_it_happened() -> None:
    """A weight of the wrong shape is reported with the layer, the direction and the time of the first misfit."""
    rng = np.random.default_rng(0)
    cell, xs = Stacked([RNN(2, 3), Bidirectional(GRU(3, 2), LSTM(3, 2))]), rng.standard_normal((2, 2))
    params = cell.init(rng)
    params["layer 2"]["backward"]["b_f"] = np.zeros(5)
    with pytest.raises(mg.errors.ShapeError, match="layer 2/backward/t=2"):
        mg.trace(lambda p: unroll(cell, p, xs).outputs, params)


def test_names_of_attention() -> None:
    """Scores, weights and context stand under e, alpha and context; one node is the initial state."""
    rng = np.random.default_rng(0)
    cell = AttentionCell(RNN(2, 3))
    graph = mg.trace(lambda p, xs: unroll(cell, p, xs).outputs.sum(), cell.init(rng), rng.standard_normal((3, 2)))
    assert graph.find("alpha", "t=3").shape == (3,)
    assert graph.find("e", "t=2").shape == (2,)
    assert graph.find("context", "t=2").shape == (3,)
    assert [node.name for node in graph if node.scope == ("t=0",)] == ["h"]


def test_arrays_in_arrays_out() -> None:
    """Without a Tensor among the arguments nothing is recorded, whatever the options."""
    rng = np.random.default_rng(0)
    for make in LAYERS.values():
        cell = make(2, 2)
        run = unroll(cell, filled(cell, rng), rng.standard_normal((3, 2, 2)), lengths=[3, 1], truncate=1)
        assert all(isinstance(leaf, np.ndarray) for leaf in flatten([run.outputs, run.states, run.final])[0])


@given(seeds, layers, st.sampled_from([(), (2,)]))
def test_no_two_parts_of_an_initial_state_are_one_array(seed: int, name: str, batch: tuple[int, ...]) -> None:
    """Writing into one part of an initial state, or of a final one, leaves the other parts as they were."""
    cell = LAYERS[name](2, 2)
    leaves, _ = flatten(cell.initial_state(batch))
    for i, leaf in enumerate(leaves):
        leaf[...] = i + 1
    assert all(np.all(leaf == i + 1) for i, leaf in enumerate(leaves))
    assert not any(np.any(leaf) for leaf in flatten(cell.initial_state(batch))[0])


def test_a_sequence_given_as_a_list() -> None:
    """A list of numbers, of arrays or of Tensors is run as the array that it stands for."""
    rng = np.random.default_rng(0)
    cell, xs = GRU(2, 3), rng.standard_normal((3, 4, 2))
    params = filled(cell, rng)
    expected = unroll(cell, params, xs).outputs
    for given_as in (xs.tolist(), list(xs), tuple(xs)):
        assert np.array_equal(unroll(cell, params, given_as).outputs, expected)
    gradient = mg.grad(lambda xs: unroll(cell, params, xs).outputs.sum())
    ours = gradient(list(xs))
    assert np.array_equal(np.stack(ours), gradient(xs))
    with pytest.raises(ValueError, match="time comes first"):
        unroll(cell, params, [1.0, 2.0])


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize(
    ("cell", "state", "text"),
    [
        (RNN(2, 3), LSTM(2, 3).initial_state(), "state must be of type RNNState, got LSTMState"),
        (LSTM(2, 3), RNN(2, 3).initial_state(), "state must be of type LSTMState, got RNNState"),
        (LSTM(2, 3), LSTM(2, 3, gate_recurrence=True).initial_state(), "got LSTMGatesState"),
        (RNN(2, 3), GRU(2, 3).initial_state(), "got GRUState"),
        (RNN(2, 3), np.zeros(3), r"got ndarray of shape \(3,\)"),
        (LSTM(2, 3), (np.zeros(3), np.zeros(3)), "got tuple"),
        (RNN(2, 3), RNN(2, 3).initial_state()._replace(h=[0.0] * 3), r"state.h must be an array of shape \(3,\)"),
        (RNN(2, 3), RNN(2, 4).initial_state(), r"state.h must have the shape \(3,\), got \(4,\)"),
        (Stacked([RNN(2, 3)]), RNN(2, 3).initial_state(), "must be of type StackedState"),
        (
            Stacked([RNN(2, 3)]),
            Stacked([RNN(2, 3), RNN(3, 3)]).initial_state(),
            "state.layers must have 1 parts, got 2",
        ),
        (Stacked([RNN(2, 3)]), Stacked([LSTM(2, 3)]).initial_state(), r"state.layers\[0\] must be of type RNNState"),
        (
            Bidirectional(RNN(2, 3), GRU(2, 3)),
            Bidirectional(RNN(2, 3), RNN(2, 3)).initial_state(),
            "state.backward must",
        ),
        (AttentionCell(GRU(2, 3)), AttentionCell(LSTM(2, 3)).initial_state(), "state.inner must be of type GRUState"),
    ],
)
def test_a_state_of_another_cell(cell: Any, state: Any, text: str, recorded: bool) -> None:
    """A state that is not the cell's raises before the first step, and says what the cell takes."""
    params, xs = cell.init(np.random.default_rng(0)), np.ones((3, 2))
    with pytest.raises(ValueError, match=text) as caught:
        unroll(cell, params, mg.tensor(xs) if recorded else xs, state)
    assert isinstance(caught.value, mg.errors.TreeError | mg.errors.ShapeError)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"xs": np.ones((3, 2, 4))}, ValueError, "time comes first"),
        ({"xs": np.ones((0, 2))}, ValueError, "at least 1"),
        ({"truncate": 0}, ValueError, "at least 1 step"),
        ({"truncate": 2.5}, ValueError, "an integer of at least 1 step, got 2.5"),
        ({"lengths": [3]}, ValueError, "batch's shape"),
        ({"lengths": [3.0, 2.0]}, TypeError, "integers"),
        ({"lengths": [3, 4]}, ValueError, "from 0 to T = 3"),
        ({"lengths": [-1, 3]}, ValueError, "from 0 to T = 3"),
        ({"state": LSTM(2, 3).initial_state()}, ValueError, r"state.h must have the shape \(2, 3\)"),
    ],
)
def test_arguments_that_do_not_fit(options: dict[str, Any], error: type[Exception], text: str) -> None:
    """Shapes, lengths and cuts that cannot be are errors that say what was expected."""
    cell = LSTM(2, 3)
    given_options = {"xs": np.ones((3, 2, 2))} | options
    with pytest.raises(error, match=text):
        unroll(cell, cell.init(np.random.default_rng(0)), **given_options)


@pytest.mark.parametrize(("lengths", "wrong"), [([0, 4], 4), ([-1, 4], -1), ([3, -2], -2), ([0, 9], 9)])
def test_the_length_that_is_wrong_is_named(lengths: list[int], wrong: int) -> None:
    """Lengths may be 0 and T; the error names one that is neither nor between."""
    cell, xs = RNN(2, 3), np.ones((3, 2, 2))
    params = cell.init(np.random.default_rng(0))
    unroll(cell, params, xs, lengths=[0, 3])

    with pytest.raises(mg.errors.OptionError, match=f"^lengths must be from 0 to T = 3, got {wrong}$"):
        unroll(cell, params, xs, lengths=lengths)


@pytest.mark.parametrize("cell", [RNN(2, 3), Bidirectional(RNN(2, 3), RNN(2, 2))])
def test_nothing_is_cut_at_the_ends(cell: Any) -> None:
    """The gradient into the state before the first step is there, however often the sequence is cut."""
    rng = np.random.default_rng(0)
    params, xs = cell.init(rng), rng.standard_normal((4, 2))
    start = cell.initial_state()

    def first(state: Any, truncate: int | None) -> Any:
        return sum((part**2).sum() for part in flatten(unroll(cell, params, xs, state, truncate=truncate).states[0])[0])

    whole = mg.jacobian(lambda state: first(state, None))(start)
    cut = mg.jacobian(lambda state: first(state, 1))(start)

    forward = (whole.h, cut.h) if isinstance(cell, RNN) else (whole.forward.h, cut.forward.h)
    assert np.abs(forward[0]).min() > 0
    np.testing.assert_array_equal(*forward)
