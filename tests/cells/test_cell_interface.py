"""What every cell offers, whatever its formula: names, precision, numbers of parameters, and clear errors."""

import inspect
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cell_cases import LAYERS, filled, lstm_weights

import cells
import minigrad as mg
from cells import (
    GRU,
    LSTM,
    RNN,
    Attention,
    AttentionCell,
    BatchFirst,
    Bidirectional,
    Cell,
    Conv1d,
    FeedForward,
    Layer,
    Readout,
    Stacked,
    from_torch,
    unroll,
)
from minigrad.errors import OptionError
from minigrad.pytree import flatten

_RNG = np.random.default_rng(0)


#: The letters of each cell: what a recorded step names.
LETTERS = {
    "RNN": (RNN(2, 3), "a h"),
    "FeedForward": (FeedForward(2, 3), "a h"),
    "Conv1d": (Conv1d(2, 3, 2), "a h"),
    "LSTM": (LSTM(2, 3), "a_i a_f a_g a_o i f g o c s h"),
    "LSTM coupled": (LSTM(2, 3, coupled=True), "a_f a_g a_o i f g o c s h"),
    "GRU": (GRU(2, 3), "a_r a_z a_n r z n h"),
    "GRU after": (GRU(2, 3, reset="after"), "a_r a_z a_n r z n h"),
    "attention before": (AttentionCell(RNN(2, 3)), "a h e alpha context x_merged"),
    "attention after": (AttentionCell(RNN(2, 3), when="after"), "a h e alpha context h_tilde"),
}


@pytest.mark.parametrize("name", LETTERS)
def test_every_letter_of_a_cell_is_a_name(name: str) -> None:
    """What the papers have a letter for has that name in the graph, and nothing else has one."""
    cell, letters = LETTERS[name]

    graph = mg.trace(lambda params, x: cell.step(params, cell.initial_state(), x).h, filled(cell, _RNG), np.ones(2))

    inputs = set(graph.inputs.values())
    found = {node.name for node in graph.nodes if node not in inputs and node.name is not None}
    assert found == set(letters.split())


@pytest.mark.parametrize("name", LAYERS)
def test_everything_that_is_made_has_the_precision_asked_for(name: str) -> None:
    """Parameters and initial states are of the dtype asked for, and of float64 unless asked; states have the batch."""
    cell = LAYERS[name](2, 3)
    for made, dtype in (
        (cell.init(_RNG, np.float32), np.float32),
        (cell.init(_RNG), np.float64),
        (cell.initial_state((4,), np.float32), np.float32),
        (cell.initial_state((4,)), np.float64),
    ):
        assert {leaf.dtype for leaf in flatten(made)[0]} == {np.dtype(dtype)}
    assert {leaf.shape[0] for leaf in flatten(cell.initial_state((4,)))[0]} == {4}
    assert {len(leaf.shape) for leaf in flatten(cell.initial_state())[0]} == {1}


@pytest.mark.parametrize(
    ("make", "switch"),
    [
        (lambda value: RNN(2, 3, activation=value), "activation"),
        (lambda value: FeedForward(2, 3, activation=value), "activation"),
        (lambda value: Conv1d(2, 3, 2, activation=value), "activation"),
        (lambda value: LSTM(2, 3, input_activation=value), "input_activation"),
        (lambda value: LSTM(2, 3, output_activation=value), "output_activation"),
        (lambda value: LSTM.variant(value, 2, 3), "the variant"),
        (lambda value: GRU(2, 3, reset=value), "reset"),
        (lambda value: GRU(2, 3, update=value), "update"),
        (lambda value: Attention(3, score=value), "score"),
        (lambda value: AttentionCell(RNN(2, 3), when=value), "when"),
        (lambda value: from_torch(lstm_weights(), nonlinearity=value), "nonlinearity"),
    ],
)
def test_a_switch_that_does_not_exist_is_named(make: Any, switch: str) -> None:
    """The error names the switch, its values and what was given."""
    with pytest.raises(OptionError, match=f"^{switch} must be one of '.*; got 'nothing'$"):
        make("nothing")


