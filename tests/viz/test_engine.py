import os
import stat
import subprocess
import sys
import time

import numpy as np
import pytest

import minigrad as mg
import viz
from viz.errors import DrawingFormatError, DrawingTimeoutError, EngineError, EngineNotFoundError
from viz.render import engine

DOT = "digraph { a -> b }"


def program(path, body):
    """An executable that stands in for Graphviz."""
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_no_dot_on_the_path_is_needed():
    """With an empty PATH the wheel's executable is found and draws."""
    code = "from viz.render import engine; print(engine.render('digraph { a }')[:5])"

    done = subprocess.run([sys.executable, "-c", code], env={"PATH": ""}, capture_output=True, check=True, text=True)

    assert done.stdout.strip() == "b'<?xml'"


def test_same_bytes_twice():
    """Rendering is a function of the text."""
    assert engine.render(DOT) == engine.render(DOT)


def test_without_the_wheel_the_path_is_searched(monkeypatch, tmp_path):
    """If the wheel is missing, `dot` on the PATH is used; if that is missing too, the error says what to install."""
    monkeypatch.delenv(engine.ENVIRONMENT, raising=False)
    monkeypatch.setattr(engine, "_bundled", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="pip install graphviz-pure"):
        engine.executable()

    mine = program(tmp_path / "dot", "echo drawn")

    assert engine.executable() == mine
    assert engine.render(DOT, "dot") == b"drawn\n"


def test_the_environment_names_another(monkeypatch, tmp_path):
    """MINIGRAD_DOT comes before the wheel's executable, and an argument before both."""
    other = program(tmp_path / "other", "echo other")
    third = program(tmp_path / "third", "echo third")
    monkeypatch.setenv(engine.ENVIRONMENT, other)

    assert engine.render(DOT, "dot") == b"other\n"
    assert engine.render(DOT, "dot", engine=third) == b"third\n"


def test_an_engine_that_is_not_there_is_named():
    """The error names the executable that was asked for."""
    with pytest.raises(EngineNotFoundError, match="no executable 'no-such-dot'"):
        engine.render(DOT, engine="no-such-dot")


def test_a_failure_is_an_error_even_with_output(tmp_path):
    """A nonzero exit code counts, whatever was written; the first line that was said is passed on."""
    broken = program(tmp_path / "broken", "echo '<svg/>'; echo 'trouble in init_rank' >&2; exit 1")

    with pytest.raises(EngineError, match="exit code 1: trouble in init_rank"):
        engine.render(DOT, engine=broken)


def test_success_without_a_drawing_is_an_error(tmp_path):
    """Exit code 0 does not count if the SVG is not well-formed; what was saved before is left as it was."""
    lying = program(tmp_path / "lying", "cat > /dev/null; printf '<svg><title>a&b</svg>'")
    graph = mg.trace(lambda x: (x * x).sum(), np.ones(2))
    (tmp_path / "g.svg").write_text("old", encoding="utf-8")

    with pytest.raises(EngineError, match="not well-formed XML"):
        viz.draw(graph, tmp_path / "g.svg", engine=lying)

    assert (tmp_path / "g.svg").read_text(encoding="utf-8") == "old"


def test_a_pdf_needs_a_dot_of_the_system(tmp_path, monkeypatch):
    """Without one the error says so and nothing is written; with one its output is saved."""
    monkeypatch.delenv(engine.ENVIRONMENT, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    drawing = viz.draw(mg.trace(lambda x: (x * x).sum(), np.ones(2)))
    with pytest.raises(DrawingFormatError, match="installed on the system"):
        drawing.save(tmp_path / "g.pdf")
    assert not (tmp_path / "g.pdf").exists()

    program(tmp_path / "dot", "echo %PDF $*")
    drawing.save(tmp_path / "g.pdf")

    assert (tmp_path / "g.pdf").read_bytes() == b"%PDF -Kdot -Tpdf\n"


def test_a_syntax_error_is_reported():
    """Text that is no DOT gives an error."""
    with pytest.raises(EngineError):
        engine.render("digraph {")


def test_a_hanging_layout_is_stopped(tmp_path):
    """After the time limit the program is ended, and the error says how to go on."""
    slow = program(tmp_path / "slow", "exec /bin/sleep 20")

    with pytest.raises(DrawingTimeoutError, match=r"within 0\.2 s"):
        engine.render(DOT, engine=slow, time_limit=0.2)


def test_what_a_hanging_layout_started_is_ended_too(tmp_path):
    """A wrapper whose child holds the pipes open does not keep us waiting."""
    slow = program(tmp_path / "slow", "/bin/sleep 20; echo done")
    start = time.monotonic()

    with pytest.raises(DrawingTimeoutError):
        engine.render(DOT, engine=slow, time_limit=0.2)

    assert time.monotonic() - start < 15


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_success_with_something_else_is_an_error(tmp_path, suffix):
    """Exit code 0 does not count if what was written is not of the format that was asked for."""
    lying = program(tmp_path / "lying", "cat > /dev/null; echo '<html/>'")

    with pytest.raises(EngineError, match=f"what it wrote is no {suffix.upper()}"):
        engine.render(DOT, suffix, engine=lying)


def test_an_executable_that_cannot_start(tmp_path):
    """A file that is executable but no program gives our error."""
    bad = tmp_path / "bad"
    bad.write_bytes(b"\x7fELF nonsense")
    bad.chmod(0o755)

    with pytest.raises(EngineError):
        engine.render(DOT, engine=os.fspath(bad))
