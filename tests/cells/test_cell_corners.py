"""Corners of cells, readout and weights that only a mutant had pointed at."""

from typing import Any

import numpy as np
import pytest
from cell_cases import FUNCTIONS, LAYERS, filled

import minigrad as mg
from cells import (
    GRU,
    LSTM,
    RNN,
    Attention,
    AttentionCell,
    Conv1d,
    FeedForward,
    Readout,
    Stacked,
    from_torch,
    to_torch,
    unroll,
)
from cells.unroll import DISPLAYS
from minigrad.errors import OptionError
from minigrad.tree import flatten

_RNG = np.random.default_rng(0)


def lstm_weights(**changes: Any) -> dict[str, Any]:
    """A small LSTM's state dict, with entries changed or (None) left out."""
    cell = LSTM(2, 3)
    return {key: value for key, value in (to_torch(cell, filled(cell, _RNG)) | changes).items() if value is not None}


@pytest.mark.parametrize("activation", FUNCTIONS)
def test_layers_without_memory_are_their_formulas(activation: str) -> None:
    """Feed-forward layer and convolution are their formulas, with every activation function."""
    act, xs, D, H = FUNCTIONS[activation], _RNG.normal(size=(5, 2)), 2, 3

    layer = FeedForward(D, H, activation=activation)
    P = filled(layer, _RNG)
    np.testing.assert_allclose(unroll(layer, P, xs).outputs, [act(P["U"] @ x + P["b"]) for x in xs], rtol=1e-12)

    convolution = Conv1d(D, H, 3, activation=activation)
    P = filled(convolution, _RNG)
    padded = [np.zeros(D), np.zeros(D), *xs]
    expected = [
        act(P["U_0"] @ padded[t + 2] + P["U_1"] @ padded[t + 1] + P["U_2"] @ padded[t] + P["b"]) for t in range(len(xs))
    ]
    np.testing.assert_allclose(unroll(convolution, P, xs).outputs, expected, rtol=1e-12)


def test_the_readout_is_its_formula() -> None:
    """Logits are V h + c, probabilities their softmax, E the sum of −log ŷ at the targets."""
    readout, hs, targets = Readout(3, 4), _RNG.normal(size=(5, 3)), np.array([0, 3, 1, 2, 1])
    P = filled(readout, _RNG)
    logits = hs @ P["V"].T + P["c"]
    yhat = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)

    np.testing.assert_allclose(readout.logits(P, hs), logits, rtol=1e-12)
    np.testing.assert_allclose(readout.probabilities(P, hs), yhat, rtol=1e-12)
    np.testing.assert_allclose(readout.loss(P, hs, targets), -np.log(yhat[np.arange(5), targets]).sum(), rtol=1e-12)


@pytest.mark.parametrize("lengths", [None, [3, 1]])
def test_targets_may_be_inputs_of_a_graph(lengths: Any) -> None:
    """Class indices that are a Tensor, as in a traced loss, count as the array does."""
    readout, h, targets = Readout(3, 4), _RNG.normal(size=(3, 2, 3)), np.array([[0, 1], [2, 3], [1, 1]])
    P = filled(readout, _RNG)

    loss = readout.loss(P, h, mg.tensor(targets), lengths=lengths)

    assert float(loss.value) == float(readout.loss(P, h, targets, lengths=lengths))


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


def test_the_readout_names_what_it_gives() -> None:
    """Logits and probabilities carry the names under which formulas and pictures know them."""
    readout = Readout(2, 3)
    params, h = readout.init(_RNG), mg.tensor(np.ones(2))

    assert readout.logits(params, h).name == "logits"
    assert readout.probabilities(params, h).name == "yhat"


