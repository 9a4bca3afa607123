"""The mathematics on one page, made anew by ``python -m tools.docs.mathematics docs/mathematics.md``.

Formulas are derived and claims examined when the page is made, so nothing on it is typed in but the prose
between them.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from cells.attention import Attention
from cells.claims import activations, attention, gru, lstm_gates, lstm_gradient, rnn, training
from cells.claims.claim import Claim
from cells.gru import GRU
from cells.lstm import LSTM
from cells.readout import Readout
from cells.rnn import RNN
from minigrad.symbolic import Derivation, derive
from minigrad.symbolic.deriving.proof import Proof, Statement

__all__ = ["main", "page"]

#: Formulas hold for all sizes; these only have to differ.
D, H, K = 2, 3, 4

#: Below this a number is what rounding leaves, and differs from machine to machine.
ROUNDING = 1e-15

INTRODUCTION = """# The mathematics on one page

This page is made by `python -m tools.docs.mathematics docs/mathematics.md`, and a test fails when it is stale. Each
formula was derived from the lines of code that compute the cell; each claim was examined, and its steps done again,
when the page was made.

**Letters.** $x_t$ is the input, $h_t$ the hidden state, $E$ the loss, σ the logistic function, ⊙ the
elementwise product. $U$ acts on the input, $W$ on the state before, $b$ is a bias; gates carry their letter as an
index.
$\\hat y_t = \\operatorname{softmax}(V h_t + c)$ is the prediction, $y_t$ the target.
$\\delta q_t = \\partial E/\\partial q_t$ is the adjoint of $q_t$, with everything after $q_t$ taken into account.
Vectors are columns. Jacobians are in numerator layout, $J_{ij} = \\partial \\mathrm{out}_i/\\partial \\mathrm{in}_j$,
and the parts of a state, such as $h_{t-1}$ and $c_{t-1}$, count as independent. Norms are spectral norms.

**Verdicts.** *Proved*: it holds for all sizes, under what the line *Given* of its proof names. *Refuted*: it does not,
and a counterexample is given. *Qualified*: true under conditions that the claim leaves out; the reason names them, and
a counterexample shows a case without them."""

RECURRENT = """Backpropagation through time is the chain rule along the unrolled net. Every adjoint at step t comes from
the adjoints of what is computed from it, in the same step and in the next one: a recurrence that runs backwards."""

OVER_TIME = """From step k to step T the derivative is a product with one factor for each step, latest on the left. It
is proved by induction on T: the base case, and one more step taken by the reverse sweep."""

VANISHING = """The norm of that product is bounded by the product of the norms. Since tanh' is at most 1, ‖W‖ < 1 makes
the bound, and with it the gradient, go to 0 exponentially with T − k. This is the vanishing gradient."""

CELL_PATH = """An LSTM carries a second state, the cell c. With h and the gates held fixed, one step multiplies the
gradient along the cell by the forget gate and by nothing else: the cell path, or constant error
carousel. The whole derivative has three more blocks, because the gates read h."""

GATED = """A GRU has two gates and no cell beside the hidden state. Its direct path is diag(z), the first term of one
Jacobian; the other terms go through the gates and the candidate n."""

ATTENTION = """Attention reads all earlier states at once, here three of them, with the scores of Luong et al.,
e_s = m_sᵀ q. The way from the context back to any one of them is one step long, and its strength is its weight α_s."""

READING_ON = """## Reading on

- Werbos, "Backpropagation through time: what it does and how to do it", Proceedings of the IEEE 78, 1990.
- Bengio, Simard and Frasconi, "Learning long-term dependencies with gradient descent is difficult", IEEE Transactions
  on Neural Networks 5, 1994.
- Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9, 1997.
- Gers, Schmidhuber and Cummins, "Learning to forget", Neural Computation 12, 2000.
- Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
- Cho et al., "Learning phrase representations using RNN encoder–decoder", EMNLP 2014.
- Luong, Pham and Manning, "Effective approaches to attention-based neural machine translation", EMNLP 2015."""


def page() -> str:
    """The whole page as Markdown, with formulas in fences that code forges and Sphinx draw."""
    readout = Readout(H, K)
    of_rnn, of_lstm, of_gru = (derive(cell(D, H), readout) for cell in (RNN, LSTM, GRU))
    parts = [
        INTRODUCTION,
        *_section("The derivative of the activation", "", None, activations),
        *_section("The plain recurrent net", RECURRENT, of_rnn),
        *_over_time(of_rnn),
        *_claims(rnn),
        *_section("The LSTM", CELL_PATH, of_lstm),
        "The path along the cell, and the bound of the whole:",
        _formulas([_cell_path(of_lstm), of_lstm.bound().statement()]),
        *_claims(lstm_gradient),
        *_claims(lstm_gates),
        *_section("The GRU", GATED, of_gru),
        "The bound:",
        _formulas([of_gru.bound().over_time()]),
        *_claims(gru),
        *_section("Attention", ATTENTION, derive(Attention(H, score="dot")), attention),
        *_section("Training", "", None, training),
        READING_ON,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(title: str, prose: str, derivation: Derivation | None, claims: ModuleType | None = None) -> list[str]:
    """A heading, what to know, the formulas of one step, and claims."""
    parts = [f"## {title}", prose]
    for heading, lines in derivation.equations().items() if derivation is not None else ():
        if heading != "Over time":
            parts += [f"**{_heading(heading)}**", _formulas(lines)]
    return [*parts, *(_claims(claims) if claims is not None else [])]


def _heading(heading: str) -> str:
    """A heading with δq as a formula."""
    return heading.replace("δq = ∂E/∂q", r"$\delta q = \partial E/\partial q$")


def _over_time(derivation: Derivation) -> list[str]:
    """The product over time with its proof, and the vanishing bound with its proof."""
    product, bound = derivation.product(), derivation.bound()
    return [
        "### Over time",
        OVER_TIME,
        _formulas([product.equation()]),
        _steps(product.proof()),
        "### The vanishing bound",
        VANISHING,
        _formulas([bound.over_time()]),
        _steps(bound.proof()),
    ]


def _cell_path(lstm: Derivation) -> Statement:
    found = lstm.jacobian("c", "c_prev")
    return Statement(f"∂c_t/∂c_{{t−1}} = {found}", rf"\frac{{\partial c_t}}{{\partial c_{{t-1}}}} = {found.latex()}")


def _claims(subject: ModuleType) -> list[str]:
    claims: Sequence[Claim] = subject.claims()
    return [part for claim in claims for part in _claim(claim)]


def _claim(claim: Claim) -> list[str]:
    """A claim with its verdict, the reason, the steps, and a counterexample."""
    claim.run()
    name = claim.name.replace("_", " ")
    parts = [
        f"### Claim: {name} – {claim.verdict}",
        f"*{_escaped(claim.statement.text)}.*",
        _formulas([claim.statement]),
        f"**{claim.verdict.capitalize()}.** {_escaped(claim.reason)}",
        _steps(claim.proof),
    ]
    if claim.counterexample is not None:
        numbers = ", ".join(f"{_escaped(key)} = {_number(value)}" for key, value in claim.counterexample.run().items())
        parts.append(f"Counterexample: {_escaped(claim.counterexample.statement.text)}. {numbers}.")
    return parts


def _steps(proof: Proof) -> str:
    """The axioms and assumptions of a proof, and its steps."""
    given = [*proof.axioms, *proof.assumptions]
    lines = [f"Given: {'; '.join(_escaped(one) for one in given)}.", ""]
    lines += [f"{i}. ${step.statement.latex}$ ({_escaped(step.reason)})" for i, step in enumerate(proof.steps, start=1)]
    return "\n".join(lines)


def _formulas(lines: Sequence[Statement]) -> str:
    """Formulas on lines of their own, one below the other."""
    if len(lines) == 1:
        return f"```math\n{lines[0].latex}\n```"
    rows = " \\\\\n".join(f"& {line.latex}" for line in lines)
    return f"```math\n\\begin{{aligned}}\n{rows}\n\\end{{aligned}}\n```"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) >= ROUNDING or value == 0 else f"less than {ROUNDING:g}"


def _escaped(text: str) -> str:
    """Text in which Markdown finds no signs of its own."""
    for sign in "\\*_[]<>|`$":
        text = text.replace(sign, f"\\{sign}")
    return text


def main(arguments: Sequence[str]) -> None:
    """Write the page into the file that is named."""
    Path(arguments[0] if arguments else "docs/mathematics.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
