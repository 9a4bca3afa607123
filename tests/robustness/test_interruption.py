"""Ctrl-C at any moment: nothing half-written, nothing half-cached, and the next call works."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from linecache import getline
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import RNN, unroll
from minigrad.context import current_scope
from viz.cli.signals import Ended, raising_on_signals
from viz.output import write_all, write_whole

ROOT = str(Path(mg.__file__).parent.parent)
PACKAGES = tuple(os.path.join(ROOT, package) for package in ("minigrad", "cells", "viz"))


#: Context managers whose own two or three lines are left out: see "Limits" in docs/reference/command-line.md.
MANAGERS = ("scope", "recording", "kept_checkpoints", "value_free_tracing", "_no_collection")


def interrupted(f: Callable[[], Any], after: int) -> int:
    """Run `f` and raise KeyboardInterrupt when so many lines of the project have run; how many ran.

    Lines that open a block with `with` are left out: they come up once more when the block ends, and raising there
    would skip its end, which Python lets no signal do.
    """
    lines = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.startswith(PACKAGES):
            return None
        line = getline(frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and not line.lstrip().startswith("with ") and frame.f_code.co_name not in MANAGERS:
            lines += 1
            if lines == after:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        f()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return lines


CELL = RNN(1, 2)
PARAMS, XS = CELL.init(np.random.default_rng(0)), np.random.default_rng(1).normal(size=(2, 1))


def loss(params: Any, xs: Any) -> Any:
    """Of a small net."""
    return mg.sum(unroll(CELL, params, xs).outputs[-1] ** 2)


EXPECTED = mg.value_and_grad(loss)(PARAMS, XS)


def assert_right(found: Any) -> None:
    """The value and the gradient are those of a call that nobody interrupted."""
    assert float(found[0]) == pytest.approx(float(EXPECTED[0]), rel=1e-12)
    for name, gradient in EXPECTED[1].items():
        np.testing.assert_allclose(found[1][name], gradient, rtol=1e-12, atol=1e-15)


@given(st.floats(0, 1))
def test_compiling(part: float) -> None:
    """However far compiling had come when it was interrupted, the next call compiles and gives the right gradient."""
    total = interrupted(lambda: mg.compile(mg.value_and_grad(loss))(PARAMS, XS), 0)
    compiled = mg.compile(mg.value_and_grad(loss))

    ran = interrupted(lambda: compiled(PARAMS, XS), 1 + int(part * (total - 1)))

    assert ran > 0
    assert_right(compiled(PARAMS, XS))
    assert_right(compiled(PARAMS, XS))


@given(st.floats(0, 1))
def test_running_a_compiled_function(part: float) -> None:
    """A compiled function that was interrupted while it ran has no stale numbers the next time."""
    compiled = mg.compile(mg.value_and_grad(loss))
    compiled(PARAMS, XS)
    other = {name: value + 1.0 for name, value in PARAMS.items()}
    total = interrupted(lambda: compiled(other, XS), 0)

    interrupted(lambda: compiled(other, XS), 1 + int(part * (total - 1)))

    assert_right(compiled(PARAMS, XS))


@given(st.floats(0, 1))
def test_differentiating(part: float) -> None:
    """A gradient that was interrupted leaves no open scope and no transform at work: the next one is right."""
    f = mg.value_and_grad(loss)
    total = interrupted(lambda: f(PARAMS, XS), 0)

    interrupted(lambda: f(PARAMS, XS), 1 + int(part * (total - 1)))

    assert current_scope() == ()
    found = f(PARAMS, XS)
    assert_right(found)
    assert isinstance(found[1]["W"], np.ndarray)


@pytest.mark.parametrize("exists", [False, True])
def test_writing_a_file(tmp_path: Path, exists: bool) -> None:
    """Interrupted at any line, the writing of a file leaves the old content or the new, and nothing beside it."""
    total = interrupted(lambda: write_whole(tmp_path / "first", b"new"), 0)
    for line in range(1, total + 1):
        directory = tmp_path / f"{line}"
        directory.mkdir()
        if exists:
            (directory / "g.svg").write_bytes(b"old")

        interrupted(lambda to=directory: write_whole(to / "g.svg", b"new"), line)

        visible = [name for name in os.listdir(directory) if not name.startswith(".")]
        assert visible == (["g.svg"] if exists else visible)
        assert all((directory / name).read_bytes() in (b"old", b"new") for name in visible)
        if line < total - 3:  # at the last lines it is the tidying up that is interrupted
            assert [name for name in os.listdir(directory) if name.startswith(".")] == []


def test_writing_a_directory(tmp_path: Path) -> None:
    """Interrupted at any line, the writing of a new directory leaves all of its files or none."""
    contents = {"a": b"1" * 100, "b": b"2" * 100}
    total = interrupted(lambda: write_all(tmp_path / "first", contents), 0)
    for line in range(1, total + 1):
        place = tmp_path / f"{line}"
        place.mkdir()

        interrupted(lambda to=place: write_all(to / "out", contents), line)

        if (place / "out").exists():
            assert {path.name: path.read_bytes() for path in (place / "out").iterdir()} == contents


SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


@pytest.fixture
def heard() -> Iterator[None]:
    """Programs that are started hear signals that this one ignores, as under `nohup` and in the background."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in SIGNALS[1:]:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("command", [pytest.param("report", marks=pytest.mark.nightly), "draw"])
def test_a_command_while_dot_is_at_work(tmp_path: Path, command: str, number: int) -> None:
    """Ctrl-C, SIGTERM or SIGHUP while dot draws: exit code 128 + n, one line, no file, and dot is ended."""
    slow = tmp_path / "slow-dot"
    slow.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/starts\nmv {tmp_path}/starts {tmp_path}/started\nexec sleep 60\n")
    slow.chmod(0o755)
    (tmp_path / "place").mkdir()
    out = tmp_path / "place" / ("out" if command == "report" else "g.svg")
    small = ["--cell", "rnn", "--steps", "2", "--hidden", "1", "--updates", "0", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "viz", command, *small],
        env={**os.environ, "MINIGRAD_DOT": str(slow)},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    _wait(lambda: (tmp_path / "started").exists(), process)

    process.send_signal(number)
    said, errors = process.communicate(timeout=60)

    assert process.returncode == 128 + number
    assert said == b""
    assert errors.decode() == f"minigrad {command}: interrupted; every file is whole or was not written\n"
    assert os.listdir(tmp_path / "place") == []
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "started").read_text()), 0)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """Under `nohup` a command runs on when the terminal closes; handlers are the caller's again afterwards."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raising_on_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            with pytest.raises(Ended) as ended:
                os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)  # the second one does not interrupt the tidying up
        assert ended.value.number == signal.SIGTERM
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.nightly
@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.0, 4.0])
def test_a_report_at_some_moment(tmp_path: Path, seconds: float) -> None:
    """Ctrl-C some time after the start, while Python imports, trains or draws: there is no report or all of it."""
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "viz", "report", "--steps", "6", "--updates", "20", "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)

    assert process.returncode in (0, 130, -signal.SIGINT)
    assert out.exists() or process.returncode != 0
    if out.exists():  # it may be interrupted still, after its last line
        assert (out / "report.html").read_text("utf-8").rstrip().endswith("</html>")
    assert os.listdir(tmp_path) == (["out"] if out.exists() else [])


def _wait(done: Callable[[], bool], process: Any) -> None:
    """Until something has happened, for a minute at most, while a process is alive."""
    for _ in range(1200):
        if done():
            return
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    raise AssertionError("nothing happened for a minute")
