"""Files of weights that are damaged, that lie, or that would run code."""

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from cells import LSTM, RNN, from_torch, to_torch
from cells.analysis.weights import read_weights
from cells.errors import StateDictError
from viz.cli.main import main
from viz.errors import ReportInputError

#: A scalar net: the keys with offsets of its two numbers.
SPANS = {"weight_ih_l0": [0, 4], "weight_hh_l0": [4, 8]}


def saved(path: Path, cell: Any = None) -> bytes:
    """A valid file, and what is in it."""
    cell = cell or RNN(1, 1)
    state = to_torch(cell, cell.init(np.random.default_rng(0), np.float32))
    safetensors.numpy.save_file({key: np.ascontiguousarray(value) for key, value in state.items()}, path)
    return path.read_bytes()


def written(path: Path, header: Any, data: bytes, length: int | None = None) -> Path:
    """A file with a header of one's own, whose length may be a lie."""
    text = json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def entries(dtype: str = "F32", shape: tuple[int, ...] = (1, 1), spans: Any = None) -> dict[str, Any]:
    """The header of a scalar net."""
    spans = spans or SPANS
    return {key: {"dtype": dtype, "shape": shape, "data_offsets": span} for key, span in spans.items()}


def test_every_truncation(tmp_path: Path) -> None:
    """A .safetensors file cut off after any number of bytes is refused as such, at every length."""
    whole, path = saved(tmp_path / "net.safetensors"), tmp_path / "cut.safetensors"

    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(StateDictError, match="is not a safetensors file"):
            from_torch(path)


@given(st.data())
def test_flipped_bits(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A .safetensors file with a few bits flipped is refused clearly, or its cell has finite weights of its shapes."""
    directory = tmp_path_factory.mktemp("flips")
    content = bytearray(saved(directory / "net.safetensors", LSTM(1, 2)))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (directory / "net.safetensors").write_bytes(content)

    try:
        cell, params = read_weights(directory / "net.safetensors")
    except (StateDictError, ReportInputError):
        return
    expected = cell.init(np.random.default_rng(0))
    assert {key: np.shape(value) for key, value in params.items()} == {k: v.shape for k, v in expected.items()}
    assert all(np.isfinite(value).all() for value in params.values())


@pytest.mark.parametrize("length", [0, 1, 7, 10**6, 2**31, 2**62, 2**63, 2**64 - 1])
def test_headers_that_lie_about_their_length(tmp_path: Path, length: int) -> None:
    """A header whose length is said to be anything from 0 to 2⁶⁴ − 1 is refused, and no memory is asked for it."""
    path = written(tmp_path / "a.safetensors", entries(), bytes(8), length)

    with pytest.raises(StateDictError, match="is not a safetensors file"):
        from_torch(path)


@pytest.mark.parametrize(
    "header",
    [
        entries(spans={"weight_ih_l0": [0, 4], "weight_hh_l0": [0, 4]}),
        entries(spans={"weight_ih_l0": [0, 4], "weight_hh_l0": [2, 6]}),
        entries(spans={"weight_ih_l0": [4, 0], "weight_hh_l0": [4, 8]}),
        entries(spans={"weight_ih_l0": [0, 4], "weight_hh_l0": [8, 12]}),
        entries(spans={"weight_ih_l0": [0, 4], "weight_hh_l0": [4, 10**12]}),
        entries(shape=(2**62, 4)),
        entries(shape=(-1, -1)),
        entries(dtype="PICKLE"),
        entries(dtype="F64"),
        [],
        "weights",
        {"weight_ih_l0": None},
    ],
)
def test_headers_that_lie_about_the_numbers(tmp_path: Path, header: Any) -> None:
    """Overlapping, reversed or absent spans, impossible shapes and unknown dtypes in a header are refused."""
    path = written(tmp_path / "a.safetensors", header, bytes(8))

    with pytest.raises(StateDictError, match="is not a safetensors file"):
        from_torch(path)


@pytest.mark.parametrize(("dtype", "size"), [("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1), ("I32", 4), ("BOOL", 1)])
def test_numbers_that_are_no_weights(tmp_path: Path, capsys: Any, dtype: str, size: int) -> None:
    """bfloat16, float8, integers and booleans are refused in one line that says what to save instead."""
    spans = {"weight_ih_l0": [0, size], "weight_hh_l0": [size, 2 * size]}
    path = written(tmp_path / "a.safetensors", entries(dtype, spans=spans), bytes(2 * size))

    with pytest.raises(StateDictError, match=r"save float32 or float64|weights are floating point"):
        from_torch(path)
    assert main(["diagnose", "--weights", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


class Payload:
    """An object that makes a directory if anything unpickles it."""

    def __init__(self, trap: Path) -> None:
        self.trap = trap

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trap),)


def test_the_payload_is_real(tmp_path: Path) -> None:
    """Unpickling the payload does make the directory, so that the tests of payloads can fail."""
    pickle.loads(pickle.dumps(Payload(tmp_path / "trap")))

    assert (tmp_path / "trap").is_dir()


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pkl", ".npy", ".npz", ".bin", ".safetensors", ""])
def test_pickles_are_never_opened(tmp_path: Path, capsys: Any, suffix: str) -> None:
    """A pickle is refused under any name, .safetensors included, and the code in it does not run."""
    path = tmp_path / f"net{suffix}"
    path.write_bytes(pickle.dumps({"weight_ih_l0": Payload(tmp_path / "trap")}))

    with pytest.raises(StateDictError):
        from_torch(path)
    assert main(["report", "--weights", str(path), "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "trap").exists()
    assert not (tmp_path / "out").exists()


def test_archives_of_objects_are_never_unpickled(tmp_path: Path) -> None:
    """An .npz whose arrays hold pickled objects is refused as a path and as a mapping; nothing in it runs."""
    objects = np.array([[Payload(tmp_path / "trap")]], object)
    np.savez(tmp_path / "net.npz", weight_ih_l0=objects, weight_hh_l0=objects)

    with pytest.raises(StateDictError):
        from_torch(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as archive, pytest.raises(ValueError, match="allow_pickle=False"):
        from_torch(archive)
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize("value", [np.array([[1.0]], object), [["a"]], None, {"a": 1}, np.array([[b"x"]]), 1j])
def test_state_dicts_of_objects(value: Any) -> None:
    """A state dict of object arrays, texts, dicts or complex numbers is refused with the key's name."""
    with pytest.raises(StateDictError, match="weight_ih_l0"):
        from_torch({"weight_ih_l0": value, "weight_hh_l0": np.ones((1, 1))})
