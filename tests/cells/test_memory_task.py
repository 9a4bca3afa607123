"""A short version of benchmarks/memory_tasks.py: gates learn to remember where the plain cell does not."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cells import GRU, RNN

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def tasks() -> Any:
    """The benchmark as a module; it imports others of its folder, as a script does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        return import_module("memory_tasks")


def test_the_adding_problem_is_what_it_says(tasks: Any) -> None:
    """Two marks, one in each half, and the sum of the marked numbers; always answering 1 errs by 1/6."""
    xs, targets = tasks.adding_problem(np.random.default_rng(0), 20, 5000)
    numbers, marks = xs[..., 0], xs[..., 1]
    assert np.array_equal(marks[:10].sum(0), np.ones(5000))
    assert np.array_equal(marks[10:].sum(0), np.ones(5000))
    np.testing.assert_allclose((numbers * marks).sum(0), targets, rtol=1e-6)
    assert abs(np.mean((targets - 1) ** 2) - 1 / 6) < 0.01


@pytest.mark.nightly
@pytest.mark.nightly
def test_gru_learns_where_the_plain_cell_does_not(tasks: Any) -> None:
    """At T = 30, within the same 250 steps, the GRU solves the adding problem and the RNN knows next to nothing."""
    gru = tasks.train(GRU(2, tasks.HIDDEN), 30, 1e-2, 250, seed=0, quiet=True)
    rnn = min(tasks.train(RNN(2, tasks.HIDDEN), 30, lr, 250, seed=0, quiet=True).error for lr in (3e-3, 1e-3))
    assert gru.error < 0.01
    assert rnn > 0.1


def test_a_table_lands_between_its_markers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing a section twice replaces it and leaves the rest of the file alone."""
    monkeypatch.syspath_prepend(FOLDER)
    report, readme = import_module("report"), tmp_path / "README.md"
    monkeypatch.setattr(report, "README", readme)

    report.write_section("tasks", "Tasks", "first")
    readme.write_text(readme.read_text("utf-8") + "\n## Another section\n", "utf-8")
    report.write_section("tasks", "Tasks", "second")

    text = readme.read_text("utf-8")
    assert "first" not in text
    assert text.count("second") == text.count("## Tasks") == 1
    assert "## Another section" in text