def test_a_run_shows_itself_once_pictures_are_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook a run is HTML once `viz` is imported, and nothing before that."""
    run = unroll(RNN(2, 3), RNN(2, 3).init(_RNG), np.ones((1, 2)))
    monkeypatch.setitem(sys.modules, "viz", None)
    assert run._repr_html_() is None

    monkeypatch.setitem(sys.modules, "viz", SimpleNamespace(run_html=lambda shown: f"<b>{len(shown.states)}</b>"))

    assert run._repr_html_() == "<b>1</b>"


@pytest.mark.parametrize("dtype", [np.int64, bool])
def test_the_initial_state_can_be_differentiated_whatever_the_inputs(dtype: Any) -> None:
    """With whole numbers as inputs too, the initial state in the graph is a float, with an adjoint."""
    cell, xs = RNN(2, 3), np.ones((2, 2), dtype)

    graph = mg.trace(lambda params: unroll(cell, params, xs).outputs.sum(), filled(cell, _RNG))

    (h_0,) = [node for node in graph.nodes if node.scope == ("t=0",) and node.name == "h"]
    assert h_0.dtype == np.float64
    assert np.any(graph.adjoints().nodes[h_0])


@pytest.mark.parametrize("name", LAYERS)
def test_whole_numbers_as_inputs(name: str) -> None:
    """Inputs that count or mark give what the same numbers as floats give, in float64."""
    rng = np.random.default_rng(8)
    cell, numbers = LAYERS[name](2, 2), rng.integers(0, 2, (3, 2))
    params = filled(cell, rng)
    expected = unroll(cell, params, numbers.astype(float)).outputs
    for dtype in (np.int64, np.uint8, bool):
        run = unroll(cell, params, numbers.astype(dtype))
        assert run.outputs.dtype == run.final.h.dtype == np.float64
        assert np.array_equal(run.outputs, expected)


@pytest.mark.parametrize("name", LAYERS)
def test_number_of_parameters_does_not_depend_on_time(name: str) -> None:
    """However long the sequence, the same parameters serve, and every one of them gets a gradient."""
    rng = np.random.default_rng(2)
    cell = LAYERS[name](2, 3)
    assert isinstance(cell, Layer)
    params = filled(cell, rng)
    counts = set()
    for T in (1, 5, 9):
        xs = rng.standard_normal((T, 2))
        gradient = mg.grad(lambda p, xs=xs: (unroll(cell, p, xs).outputs ** 2).sum())(params)
        counts.add(sum(g.size for g in flatten(gradient)[0]))
    assert counts == {sum(p.size for p in flatten(cell.init(rng))[0])}
    assert all(np.any(g) for g in flatten(gradient)[0])


def test_parameter_count_of_the_textbook_cells() -> None:
    """RNN H(D + H + 1), GRU three times that, LSTM four times: the textbook's counts."""
    D, H, rng = 3, 5, np.random.default_rng(0)
    for cell, gates in ((RNN(D, H), 1), (GRU(D, H), 3), (LSTM(D, H), 4)):
        assert sum(p.size for p in cell.init(rng).values()) == gates * H * (D + H + 1)


@pytest.mark.parametrize("name", LAYERS)
def test_single_precision_is_kept(name: str) -> None:
    """float32 parameters and inputs give float32 states and gradients."""
    rng = np.random.default_rng(4)
    cell = LAYERS[name](2, 3)
    params, xs = cell.init(rng, np.float32), rng.standard_normal((3, 2, 2)).astype(np.float32)
    run = unroll(cell, params, xs, lengths=np.array([3, 1]))
    assert {leaf.dtype for leaf in flatten([run.outputs, run.final])[0]} <= {np.dtype("f4"), np.dtype(bool)}
    gradient = mg.grad(lambda p: (unroll(cell, p, xs).outputs ** 2).sum())(params)
    assert {leaf.dtype for leaf in flatten(gradient)[0]} == {np.dtype("f4")}


