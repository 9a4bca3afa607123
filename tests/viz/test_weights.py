import json
import os

import numpy as np
import pytest
from command_line import assert_one_line, minigrad

from cells import GRU, LSTM, RNN, Bidirectional, Stacked, to_torch, unroll
from cells.analysis.findings import Settings
from cells.analysis.jacobians import lag_norms, step_jacobians
from cells.analysis.weights import diagnose_net, weight_findings
from viz.report.report import report

safetensors = pytest.importorskip("safetensors.numpy")

TORCH_GRU = GRU(3, 2, reset="after", update="keep")
NETS = {
    "rnn": (RNN(3, 2), 1),
    "lstm": (LSTM(3, 2), 1),
    "gru": (TORCH_GRU, 1),
    "deep": (Stacked([LSTM(3, 2), LSTM(2, 2)]), 2),
    "both ways": (Stacked([Bidirectional(RNN(3, 2), RNN(3, 2)), Bidirectional(RNN(4, 2), RNN(4, 2))]), 4),
}


def saved(path, cell, prefix="", scale=1.0):
    """The file of a net's weights as PyTorch would save them, in float32, and its parameters."""
    params = cell.init(np.random.default_rng(0))
    weights = {key: np.ascontiguousarray(scale * value, np.float32) for key, value in to_torch(cell, params).items()}
    safetensors.save_file({prefix + key: value for key, value in weights.items()}, path)
    return params


@pytest.mark.parametrize("name", NETS)
def test_each_cell_is_measured_on_what_it_reads(tmp_path, name):
    """Norms of a saved net are those of the net that was saved, layer by layer and direction by direction."""
    cell, parts = NETS[name]
    params = saved(tmp_path / "net.safetensors", cell)

    found = weight_findings(tmp_path / "net.safetensors", steps=4, seed=1)

    xs = np.random.default_rng(1).normal(size=(4, 3))
    assert len(found.parts) == len(found.diagnoses) == parts
    assert found.graph.outputs["out"].value == pytest.approx(unroll(cell, params, xs).outputs[-1].sum(), rel=1e-5)
    expected = diagnose_net(cell, params, xs)
    assert expected.keys() == found.diagnoses.keys()
    for title, diagnosis in found.diagnoses.items():
        assert diagnosis.final_norm == pytest.approx(expected[title].final_norm, rel=1e-4)


def test_the_backward_cell_reads_backward():
    """Its Jacobians are those of the same cell on the reversed sequence, in the upper layer on the layer below."""
    cell, _ = NETS["both ways"]
    rng = np.random.default_rng(3)
    params, xs = cell.init(rng), rng.normal(size=(4, 3))

    found = diagnose_net(cell, params, xs)

    lower = np.asarray(unroll(cell.layers[0], params["layer 1"], xs).outputs)
    upper = cell.layers[1].backward
    measured = lag_norms(step_jacobians(upper, params["layer 2"]["backward"], lower[::-1])).measured
    assert found["layer 2, backward"].final_norm == pytest.approx(measured[-1])


@pytest.mark.quick("gru")
@pytest.mark.parametrize("name", ["gru", "both ways"])
def test_report_on_weights(tmp_path, capsys, monkeypatch, name):
    """The page names the net and its file, holds the derivation, and opens in a browser if asked."""
    cell, parts = NETS[name]
    saved(tmp_path / "model.safetensors", cell, "encoder.")
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    arguments = ["--weights", tmp_path / "model.safetensors", "--prefix", "encoder", "--steps", "3", "--open"]

    assert minigrad("report", *arguments, "--out", tmp_path / "out <1>") == 0

    assert "opened it in a browser" in capsys.readouterr().out
    assert opened == [(tmp_path / "out <1>" / "report.html").as_uri()]
    page = (tmp_path / "out <1>" / "report.html").read_text(encoding="utf-8")
    assert "model.safetensors" in page
    assert ("2-layer bidirectional RNN" if parts > 1 else "in a GRU") in page
    assert "<math" in page
    numbers = json.loads((tmp_path / "out <1>" / "diagnosis.json").read_text(encoding="utf-8"))
    assert len(numbers) == 4 if parts > 1 else numbers["steps"] == 3


def test_a_text_is_read_one_hot(tmp_path, capsys):
    """A text with as many characters as the net has inputs is its input; another one is refused in one line."""
    saved(tmp_path / "net.safetensors", RNN(3, 2))
    (tmp_path / "abc").write_text("abcab", encoding="utf-8")
    (tmp_path / "four").write_text("abcd", encoding="utf-8")

    found = weight_findings(tmp_path / "net.safetensors", tmp_path / "abc", steps=5)

    np.testing.assert_array_equal(found.graph.inputs["xs"].value, np.eye(3)[[0, 1, 2, 0, 1]])
    _refused(capsys, "has 4 different characters", tmp_path / "net.safetensors", "--text", tmp_path / "four")
    _refused(capsys, "too few for 6 steps", tmp_path / "net.safetensors", "--text", tmp_path / "abc", "--steps", "6")


