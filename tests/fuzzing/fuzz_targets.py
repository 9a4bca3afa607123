"""Promises that hold for any bytes at all: each target takes bytes and fails if the promise is broken.

Hypothesis calls them in the suite (`test_fuzzing.py`), libFuzzer from the command line (`fuzz.py`).
"""

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import safetensors.numpy

from cells import GRU, LSTM, RNN, to_torch
from cells.analysis.training import read_corpus
from cells.analysis.weights import read_weights
from cells.errors import StateDictError
from minigrad.pytree import flatten
from minigrad.symbolic import FormulaError, check_derivation
from minigrad.symbolic.parsing.parser import parse_line
from minigrad.symbolic.parsing.syntax import Line
from viz.cli.main import main
from viz.errors import ReportInputError

__all__ = ["SEEDS", "TARGETS"]

CELL = RNN(2, 3)
#: What `check_derivation` may say of a line.
STATUSES = {"proved", "refuted", "undecided", "unread"}
#: More lines than that only cost time.
LINES = 4


def formula(data: bytes) -> None:
    """A line is read into an expression that is read the same again, or refused with a FormulaError."""
    line = data.decode("utf-8", "replace")
    try:
        first = parse_line(line)
    except FormulaError:
        return
    assert isinstance(first, Line)
    assert parse_line(first.text) == first


def verdict(data: bytes) -> None:
    """Every line of a derivation gets a verdict, if only "unread", or the whole is refused with a FormulaError."""
    lines = data.decode("utf-8", "replace").splitlines()[:LINES]
    try:
        verdicts = check_derivation(CELL, "\n".join(lines))
    except FormulaError:
        return
    assert len(verdicts) <= len(lines)
    assert {one.status for one in verdicts} <= STATUSES


def text(data: bytes) -> None:
    """A file is read as a text whose codes spell it again, or refused with a ReportInputError."""
    with _file(data, ".txt") as path:
        try:
            corpus = read_corpus(path)
        except ReportInputError:
            return
    assert "".join(corpus.alphabet[code] for code in corpus.codes) == corpus.text
    assert corpus.text.encode() in data.replace(b"\r\n", b"\n")


def weights(data: bytes) -> None:
    """A file of weights gives a cell with finite parameters of its shapes, or is refused with a clear error."""
    with _file(data, ".safetensors") as path:
        try:
            cell, params = read_weights(path)
        except (ReportInputError, StateDictError):
            return
    leaves, structure = flatten(params)
    expected, same = flatten(cell.init(np.random.default_rng(0)))
    assert structure.paths("") == same.paths("")
    assert [leaf.shape for leaf in leaves] == [leaf.shape for leaf in expected]
    assert all(np.isfinite(leaf).all() for leaf in leaves)


def header(data: bytes) -> None:
    """The same for files whose first eight bytes tell the header's length truly, so that more of them are read."""
    written, _, numbers = data.partition(b"\xff")
    weights(len(written).to_bytes(8, "little") + written + numbers)


def command(data: bytes) -> None:
    """A command on any file says what was found on stdout, or in one line on stderr why not, with exit code 2."""
    with _file(data[1:], ".safetensors" if data[:1] > b"\x7f" else ".txt") as path:
        small = ["--cell", "rnn", "--steps", "2", "--hidden", "1", "--updates", "0"]
        chosen = ["diagnose", "--weights", path, "--steps", "2"] if data[:1] > b"\x7f" else ["diagnose", path, *small]
        _ends(["check", "rnn", path] if data[:1] < b"\x40" else chosen)


@contextlib.contextmanager
def _file(data: bytes, suffix: str) -> Iterator[str]:
    """The bytes as a file, for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, f"input{suffix}")
        path.write_bytes(data)
        yield str(path)


def _ends(arguments: list[str]) -> None:
    """Run a command in this process and look at how it ends."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    assert code in (0, 1, 2)
    refused = bool(err.getvalue())
    assert code == 2 or not refused
    assert refused != bool(out.getvalue())
    assert err.getvalue().count("\n") == refused


def _saved(cell: object) -> bytes:
    """A cell's weights as PyTorch saves them."""
    state = to_torch(cell, cell.init(np.random.default_rng(0), np.float32))  # type: ignore[attr-defined, arg-type]
    return safetensors.numpy.save({key: np.ascontiguousarray(value) for key, value in state.items()})


def _split(file: bytes) -> tuple[bytes, bytes]:
    """The header and the numbers of a safetensors file."""
    end = 8 + int.from_bytes(file[:8], "little")
    return file[8:end], file[end:]


#: By name: the target.
TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (formula, verdict, text, weights, header, command)
}

_LINES = [
    b"dh/dh_prev = diag(1 - h**2) @ W",
    b"d_a = (V.T @ (yhat - y) + W.T @ d_a_next) * (1 - h**2)  # by hand",
    b"d_W = sum_t(outer(d_a, h_prev))",
    b"delta = -2.5*d_h / ones(h)",
    "d_b = sum_t(d_a ⊙ 1 − 0·h)".encode(),
]

_TEXTS = [b"who has seen the wind?\r\n", "\ufeffnaïve – ☃\n".encode(), b"\x7fELF\0\0", b" \n\t"]
_WEIGHTS = [_saved(RNN(1, 1)), _saved(GRU(1, 2, reset="after")), _saved(LSTM(2, 1))]
#: Numbers that NumPy does not have, header first.
_BFLOAT16 = (
    b'{"weight_ih_l0":{"dtype":"BF16","shape":[1,1],"data_offsets":[0,2]},'
    b'"weight_hh_l0":{"dtype":"BF16","shape":[1,1],"data_offsets":[2,4]}}\xff\0\0\0\0'
)

#: By name of the target: bytes to start from.
SEEDS: dict[str, list[bytes]] = {
    "formula": _LINES,
    "verdict": [*_LINES, b"\n".join(_LINES)],
    "text": _TEXTS,
    "weights": _WEIGHTS,
    "header": [*(b"\xff".join(_split(file)) for file in _WEIGHTS), _BFLOAT16],
    "command": [b"\0" + b"\n".join(_LINES), *(b"\x60" + one for one in _TEXTS), *(b"\x90" + one for one in _WEIGHTS)],
}
