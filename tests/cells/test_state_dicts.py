"""Where weights are read from: modules, mappings of tensors, and files."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cell_cases import lstm_weights

import minigrad as mg
from cells import LSTM, RNN, from_torch, to_torch


def test_arrays_are_copied() -> None:
    """Later changes to the source do not reach the parameters."""
    source = lstm_weights()
    _, params = from_torch(source)
    before = params["U_i"].copy()
    source["weight_ih_l0"][:] = 0
    assert np.array_equal(params["U_i"], before)


def test_safetensors_file(tmp_path: Path) -> None:
    """A .safetensors file is read by its path, as text or as a Path, with its dtype."""
    numpy_format = pytest.importorskip("safetensors.numpy")
    source = {f"rnn.{key}": value.astype(np.float32) for key, value in lstm_weights().items()}
    numpy_format.save_file(source, tmp_path / "net.safetensors")
    for path in (tmp_path / "net.safetensors", str(tmp_path / "net.safetensors")):
        cell, params = from_torch(path, prefix="rnn")
        assert cell == LSTM(2, 3)
        assert params["U_i"].dtype == np.float32
        assert np.array_equal(params["U_i"], source["rnn.weight_ih_l0"][:3])


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the safetensors library the error says which extra to install."""
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r"minigrad\[safetensors\]"):
        from_torch("net.safetensors")


class Module:
    """What is read of a module: its state dict and its nonlinearity."""

    nonlinearity = "relu"

    def state_dict(self) -> dict[str, Any]:
        """A plain RNN's weights."""
        return to_torch(RNN(2, 3), RNN(2, 3).init(np.random.default_rng(0)))


def test_a_module_is_read_through_its_state_dict() -> None:
    """Anything with state_dict() is a module, and its own nonlinearity counts."""
    cell, _ = from_torch(Module())
    assert cell == RNN(2, 3, activation="relu")


class Model:
    """A larger model: a relu net at ``encoder.rnn``, with a linear map beside it."""

    class Encoder:
        """What holds the net."""

        rnn = Module()

    encoder = Encoder()

    def state_dict(self) -> dict[str, Any]:
        """All weights under their paths."""
        return {f"encoder.rnn.{k}": v for k, v in Module().state_dict().items()} | {"head.weight": np.ones((2, 3))}


@pytest.mark.parametrize("prefix", ["encoder.rnn", "encoder.rnn."])
def test_a_module_inside_a_larger_model_says_its_nonlinearity(prefix: str) -> None:
    """With a prefix it is the submodule's nonlinearity that counts, whatever the argument says."""
    assert from_torch(Model(), prefix)[0] == RNN(2, 3, activation="relu")
    assert from_torch(Model(), prefix, nonlinearity="tanh")[0] == RNN(2, 3, activation="relu")
    assert from_torch(Model().state_dict(), prefix)[0] == RNN(2, 3)


def test_nonlinearities_that_pytorch_does_not_have() -> None:
    """PyTorch's RNN has tanh and relu; another one is an option that does not exist."""
    with pytest.raises(mg.errors.OptionError, match="nonlinearity must be one of 'tanh', 'relu'; got 'sigmoid'"):
        from_torch(Module().state_dict(), nonlinearity="sigmoid")


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


@pytest.mark.parametrize("prefix", ["", "rnn", "rnn.", "net.rnn", "net.rnn."])
def test_prefixes_with_and_without_their_dot(prefix: str) -> None:
    """A prefix is written and read with its last dot or without; none stands for none."""
    start = prefix.rstrip(".") + "." if prefix else ""
    cell, params = from_torch({f"{start}{key}": value for key, value in lstm_weights().items()}, prefix=prefix)
    written = to_torch(cell, params, prefix=prefix)
    assert {key.rpartition(".")[0] for key in written} == {start.rstrip(".")}
    assert np.array_equal(from_torch(written, prefix=prefix)[1]["W_f"], params["W_f"])
