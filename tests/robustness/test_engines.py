"""A `dot` that hangs, crashes, floods, or lies."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import viz
from viz.cli.main import main
from viz.errors import DrawingTimeoutError, EngineError
from viz.render import engine

GRAPH = mg.trace(lambda x: (x * x).sum(), np.ones(2))


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a program stand in for Graphviz."""

    def make(body: str) -> str:
        path = tmp_path / "pretended-dot"
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)
        monkeypatch.setenv(engine.ENVIRONMENT, str(path))
        return str(path)

    return make


@pytest.mark.parametrize("body", ["exec sleep 30", "sleep 30", "trap '' TERM INT; sleep 30"])
def test_a_dot_that_hangs(pretend: Any, body: str) -> None:
    """A dot that hangs, alone, behind a shell script, or deaf to signals, is given up at the time limit."""
    path, start = pretend(body), time.monotonic()

    with pytest.raises(DrawingTimeoutError, match=r"within 0\.3 s"):
        engine.render("digraph {}", engine=path, time_limit=0.3)

    assert time.monotonic() - start < 20


@pytest.mark.parametrize("signal", ["SEGV", "KILL", "ABRT"])
def test_a_dot_that_crashes(pretend: Any, tmp_path: Path, signal: str) -> None:
    """A dot that dies of a signal is an error with its exit code, however much it wrote before."""
    pretend(f"echo '<svg/>'; kill -{signal} $$")

    with pytest.raises(EngineError, match="exit code -"):
        viz.draw(GRAPH, tmp_path / "g.svg")

    assert not (tmp_path / "g.svg").exists()


LIES = {
    "nothing": "true",
    "half a drawing": "printf '<svg><g>'",
    "an unescaped ampersand": "printf '<svg><title>a & b</title></svg>'",
    "two roots": "printf '<svg/><svg/>'",
    "broken UTF-8": "printf '<svg>\\377\\376</svg>'",
    "an error as text": "echo 'Error: cannot open display'",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_dot_that_lies(pretend: Any, tmp_path: Path, capsys: Any, lie: str) -> None:
    """Exit code 0 with nothing, with half a drawing or with broken XML is an error, and the old picture stays."""
    pretend(f"cat > /dev/null; {LIES[lie]}")
    (tmp_path / "g.svg").write_text("old", encoding="utf-8")

    with pytest.raises(EngineError):
        viz.draw(GRAPH, tmp_path / "g.svg")
    options = ["--cell", "rnn", "--steps", "2", "--hidden", "1", "--updates", "0", "--out", str(tmp_path / "g.svg")]
    assert main(["draw", *options]) == 2
    assert capsys.readouterr().err.startswith("minigrad draw: error: ")
    assert (tmp_path / "g.svg").read_text(encoding="utf-8") == "old"


def test_a_dot_that_does_not_listen(pretend: Any) -> None:
    """A dot that ends without reading a megabyte of input gives its own result, not a broken pipe."""
    path = pretend("exec printf '<svg/>'")

    assert engine.render("digraph {" + "a -> b\n" * 200_000 + "}", engine=path) == b"<svg/>"


def test_a_dot_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """A dot that is named but not there is said to be missing, and nothing is written."""
    monkeypatch.setenv(engine.ENVIRONMENT, str(tmp_path / "gone"))

    assert main(["draw", "--cell", "rnn", "--steps", "2", "--updates", "0", "--out", str(tmp_path / "g.svg")]) == 2

    assert "no executable" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
