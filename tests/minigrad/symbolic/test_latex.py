r"""LaTeX of derivations, proofs, bounds and claims, as far as it can be checked without LaTeX.

These tests see signs that LaTeX does not have, commands that nobody tried, and what is opened and not closed. They
do not see a command with too few arguments, or how it looks: for that the same texts were compiled, see
CONTRIBUTING.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from derivation_cases import CELLS, REMEMBERING

import minigrad as mg
from cells import RNN, Attention, Readout, RNNState, claims
from minigrad.symbolic import FormulaError, check_derivation, derive
from minigrad.symbolic.printing.text import SIGNS, prose

#: Every command here was compiled by pdflatex with amsmath alone, by KaTeX in its strict mode and by MathJax.
COMPILED = {
    *("alpha", "begin", "cdot", "cos", "cosh", "delta", "Delta", "displaystyle", "dots", "emptyset", "end", "epsilon"),
    *("eta", "frac", "gamma", "ge", "hat", "in", "infty", "lVert", "lambda", "le", "left"),
    *("leftarrow", "lim", "Longleftrightarrow", "Longrightarrow", "log", "lvert", "mapsto", "mathbf", "mathrm", "max"),
    *("min", "mp", "mu", "ne", "ni", "odot"),
    *("operatorname", "paragraph", "partial", "prod", "quad", "rVert", "rho", "right", "rvert", "sigma", "sinh", "sum"),
    *("surd", "tan", "tanh", "text", "textbackslash", "textstyle", "texttt", "tfrac", "theta", "tilde", "times", "to"),
    *("top", "varepsilon", "approx", "vert", "Vert"),
}
SIGNS_AFTER_BACKSLASH = set(" #,;\\^_{}%&$~")
ENVIRONMENTS = {"align*", "bmatrix", "pmatrix"}
BOUNDED = [name for name in CELLS if name not in ("two RNNs", "RNN, GRU, LSTM")]


def faults(latex: str) -> list[str]:
    """Faults that would stop LaTeX, as far as this can tell."""
    commands = re.findall(r"\\([A-Za-z]+|.)", latex, re.DOTALL)
    found = [f"sign {sign!r}" for sign in sorted(set(latex)) if not sign.isascii()]
    found += [f"command {one}" for one in commands if one.isalpha() and one not in COMPILED]
    found += [f"command {one!r}" for one in commands if not one.isalpha() and one not in SIGNS_AFTER_BACKSLASH]
    plain = re.sub(r"\\[^A-Za-z]", "", latex)
    found += [f"brackets {pair}" for pair in ("{}", r"\left \right", r"\lVert \rVert", r"\lvert \rvert")
              if not _closed(plain, *(pair.split() if " " in pair else pair))]  # fmt: skip
    opened = re.findall(r"\\(begin|end)\{([^}]*)\}", latex)
    found += [f"environment {name}" for _, name in opened if name not in ENVIRONMENTS]
    stack: list[str] = []
    for what, name in opened:
        if what == "begin":
            stack.append(name)
        elif not stack or stack.pop() != name:
            found.append(f"end of {name}")
    found += [f"{name} stays open" for name in stack]
    outside = re.sub(r"\\text(tt)?\{[^{}]*(\{[^{}]*\}[^{}]*)*\}", "", plain)
    outside = re.sub(r"\$[^$]*\$", "", re.sub(r"\\begin\{align\*\}.*?\\end\{align\*\}", "", outside, flags=re.DOTALL))
    return found + [f"{sign} outside of mathematics" for sign in "$^_&#%" if sign in outside] + ["$$"] * ("$$" in plain)


def _closed(text: str, left: str, right: str) -> bool:
    """True if each `left` has its `right` after it."""
    depth, end = 0, "(?![A-Za-z])" if left[0] == "\\" else ""
    for found in re.findall(rf"{re.escape(left)}{end}|{re.escape(right)}{end}", text):
        depth += 1 if found == left else -1
        if depth < 0:
            return False
    return depth == 0


@pytest.mark.parametrize("name", [*CELLS, *REMEMBERING])
@pytest.mark.parametrize("with_readout", [False, True])
def test_derivations_are_latex(name: str, with_readout: bool) -> None:
    """All that a derivation prints, with and without a readout, for a document and for a notebook."""
    cell = (CELLS | REMEMBERING)[name]
    derivation = derive(cell, Readout(cell.hidden_size, 4) if with_readout else None)

    assert faults(derivation.latex()) == []
    assert faults(derivation._repr_latex_()) == []


@pytest.mark.parametrize("name", BOUNDED)
def test_products_and_bounds_are_latex(name: str) -> None:
    """The product over time with its induction, and the bound with its reasons; none is longer than a page can take."""
    derivation = derive(CELLS[name])
    parts: list[Callable[[], str]] = [derivation.product().latex]
    try:
        bound = derivation.bound()
        parts += [bound.latex, bound.limit().latex]
    except FormulaError:
        pass

    for part in parts:
        assert faults(part()) == []
    assert len(derivation.product().latex()) < 16_000


class _Own:
    """A user's cell h = tanh(W h_prev) whose parameter bears any name."""

    input_size, hidden_size = 2, 3

    def __init__(self, name: str) -> None:
        self.name = name

    def init(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {self.name: rng.standard_normal((3, 3))}

    def initial_state(self) -> RNNState:
        return RNNState(np.zeros(3))

    def step(self, params: Any, state: RNNState, x: Any) -> RNNState:
        return RNNState(mg.named("h", mg.tanh(mg.linear(params[self.name], state.h))))


@pytest.mark.parametrize(
    "name",
    [
        r"W_{\input /etc/passwd }",
        "^^5cinput",
        "50%",
        "a$b$",
        "\\",
        "{",
        "#1~&",
        "W-x",
        "\x1b[31m",
        "<img>",
        "a.b",
        "W'",
    ],
)
def test_names_of_users_are_escaped(name: str) -> None:
    """A parameter's name may hold whatever LaTeX or a terminal reads: LaTeX gets it escaped, text shows it."""
    derivation = derive(_Own(name))

    assert faults(derivation.latex()) == []
    assert not re.search(r"\\input|\^\^", derivation.latex())
    assert "\x1b" not in derivation.text() + derivation.latex()


@pytest.mark.parametrize("score", ["additive", "dot", "scaled_dot", "general", "concat"])
def test_attention_is_latex(score: str) -> None:
    """Of attention alone, the Jacobians with respect to query and memory."""
    assert faults(derive(Attention(3, score=score)).latex()) == []


@pytest.mark.parametrize("claim", claims.examine(), ids=lambda claim: claim.name)
def test_claims_are_latex(claim: Any) -> None:
    """A claim with reason, steps and counterexample, and the line of it that a notebook shows."""
    assert faults(claim.latex()) == []
    assert faults(claim._repr_latex_()) == []
    assert ("Counterexample: $" in claim.latex()) == (claim.counterexample is not None)


def test_verdicts_are_latex() -> None:
    """A verdict with hint, counterexample and the engine's own form; what was written may hold any sign."""
    lines = [
        "dh/dh_prev = diag((1 - h)**2) @ W  # 100% & $",
        "d_h = h.T",
        "dh/dh_prev = diag(1 − h**2) @ W",
        "d_b = d_a",
    ]

    for verdict in check_derivation(RNN(2, 3), lines):
        assert faults(verdict.latex()) == []
        assert (verdict.hint is None) == ("Hint: " not in verdict.latex())


def test_signs_of_prose() -> None:
    """Every sign becomes mathematics, indices go with their letters, code keeps its underscores, $$ never arises."""
    assert faults(prose("".join(SIGNS))) == []
    assert prose("c_{t−1} and W_f, by is_positive") == r"$c_{t-1}$ and $W_{f}$, by is\_positive"
    assert prose("‖A‖_∞ σσ $5") == r"$\Vert$A$\Vert_{\infty}$ $\sigma \sigma$ \$5"


@pytest.mark.parametrize(
    ("latex", "fault"),
    [
        ("$σ$", "sign 'σ'"),
        (r"$\nrightarrow$", "command nrightarrow"),
        (r"$\frac{a}{b$", "brackets {}"),
        (r"$\left( a$", r"brackets \left \right"),
        (r"\begin{align*} a", "align* stays open"),
        (r"\begin{bmatrix} a \end{pmatrix}", "end of pmatrix"),
        ("W_f", "_ outside"),
        ("$a$$b$", "$$"),
        ("100%", "% outside"),
    ],
)
def test_faults_are_seen(latex: str, fault: str) -> None:
    """The check is awake: each kind of fault is found."""
    assert any(fault in one for one in faults(latex))