@pytest.mark.nightly
@pytest.mark.nightly
def test_a_bound_beyond_all_numbers_is_said_to_be_so(tmp_path, capsys):
    """The bound of an LSTM with large weights overflows over many steps: a sentence, no warning and no "inf times"."""
    saved(tmp_path / "net.safetensors", LSTM(3, 4), scale=4.0)

    assert minigrad("diagnose", "--weights", tmp_path / "net.safetensors", "--steps", "900") == 0

    said = capsys.readouterr()
    assert "The proved bound at lag 900 is too large for a floating-point number." in said.out
    assert "inf" not in said.out
    assert said.err == ""


def test_wrong_files(tmp_path, capsys):
    """What is no net of PyTorch is one clear line on stderr and exit code 2; nothing is written."""
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    (tmp_path / "net.pt").write_bytes(b"PK")
    safetensors.save_file({"weight": np.ones((2, 2))}, tmp_path / "other.safetensors")
    saved(tmp_path / "inner.safetensors", RNN(3, 2), "encoder.")
    saved(tmp_path / "nan.safetensors", RNN(3, 2), scale=np.nan)
    before = sorted(os.listdir(tmp_path))

    _refused(capsys, "no such file", tmp_path / "none.safetensors")
    _refused(capsys, "is a directory", tmp_path)
    _refused(capsys, "only .safetensors files are read", tmp_path / "net.pt")
    _refused(capsys, "is not a safetensors file", tmp_path / "cut.safetensors")
    _refused(capsys, "unknown key weight", tmp_path / "other.safetensors")
    _refused(capsys, "pass 'encoder' as its prefix", tmp_path / "inner.safetensors")
    _refused(capsys, "no key starts with 'decoder.'", tmp_path / "inner.safetensors", "--prefix", "decoder")
    _refused(capsys, "inf or nan", tmp_path / "nan.safetensors")
    _refused(capsys, "two texts", tmp_path / "nan.safetensors", "a", "--text", "b")
    assert sorted(os.listdir(tmp_path)) == before


def _refused(capsys, words, path, *more):
    out = path.parent / "out"
    assert minigrad("report", "--out", out, "--weights", path, *more) == 2
    assert_one_line(capsys, words)


@pytest.mark.parametrize("command", ["report", "diagnose"])
def test_options_that_would_be_ignored(tmp_path, capsys, command):
    """Options for training beside saved weights, and a prefix without weights, are one clear line each."""
    saved(tmp_path / "net.safetensors", RNN(3, 2))

    assert minigrad(command, "--weights", tmp_path / "net.safetensors", "--updates", "5", "--cell", "gru") == 2
    assert_one_line(capsys, "leave out --cell and --updates")
    assert minigrad(command, "--prefix", "encoder") == 2
    assert_one_line(capsys, "pass --weights too")


@pytest.mark.nightly
@pytest.mark.nightly
def test_gates_and_routes_of_every_cell(tmp_path):
    """In a net of several cells each has its gates, its routes and its proved bound, told by its place."""
    saved(tmp_path / "net.safetensors", Stacked([LSTM(3, 2), LSTM(2, 2)]))

    found = weight_findings(tmp_path / "net.safetensors", steps=4)
    report(None, tmp_path / "out", Settings(steps=4), weights=tmp_path / "net.safetensors")

    for diagnosis in found.diagnoses.values():
        assert set(diagnosis.saturated) == {"i", "f", "g", "o"}
        assert sum(diagnosis.routes.values()) == pytest.approx(1.0)
        assert diagnosis.bound is not None
        assert diagnosis.final_norm <= diagnosis.bound
    written = os.listdir(tmp_path / "out")
    assert {"cells.svg", "routes-layer-1.svg", "routes-layer-2.svg"} <= set(written)
    assert "Each cell is looked at by itself" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_the_prefix_of_a_larger_model_is_named(tmp_path, capsys):
    """Where other layers come first, the error still says with which prefix the recurrent net is found."""
    cell = RNN(3, 2)
    weights = {f"rnn.{key}": value for key, value in to_torch(cell, cell.init(np.random.default_rng(0))).items()}
    safetensors.save_file({"emb.weight": np.zeros((3, 2)), **weights}, tmp_path / "model.safetensors")

    _refused(capsys, "pass 'rnn' as its prefix", tmp_path / "model.safetensors")