def test_every_public_cell_is_among_those_tested() -> None:
    """What is exported and makes parameters from sizes is made by the lists that the other tests go through."""
    public = {found for name in cells.__all__ if inspect.isclass(found := getattr(cells, name))}
    made = {type(layer(2, 3)) for layer in LAYERS.values()}

    assert {one for one in public if hasattr(one, "init")} - made == {Attention, BatchFirst, Readout, Cell, Layer}


@pytest.mark.parametrize("name", [*LAYERS, "Readout"])
def test_a_size_is_a_whole_number(name: str) -> None:
    """A length that is none is an error of the cell that was made with it, not of the product in which it shows."""
    layer = Readout if name == "Readout" else LAYERS[name]

    for size in (0, -1, 2.5, "2", True, None):
        with pytest.raises(ValueError, match=f"must be a whole number, 1 or more; got {size!r}"):
            layer(2, size)


@pytest.mark.parametrize("name", LAYERS)
def test_the_length_of_the_input_is_a_whole_number(name: str) -> None:
    """0 is one: what runs by itself has no input."""
    for size in (-1, 2.5, "2", None):
        with pytest.raises(ValueError, match=f"must be a whole number, 0 or more; got {size!r}"):
            LAYERS[name](size, 2)


def test_every_length_of_an_attention_and_a_readout_is_checked() -> None:
    """Of each of several lengths the one that is wrong is named."""
    for wrong in ("memory_size", "attention_size"):
        with pytest.raises(ValueError, match=f"{wrong} must be a whole number, 1 or more; got 0"):
            Attention(2, **{wrong: 0})
    with pytest.raises(ValueError, match="query_size must"):
        Attention(0, memory_size=1, attention_size=1)
    with pytest.raises(ValueError, match="hidden_size must"):
        Readout(0, 2)


def test_nets_of_equal_layers_are_equal() -> None:
    """A list of layers is kept as a tuple: nets can be compared, and be keys."""
    assert {Stacked([RNN(2, 3)]): 1}[Stacked((RNN(2, 3),))] == 1


def test_the_states_of_a_two_way_net_are_those_of_its_halves() -> None:
    """At every step both halves' states are there, each as it is without the other."""
    rng = np.random.default_rng(0)
    net = Bidirectional(RNN(2, 3), GRU(2, 2))
    params, xs = net.init(rng), rng.standard_normal((4, 2))
    run = unroll(net, params, xs)
    ahead, back = unroll(net.forward, params["forward"], xs), unroll(net.backward, params["backward"], xs[::-1])

    for t, state in enumerate(run.states):
        np.testing.assert_array_equal(state.forward.h, ahead.states[t].h)
        np.testing.assert_array_equal(state.backward.h, back.states[::-1][t].h)


def test_a_cell_may_have_no_input() -> None:
    """What runs on its own state alone, with vectors of length 0, is a cell too."""
    for layer in LAYERS.values():
        cell = layer(0, 3)
        assert unroll(cell, cell.init(np.random.default_rng(0)), np.ones((4, 0))).outputs.shape == (4, cell.hidden_size)


def test_layers_that_do_not_go_together() -> None:
    """Widths, sizes and nets that cannot be are errors that say what does not fit."""
    with pytest.raises(ValueError, match="width must be a whole number, 1 or more; got 0"):
        Conv1d(1, 1, 0)
    with pytest.raises(ValueError, match="layer 2 takes 3"):
        Stacked([RNN(1, 2), RNN(3, 1)])
    with pytest.raises(ValueError, match="at least one layer"):
        Stacked([])
    with pytest.raises(ValueError, match="same sequence"):
        Bidirectional(RNN(1, 2), RNN(2, 2))
    deep = Stacked([Bidirectional(RNN(1, 1), RNN(1, 1))])
    with pytest.raises(TypeError, match="use unroll"):
        deep.step(deep.init(np.random.default_rng(0)), deep.initial_state(), np.ones(1))
