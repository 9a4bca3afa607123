"""derive, check and claims on the command line."""

import io

import pytest
from command_line import assert_one_line, minigrad

from cells import claims
from minigrad.symbolic.deriving.proof import ProofStep, Statement
from viz.cli.formulas import MAKERS

RIGHT = "dh/dh_prev = diag(1 - h**2) @ W"
WRONG = "dh/dh_prev = diag((1 - h)**2) @ W"
UNDECIDED = "h = sqrt(h**4) / h"


@pytest.fixture
def written(tmp_path):
    """Writes lines to a file and gives its path."""

    def write(*lines):
        path = tmp_path / "lines.txt"
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write


def test_derive(capsys):
    """The closed forms, the product over time with its proof, and the bound, as text and as LaTeX."""
    assert minigrad("derive", "rnn") == 0
    said = capsys.readouterr().out
    assert "∂h_t/∂h_{t-1} = diag(1 − h_t²) W" in said
    assert "ŷ_t − y_t" in said
    assert "base case" in said
    assert "‖∂h_T/∂h_k‖ ≤ ‖W‖^(T-k)" in said

    assert minigrad("derive", "rnn", "--latex") == 0
    latex = capsys.readouterr().out
    assert r"\begin{align*}" in latex
    assert latex.count(r"\begin{align*}") == latex.count(r"\end{align*}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rnn", "--activation", "sigmoid"], "(1/4) ‖W‖"),
        (["rnn", "--any-loss"], "ε_t"),
        (["lstm", "--peephole"], "p_f"),
        (["lstm", "--coupled"], "i_t = 1 − f_t"),
        (["lstm", "--variant", "NFG"], "c_t = c_{t-1} + g_t ⊙ i_t"),
        (["gru", "--reset", "after", "--update", "write"], "c_n"),
        (["attention", "--score", "dot"], "∂context/∂q"),
    ],
)
def test_derive_knows_every_switch(capsys, arguments, words):
    """Each switch of each cell changes the derivation that is printed."""
    assert minigrad("derive", *arguments) == 0
    assert words in capsys.readouterr().out


@pytest.mark.parametrize("cell", MAKERS)
def test_every_cell_is_derived(cell, capsys):
    """All cells are derived with their defaults."""
    assert minigrad("derive", cell) == 0
    assert "Jacobians of one step" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [(RIGHT, 0, "proved"), (WRONG, 1, "refuted"), (UNDECIDED, 0, "undecided"), (f"{RIGHT}\n{WRONG}", 1, "hint")],
)
def test_check(written, monkeypatch, capsys, line, code, words):
    """A derivation from a file or from stdin; the exit code is 1 if a line is refuted."""
    assert minigrad("check", "rnn", written(line)) == code
    assert words in capsys.readouterr().out

    monkeypatch.setattr("sys.stdin", io.StringIO(line))
    assert minigrad("check", "rnn", "-") == code


def test_check_can_be_strict(written):
    """With --strict an undecided line counts as well."""
    assert minigrad("check", "rnn", written(UNDECIDED), "--strict") == 1
    assert minigrad("check", "rnn", written(RIGHT), "--strict") == 0


def test_check_judges_what_it_can_read(written, capsys):
    """A line that cannot be read is told with its place, the others are judged, and the exit code is 2."""
    text = f"{RIGHT}\nh = h ^ 2\ndh/dh_prev = W"

    assert minigrad("check", "rnn", written(text)) == 2
    out = capsys.readouterr().out
    assert [line.split(":")[0] for line in out.splitlines() if not line.startswith(" ")] == [
        "proved",
        "unread",
        "refuted",
    ]
    assert "line 2, column 7: the character '^' is not known" in out


def test_check_knows_attention(written):
    """Lines about attention alone are judged too."""
    assert minigrad("check", "attention", written("dalpha/de = diag(alpha) - outer(alpha, alpha)")) == 0
    assert minigrad("check", "attention", "--score", "dot", written("de/dq = 2*m")) == 1


def test_check_takes_the_cells_switches(written):
    """A line that is right with peepholes is wrong without."""
    line = "dc/dc_prev = diag(f + c_prev*p_f*f*(1 - f) + g*p_i*i*(1 - i))"

    assert minigrad("check", "lstm", "--peephole", written(line)) == 0
    assert minigrad("check", "lstm", written(line)) == 2
    assert minigrad("check", "lstm", "--peephole", written("dc/dc_prev = diag(f)")) == 1


UNUSABLE = [
    (["check", "rnn", "no-such-file"], "no such file"),
    (["check", "rnn", "--peephole", "-"], "--peephole is a switch of lstm"),
    (["derive", "lstm", "--reset", "after"], "--reset is a switch of gru"),
    (["derive", "lstm", "--variant", "NIG", "--coupled"], "coupled"),
    (["derive", "perceptron"], "invalid choice"),
    (["check", "transformer", "-"], "invalid choice"),
    (["check", "rnn"], "FILE"),
    (["claims", "nonsense"], "there is no claim 'nonsense'"),
    (["derive"], "CELL"),
]


@pytest.mark.parametrize(("arguments", "words"), UNUSABLE)
def test_unusable_input_is_one_line_and_exit_code_2(capsys, arguments, words):
    """What cannot be used is said in one line on stderr."""
    assert minigrad(*arguments) == 2
    assert_one_line(capsys, words)


@pytest.mark.parametrize("text", ["dh/dh_prev = diag(1 -", "h = __import__('os')", "# only a comment", "h = 9**9**9"])
def test_check_says_what_it_cannot_read(written, capsys, text):
    """A line that is no formula, and a file without lines, are one line on stderr and exit code 2."""
    assert minigrad("check", "rnn", written(text)) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_claims(capsys):
    """All claims with their reasons, steps and counterexamples; names choose; --list is one line for each."""
    assert minigrad("claims", "large_weight_explodes", "tan_slope") == 0
    said = capsys.readouterr().out
    assert "QUALIFIED  if W > 1, the gradient explodes" in said
    assert "derivative per step = 0.551" in said
    assert "REFUTED" in said

    assert minigrad("claims", "tanh_slope", "--latex") == 0
    assert r"\begin{align*}" in capsys.readouterr().out

    assert minigrad("claims", "--list") == 0
    assert len(capsys.readouterr().out.splitlines()) == len(claims.examine())


def test_a_claim_that_does_not_hold_gives_exit_code_1(capsys, monkeypatch):
    """If a step fails, its claim is not printed as if it stood; the name goes to stderr."""
    (claim,) = (one for one in claims.examine() if one.name == "tanh_slope")
    wrong = ProofStep(Statement("1 = 2", "1 = 2"), "no reason", lambda: False)
    proof = type(claim.proof)(claim.proof.claim, (), (), (wrong,))
    broken = type(claim)(claim.name, claim.statement, claim.verdict, claim.reason, proof)
    monkeypatch.setattr(claims, "examine", lambda: [broken])

    assert minigrad("claims") == 1
    said = capsys.readouterr()
    assert "tanh_slope" in said.err
    assert "PROVED" not in said.out


@pytest.mark.parametrize("command", ["derive", "check", "claims"])
def test_help(command, capsys):
    """Every command explains itself."""
    assert minigrad(command, "--help") == 0
    assert f"usage: minigrad {command}" in capsys.readouterr().out
