"""What the tutorials show besides their examples, which run as doctests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"

HOMEWORK = '''
import numpy as np

ANSWER = """
dc/dc_prev = diag(f)
d_f = d_c * c
"""


def backward(W, h, xs):
    hs = [h]
    for x in xs:
        hs.append(np.tanh(W @ hs[-1] + x))
    gradient, later = np.zeros_like(W), np.zeros_like(h)
    for t in reversed(range(len(xs))):
        d_a = (2 * hs[t + 1] + later) * (1 - hs[t + 1] ** 2)
        gradient += np.outer(d_a, hs[t])
        later = {matrix} @ d_a
    return gradient
'''


def graded(directory: Path, homework: str) -> str:
    """What pytest says of homework, with the test file that the tutorial shows."""
    tutorial = (DOCS / "tutorials" / "autograder.md").read_text("utf-8")
    file = tutorial.split("<!-- the test file -->\n```python\n")[1].split("\n```")[0]
    (directory / "test_homework.py").write_text(file)
    (directory / "homework.py").write_text(homework)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_homework.py"]
    environment = {**os.environ, "PYTHONPATH": str(DOCS.parent)}
    return subprocess.run(command, capture_output=True, text=True, cwd=directory, env=environment).stdout


@pytest.mark.nightly
@pytest.mark.nightly
def test_the_test_file_of_the_autograder(tmp_path: Path) -> None:
    """The file as the tutorial shows it finds a transposed matrix and a wrong formula, and passes what is right."""
    wrong = graded(tmp_path, HOMEWORK.replace("{matrix}", "W"))
    right = graded(tmp_path, HOMEWORK.replace("{matrix}", "W.T").replace("d_c * c", "d_c * c_prev"))

    assert "wrong from lag 1 on" in wrong
    assert "c stands where c_prev belongs" in wrong
    assert "2 failed" in wrong
    assert "2 passed" in right


@pytest.mark.nightly
@pytest.mark.nightly
def test_homework_without_an_answer_does_not_pass(tmp_path: Path) -> None:
    """Nothing written, only comments, what is true of anything, or one of two: the file finds each."""
    homework = HOMEWORK.replace("{matrix}", "W.T")
    answer = "dc/dc_prev = diag(f)\nd_f = d_c * c\n"
    for given in ("", "# to do\n", "dc/dc_prev = diag(f)\nd_f = d_f\n", "dc/dc_prev = diag(f)\n"):
        assert "1 failed, 1 passed" in graded(tmp_path, homework.replace(answer, given))
