"""Corners of cells, readout and weights that only a mutant had pointed at."""

from typing import Any

import numpy as np
import pytest
from cell_cases import filled

import minigrad as mg
from cells import GRU, LSTM, RNN, Readout, Stacked, from_torch, to_torch, unroll
from cells.unroll import DISPLAYS

_RNG = np.random.default_rng(0)


def lstm_weights(**changes: Any) -> dict[str, Any]:
    """A small LSTM's state dict, with entries changed or (None) left out."""
    cell = LSTM(2, 3)
    return {key: value for key, value in (to_torch(cell, filled(cell, _RNG)) | changes).items() if value is not None}


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