def test_a_run_shows_itself_once_somebody_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook a run is what was registered for HTML makes of it, and nothing before that."""
    run = unroll(RNN(2, 3), RNN(2, 3).init(_RNG), np.ones((1, 2)))
    monkeypatch.delitem(DISPLAYS, "html", raising=False)
    assert run._repr_html_() is None

    monkeypatch.setitem(DISPLAYS, "html", lambda shown: f"<b>{len(shown.states)}</b>")

    assert run._repr_html_() == "<b>1</b>"


class Elsewhere:
    """A tensor of another library, on a device and part of a graph: an array only after both are left."""

    def __init__(self, value: Any, steps: tuple[str, ...] = ()) -> None:
        self.value, self.steps = value, steps

    def detach(self) -> "Elsewhere":
        """Out of the graph."""
        return Elsewhere(self.value, (*self.steps, "detach"))

    def cpu(self) -> "Elsewhere":
        """Off the device."""
        return Elsewhere(self.value, (*self.steps, "cpu"))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.steps != ("detach", "cpu"):
            raise TypeError("this tensor is not in memory")
        return np.array(self.value, dtype)


def test_tensors_are_detached_and_brought_into_memory() -> None:
    """A tensor on a device is read through detach and cpu, in this order."""
    weights = lstm_weights()

    _, expected = from_torch(weights)
    _, params = from_torch({key: Elsewhere(value) for key, value in weights.items()})

    assert all(np.array_equal(params[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.ones((12, 2), np.int64), "^net.weight_ih_l0 has dtype int64; weights are floating point$"),
        (
            Elsewhere(np.ones((12, 2)), ("lost",)),
            "^net.weight_ih_l0 cannot become an array: this tensor is not in memory",
        ),
    ],
)
def test_a_value_that_is_no_weight_is_named_by_its_key(value: Any, text: str) -> None:
    """The error names the key as it stands in the source, prefix included."""
    weights = {f"net.{key}": entry for key, entry in lstm_weights(weight_ih_l0=value).items()}

    with pytest.raises(ValueError, match=text):
        from_torch(weights, prefix="net")


def test_a_net_without_biases_has_zero_biases() -> None:
    """Where PyTorch has bias=False the cell's biases are zeros, in the weights' precision."""
    weights = lstm_weights(bias_ih_l0=None, bias_hh_l0=None)

    _, params = from_torch({key: value.astype(np.float32) for key, value in weights.items()})

    for k in "ifgo":
        assert np.array_equal(params[f"b_{k}"], np.zeros(3))
        assert params[f"b_{k}"].dtype == np.float32


@pytest.mark.parametrize(("present", "absent"), [("bias_ih", "bias_hh"), ("bias_hh", "bias_ih")])
def test_half_of_the_biases_is_too_little(present: str, absent: str) -> None:
    """Whichever of the two biases is missing, in whichever layer, it is the one that is named."""
    text = f"{absent}_l0 is missing beside {present}_l0; PyTorch has both or neither"
    with pytest.raises(ValueError, match=text):
        from_torch(lstm_weights(**{f"{absent}_l0": None}))

    net = Stacked([LSTM(2, 3), LSTM(3, 3)])
    weights = to_torch(net, filled(net, _RNG))
    del weights[f"{absent}_l1"]
    with pytest.raises(ValueError, match=f"{absent}_l1 is missing beside {present}_l1"):
        from_torch(weights)


def test_all_cells_that_differ_are_listed() -> None:
    """Beside the first cell, each that has other sizes is named with its shape."""
    weights: dict[str, Any] = lstm_weights()
    for number, cell in ((1, LSTM(3, 2)), (2, GRU(2, 3, reset="after", update="keep"))):
        made = to_torch(cell, filled(cell, _RNG))
        weights |= {key.replace("l0", f"l{number}"): value for key, value in made.items()}

    with pytest.raises(ValueError, match=r"\(12, 3\) there is weight_hh_l1 \(8, 2\), weight_hh_l2 \(9, 3\)$"):
        from_torch(weights)


@pytest.mark.parametrize("score", ["additive", "concat"])
def test_v_is_drawn_as_a_matrix_of_one_row(score: str) -> None:
    """Glorot's limit for v is √(6 / (1 + A)): nothing lies beyond, and of many draws some come close."""
    attention, limit = Attention(2, 2, score=score, attention_size=2), np.sqrt(6 / 3)

    drawn = np.abs([attention.init(_RNG)["v"] for _ in range(300)])

    assert drawn.shape == (300, 2)
    assert 0.98 * limit < drawn.max() <= limit


@pytest.mark.parametrize(("lengths", "wrong"), [([0, 4], 4), ([-1, 4], -1), ([3, -2], -2), ([0, 9], 9)])
def test_the_length_that_is_wrong_is_named(lengths: list[int], wrong: int) -> None:
    """Lengths may be 0 and T; the error names one that is neither nor between."""
    cell, xs = RNN(2, 3), np.ones((3, 2, 2))
    params = cell.init(_RNG)
    unroll(cell, params, xs, lengths=[0, 3])

    with pytest.raises(OptionError, match=f"^lengths must be from 0 to T = 3, got {wrong}$"):
        unroll(cell, params, xs, lengths=lengths)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool])
def test_whole_numbers_as_inputs(dtype: Any) -> None:
    """One-hot inputs may be integers or truth values: states and outputs are of float64."""
    cell, xs = LSTM(2, 3), np.array([[0, 1], [1, 0], [0, 1]])
    params = filled(cell, _RNG)

    run = unroll(cell, params, xs.astype(dtype), lengths=None)

    np.testing.assert_allclose(run.outputs, unroll(cell, params, xs.astype(float)).outputs, rtol=1e-14)
    assert {leaf.dtype for leaf in flatten([run.outputs, run.final])[0]} == {np.dtype(np.float64)}


@pytest.mark.parametrize("dtype", [np.int64, bool])
def test_the_initial_state_can_be_differentiated_whatever_the_inputs(dtype: Any) -> None:
    """With whole numbers as inputs too, the initial state in the graph is a float, with an adjoint."""
    cell, xs = RNN(2, 3), np.ones((2, 2), dtype)

    graph = mg.trace(lambda params: unroll(cell, params, xs).outputs.sum(), filled(cell, _RNG))

    (h_0,) = [node for node in graph.nodes if node.scope == ("t=0",) and node.name == "h"]
    assert h_0.dtype == np.float64
    assert np.any(graph.adjoints().nodes[h_0])
