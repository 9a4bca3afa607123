"""Where weights are read from: modules, mappings of tensors, and files."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cell_cases import lstm_weights

import minigrad as mg
from cells import GRU, LSTM, RNN, from_torch, to_torch
from cells.errors import StateDictError


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
    """Without the safetensors library the error says what to install."""
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match="pip install safetensors"):
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


def raw_file(path: Path, entries: list[tuple[str, str, list[int], int]]) -> Path:
    """A .safetensors file with these names, types, shapes and numbers of bytes, as no writer makes it."""
    header, at = [], 0
    for name, dtype, shape, size in entries:
        header.append(
            f"{json.dumps(name)}: {json.dumps({'dtype': dtype, 'shape': shape, 'data_offsets': [at, at + size]})}"
        )
        at += size
    text = ("{" + ", ".join(header) + "}").encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(at))
    return path


WIH, WHH = ("weight_ih_l0", "F32", [3, 2], 24), ("weight_hh_l0", "F32", [3, 3], 36)


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([WIH, WHH, ("weight_ih_l1000000000", "F32", [3, 3], 36)], "unknown key weight_ih_l1000000000"),
        ([WIH, WHH, ("weight_ih_l999999999", "F32", [3, 3], 36)], "count from l0 without a gap"),
        ([WIH, WHH, ("weight_ih_l" + "7" * 5000, "F32", [3, 3], 36)], "unknown key weight_ih_l7"),
        ([WIH, WHH, ("weight_ih_l00", "F32", [3, 2], 24)], "unknown key weight_ih_l00"),
        ([WIH, WHH, ("weight_ih_l-1", "F32", [3, 2], 24)], "unknown key weight_ih_l-1"),
        ([WIH, WHH, ("weight_ih_l0\x1b[2J", "F32", [3, 2], 24)], r"unknown key weight_ih_l0\\x1b"),
        ([WIH, ("weight_hh_l0", "F32", [1] * 65, 4)], "NumPy cannot have"),
        ([WIH, ("weight_hh_l0", "F32", [2**62, 0], 0)], "NumPy cannot have|not a safetensors file"),
        ([WIH, ("weight_hh_l0", "F32", [0, 0], 0)], "G = 1, 3 or 4"),
        ([WIH, ("weight_hh_l0", "I32", [3, 3], 36)], "dtype int32; weights are floating point"),
        ([WIH, ("weight_hh_l0", "BOOL", [3, 3], 9)], "dtype bool; weights are floating point"),
        ([WIH, ("weight_hh_l0", "BF16", [3, 3], 18)], "a type that NumPy does not have|not a safetensors file"),
        ([WIH, ("weight_hh_l0", "F8_E4M3", [3, 3], 9)], "a type that NumPy does not have|not a safetensors file"),
        ([], "there are no weights at all"),
    ],
)
def test_a_damaged_or_hostile_file_is_one_clear_error(
    tmp_path: Path, entries: list[tuple[str, str, list[int], int]], text: str
) -> None:
    """Absurd layer numbers, ranks, shapes and types are each one error of one short line, at once."""
    pytest.importorskip("safetensors.numpy")

    with pytest.raises(ValueError, match=text) as caught:
        from_torch(raw_file(tmp_path / "net.safetensors", entries))

    message = str(caught.value).replace(str(tmp_path), "")
    assert len(message) < 400
    assert message.isprintable()


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """Of two entries of one name readers take either, so the file is not read."""
    pytest.importorskip("safetensors.numpy")
    header = (
        b'{"weight_ih_l0": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},'
        b' "weight_ih_l0": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}}'
    )
    (tmp_path / "net.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))

    with pytest.raises(StateDictError, match=r"^\S*net\.safetensors holds weight_ih_l0 twice$"):
        from_torch(tmp_path / "net.safetensors")


@pytest.mark.parametrize("cell", [RNN(2, 3), LSTM(2, 3), GRU(2, 3, reset="after")])
def test_what_is_written_is_compared_with_the_cell(cell: Any) -> None:
    """Parameters of another size, of whole numbers, missing or too many are not written."""
    params = cell.init(np.random.default_rng(0))
    name = next(iter(params))
    for wrong, text in (
        (params | {name: np.ones((4, 2))}, f"{name}.*must have the shape"),
        ({key: np.zeros(value.shape, int) for key, value in params.items()}, "floating point"),
        ({key: value for key, value in params.items() if key != name}, f"{name} is missing"),
        (params | {"Q": np.ones(3)}, "Q is not used"),
    ):
        with pytest.raises(ValueError, match=text):
            to_torch(cell, wrong)
