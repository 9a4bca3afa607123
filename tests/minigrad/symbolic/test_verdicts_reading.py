"""What a line may be written like, what becomes of one that cannot be read, and derivatives around a readout."""

from typing import Any

import pytest

from cells import GRU, LSTM, RNN, Attention, AttentionCell, Bidirectional, Stacked
from minigrad.symbolic import FormulaError, check_derivation
from minigrad.symbolic.parsing.names import spelled
from minigrad.symbolic.parsing.parser import parse_line
from minigrad.testing import assert_derivation
from minigrad.testing.derivations import DerivationError

DEEP = Stacked([RNN(2, 3), LSTM(3, 2)])


def statuses(cell: Any, lines: Any) -> list[str]:
    """Only what was decided."""
    return [verdict.status for verdict in check_derivation(cell, lines)]


@pytest.mark.parametrize(
    ("cell", "ways"),
    [
        (RNN(2, 3), ["dh/dh_prev = diag(1 - h**2) @ W",
                     "∂h_t/∂h_{t-1} = diag(1 − h_t²) W", "dh/dh_prev = diag(1 − h²) W",
                     "∂h/∂h_prev = diag(1 - h**2) @ W", "dh_t/dh_{t−1} = (I − diag(h_t ⊙ h_t)) W"]),
        (RNN(2, 3), ["d_W = sum_t(outer(d_a, h_prev))",
                     "∂E/∂W = Σ_{t=1..T} δa_t h_{t-1}ᵀ", "dE/dW = sum_t(outer(d_a, h_prev))",
                     "d_W = sum_t(δa h_prevᵀ)"]),
        (RNN(2, 3), ["d_h = V.T @ (yhat - y) + W.T @ d_a_next", "δh_t = Vᵀ (ŷ_t − y_t) + Wᵀ δa_{t+1}",
                     "d_h = Vᵀ (yhat − y) + W.T δa_next", "δh_t = ((ŷ_t − y_t)ᵀ V + δa_{t+1}ᵀ W)ᵀ"]),
        (RNN(2, 3), ["a = b + U x + W h_prev", "a_t = b + U x_t + W h_{t-1}", "a = U@x + W·h_prev + b"]),
        (DEEP, ["dh2/dc2_prev = diag(o2*(1 - s2**2)*f2)", "dlayer2.h/dlayer2.c_prev = diag(o*(1 - s**2)*f)",
                "∂h^(2)_t/∂c^(2)_{t-1} = diag(f^(2)_t ⊙ o^(2)_t ⊙ (1 − s^(2)_t²))",
                "dh/dc_prev = diag(o*(1 - s**2)*f)"]),
        (DEEP, ["d_W2_f = sum_t(outer(d_a2_f, h2_prev))", "∂E/∂W^(2)_f = Σ_{t=1..T} δa^(2)_{f,t} h^(2)_{t-1}ᵀ",
                "d_layer2.W_f = sum_t(outer(d_layer2.a_f, h_prev))"]),
        (Bidirectional(RNN(2, 3), GRU(2, 2)), ["dr/dh_backward_next = diag(r*(1 - r)) @ W_r",
                "∂r^(backward)_t/∂h^(backward)_{t+1} = "
                "diag(r^(backward)_t ⊙ (1 − r^(backward)_t)) W^(backward)_r"]),
        (Attention(2, 3, score="general"), ["dcontext/dq = m.T @ (diag(alpha) - outer(alpha, alpha)) @ m @ W.T",
                "∂context/∂q = [m_1, m_2, m_3] (diag(α) − α αᵀ) [m_1, m_2, m_3]ᵀ Wᵀ",
                "dcontext/dq = columns(m_1, m_2, m_3) @ (diag(alpha) - outer(alpha, alpha)) @ m @ W.T"]),
        (Attention(2, score="dot"), ["d_e = alpha*(d_alpha - alpha @ d_alpha)", "δe = α ⊙ δα − α (αᵀ δα)",
                "δe = (diag(α) − α αᵀ) δα", "d_e = alpha*d_alpha - sum(alpha*d_alpha)*alpha"]),
        (Attention(2, score="dot"), ["dcontext/dm_s = alpha_s*I + alpha_s*outer(m_s - context, q)",
                "∂context/∂m_s = α_s I + [m_1, m_2, m_3] (α_s I[:,s] − α_s α) qᵀ",
                "dcontext/dm_2 = alpha_2*eye(Q) + m.T @ outer(alpha_2*(unit(2) - alpha), q)"]),
        (AttentionCell(RNN(2, 2)), ["dh/dcontext = diag(1 - h**2) @ U_inner @ C",
                "dh/dcontext = diag(1 - h**2) @ inner.U @ C",
                "∂h_t/∂context_t = diag(1 − h_t²) U^(inner) C"]),
    ],
)  # fmt: skip
def test_a_line_may_be_written_in_many_ways(cell: Any, ways: list[str]) -> None:
    """Python's notation, what derive prints, and both mixed are the same line."""
    assert [str(verdict) for verdict in check_derivation(cell, ways) if verdict.status != "proved"] == []


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        (LSTM(2, 3, peephole=True), "∂E/∂p_o = Σ_{t=1..T} δa_{o,t} ⊙ c_t"),
        (LSTM(2, 3), "∂E/∂b_o = Σ_{t=1..T} δo_t ⊙ o_t ⊙ (1 − o_t)"),
        (RNN(2, 3), "∂E/∂b = 2 Σ_{t=1..T} −δa_t / 2 ⊙ (2 h_t² − 1 − h_t²) / (1 − h_t²)"),
        (RNN(2, 3), "δa_t = 1/2 δa_t + 1/2 (δh_t ⊙ (1 − h_t²))"),
        (RNN(2, 3), "∂h_t/∂h_{t-1} = 2·diag(1−h_t²)·W/2"),
        (RNN(2, 3), "a = W × h_prev + U·x + 1 × b"),
        (LSTM(2, 3), "δf_t = δc_t × c_{t-1}"),
        (RNN(2, 3), "d_W = sum_t(d_a @ h_prev.T)"),
        (RNN(2, 3), "d_W = sum_t(h_prev @ d_a.T).T"),
        (RNN(2, 3), "d_a = ((yhat - y).T @ V + d_a_next.T @ W).T * (1 - h**2)"),
        (Attention(2, score="dot"), "d_e = alpha * (d_alpha - alpha.T @ d_alpha)"),
        (LSTM(2, 3), "∂h_t/∂c_t = diag(o_t ⊙ (1 − tanh²(c_t)))"),
        (LSTM(2, 3), "δa_f = δf_t ⊙ σ(a_f) ⊙ (1 − σ²(a_f)/σ(a_f))"),
    ],
)
def test_right_lines_as_textbooks_write_them_are_proved(cell: Any, line: str) -> None:
    """How far a sum reaches, halves, dots and crosses, columns times rows, and powers of functions."""
    assert statuses(cell, line) == ["proved"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("δa_t = δh_t · (1 − h_t²)", "⊙ or uᵀ v"),
        ("∂h_t/∂h_{t-1} = diag(1 − h_t²) × W", "⊙ or @"),
        ("∂E/∂W = Σ_{t=1..T} (1 − h_t²) ⊙ δh_t h_{t-1}ᵀ", "write brackets"),
        ("∂E/∂b = Σ_{t=1..T} 2 δa_t − δa_t", "write brackets"),
        ("δa_t = δh_t / h_t h_t", "(a / b) c or a / (b c)"),
        ("h_t = tanh⁻¹(a_t)", "an inverse or a power"),
    ],
)
def test_signs_that_could_mean_several_things_are_not_guessed(line: str, why: str) -> None:
    """A line that is right in one of two usual readings is not refuted for the other."""
    first, second = check_derivation(RNN(2, 3), [line, "h_t = tanh(a_t)"])

    assert (first.status, second.status) == ("unread", "proved")
    assert why in first.reason


def test_a_gradient_that_depends_on_the_step_is_refuted() -> None:
    """What stands outside the sum may make the line true at t = 1 only."""
    line = "d_W = sum_t(outer(d_a_next, h)) + outer(d_a, h_prev)"

    assert statuses(RNN(2, 3), line) == ["refuted"]


def test_letters_that_could_mean_several_things_are_not_guessed() -> None:
    """A letter of one layer may go without it, one of two layers may not."""
    keys = ["layer1.W", "layer2.W", "layer2.W_f", "layer2.h"]

    assert spelled("W_f", keys, "layer2.h") == ("layer2.W_f", None)
    assert spelled("h_prev2", keys, "layer2.h") == ("layer2.h_t-2", None)
    assert spelled("W", keys, "layer2.h") is None
    assert statuses(Stacked([RNN(2, 3), RNN(3, 3)]), ["d_W = 0", "h2 = tanh(a2)"]) == ["unread", "proved"]


@pytest.mark.parametrize(
    "line",
    [
        "dyhat/dlogits = diag(yhat) - outer(yhat, yhat)",
        "dyhat/dh = (diag(yhat) - outer(yhat, yhat)) @ V",
        "dyhat/dh_prev = (diag(yhat) - outer(yhat, yhat)) @ V @ diag(1 - h**2) @ W",
        "dlogits/dh = V",
        "dlogits/dh_prev = V @ diag(1 - h**2) @ W",
        "dlogits/dc = I",
        "dyhat/dc = diag(yhat) - outer(yhat, yhat)",
        "d_logits = yhat - y",
        "d_yhat = -y / yhat",
        "d_logits = (diag(yhat) - outer(yhat, yhat)) @ d_yhat",
        "dE/dlogits = yhat - y",
        "dh_next/dh = diag(1 - h_next**2) @ W",
        "da_next/dh = W",
        "dh_next/dh_next = I",
        "dh/dh_next = 0",
        "h = tanh(a) + epsilon_next - epsilon_next",
        "d_h = epsilon + W.T @ d_a_next",
    ],
)
def test_derivatives_around_the_readout_and_of_the_next_step(line: str) -> None:
    """Derivatives of ŷ and the logits, and Jacobians from this step to the next, are proved; twice them is refuted."""
    target, formula = line.split(" = ")
    doubled = f"{target} = 2*({formula})" if formula != "0" else f"{target} = W"

    assert statuses(RNN(2, 3), [line, doubled]) == ["proved", "refuted"]


def test_soft_targets_are_tried() -> None:
    """With classes alone y² = y; a distribution as the target refutes it."""
    (verdict,) = check_derivation(RNN(2, 3), "d_logits = yhat - y**2")
    y = verdict.counterexample.letters["y"]

    assert verdict.status == "refuted"
    assert abs(y.sum() - 1) < 1e-12
    assert ((y > 0) & (y < 1)).any()


def test_epsilon_and_the_readout_in_one_derivation() -> None:
    """Beside letters of a readout ε is what its loss sends into h; alone it is that of any loss; defined, a name."""
    both = [
        "d_h = epsilon + W.T @ d_a_next",
        "d_V = sum_t(outer(yhat - y, h))",
        "d_h = V.T @ (yhat - y) + W.T @ d_a_next",
    ]
    named = ["epsilon = yhat - y", "d_h = V.T @ epsilon + W.T @ d_a_next", "d_V = sum_t(outer(epsilon, h))"]

    assert statuses(RNN(2, 3), both) == ["proved"] * 3
    assert statuses(RNN(2, 3), [both[0].replace("W.T", "W"), both[1]]) == ["refuted", "proved"]
    assert statuses(RNN(2, 3), named) == ["proved"] * 3
    assert statuses(DEEP, ["d_h2 = epsilon + W2_i.T @ d_a2_i_next", "d_W1 = sum_t(outer(d_a1, h1_prev))"]) == [
        "refuted",
        "proved",
    ]


def test_a_line_that_cannot_be_read_does_not_stop_the_others() -> None:
    """It gets a verdict with its place; a line that uses a name it would have defined says so; the rest is judged."""
    lines = "dh/dh_prev = diag(1 - h**2) @ W\n  delta = d_h * (1 - h^2)\n\nd_a = delta\ndh/dx = U\nd_b = sum_t(d_a"
    found = check_derivation(RNN(2, 3), lines)

    assert [verdict.status for verdict in found] == ["proved", "unread", "unread", "refuted", "unread"]
    assert [verdict.position for verdict in found] == [None, (2, 23), (4, 7), None, (6, 12)]
    assert "write ** for a power" in found[1].reason
    assert found[2].reason == "line 4, column 7: 'delta' is not defined, since line 2 could not be read"
    assert found[4].reason == "line 6, column 12: this ( is not closed; write a )"
    assert str(found[1]).splitlines()[0] == "unread: delta = d_h * (1 - h^2)"


@pytest.mark.parametrize("lines", ["h = h^2", ["h = h^2"], "h = import os\nh = lambda: 3"])
def test_where_nothing_can_be_read_the_first_error_is_raised(lines: Any) -> None:
    """With line and column, as text and as attributes."""
    with pytest.raises(FormulaError, match=r"^line 1, column \d+: ") as refusal:
        check_derivation(RNN(2, 3), lines)

    assert refusal.value.line == 1
    assert refusal.value.column > 4


def test_a_failing_assertion_reads_well_for_nets() -> None:
    """Wrong lines of a deep net, in the letters as they were written, and unread lines with their place."""
    lines = ["d_U2_f = sum_t(outer(d_a2_f, h1_prev))", "dh1/dh1_prev = diag(1 - h1**2) @ W1", "d_q = 3"]
    with pytest.raises(DerivationError) as failure:
        assert_derivation(DEEP, lines)
    text = str(failure.value)

    assert text.startswith("2 of 3 lines of the derivation did not pass\n\nrefuted: d_U2_f")
    assert "hint: the time index: h1_prev stands where h1 belongs" in text
    assert "d_U2_f = Σ_{t=1..T} δa^(2)_{f,t} h^(1)_tᵀ" in text
    assert "unread: d_q = 3\n  line 3, column 1: there is no 'q' to differentiate by; there are: " in text
    assert "U1, W1, b1" in text
    assert "layer1" not in text


def test_attention_says_for_what_its_proof_holds() -> None:
    """Proofs for attention are for a memory of three vectors, and the verdict says so; so for nets of fixed sizes."""
    (dot,) = check_derivation(Attention(2, score="dot"), "dalpha/de = diag(alpha) - outer(alpha, alpha)")
    (every,) = check_derivation(Attention(2, score="dot"), "d_m_s = alpha_s*d_context + d_e_s*q")
    (deep,) = check_derivation(DEEP, "dh1/da1 = diag(1 - h1**2)")

    assert "for all sizes with a memory of 3 vectors" in dot.reason
    assert "for every s from 1 to 3" in every.reason
    assert "for nets of these sizes" in deep.reason


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("d_h = W_inner.T @ d_a", "a term for every later step"),
        ("d_W_attention = sum_t(outer(h_prev, m.T @ d_e))", "no sum with a fixed number of terms"),
        ("d_C = sum_t(outer(d_x_merged, m.T @ alpha))", "cannot name them one by one"),
        ("dh_next/dh = W_inner", "memory is longer at the next step"),
    ],
)
def test_what_grows_with_time_is_said_of_attention_over_the_past(line: str, why: str) -> None:
    """What has no formula of fixed size is refused with the reason, and other lines are judged."""
    first, second = check_derivation(AttentionCell(RNN(2, 2), score="general"), [line, "d_a = d_h * (1 - h**2)"])

    assert (first.status, second.status) == ("unread", "proved")
    assert why in first.reason


def test_factors_side_by_side_that_do_not_multiply_are_not_guessed() -> None:
    """Two columns side by side are neither ⊙ nor a product; the line is not refuted for it."""
    first, second = check_derivation(RNN(2, 3), ["δa_t = δh_t (1 − h_t²)", "h_t = tanh(a_t)"])

    assert (first.status, second.status) == ("unread", "proved")
    assert "write u ⊙ v" in first.reason


def test_columns_are_those_of_the_line_as_written() -> None:
    """With blanks before it and composed or decomposed letters in it."""
    for text in ("   h_t = tanh(a_t) + ~", "ŷ_t = ŷ_t + ~", "y\u0302_t = tanh(ŷ_t) ~"):
        with pytest.raises(FormulaError) as refusal:
            parse_line(text)
        assert abs(refusal.value.column - (text.index("~") + 1)) <= text.count("\u0302")


def test_marks_of_files_that_were_put_together_are_blanks() -> None:
    """A byte-order mark in the middle, tabs, and line ends of other systems do not count."""
    text = "\ufeffh = tanh(a)\r\n\t\ufeff# nothing\r\n\ufeff\td_a = d_h * (1 - h**2)\t# right\r\n\r\n"

    assert statuses(RNN(2, 3), text) == ["proved", "proved"]


@pytest.mark.parametrize("line", ["d_h = W^T @ d_a_next", "δh_t = W^T δa_{t+1}"])
def test_a_transpose_in_latex_gets_advice(line: str) -> None:
    """Whoever writes W^T is told how a transpose is written here."""
    with pytest.raises(FormulaError, match=r"\.T for a transpose"):
        parse_line(line)


@pytest.mark.parametrize("text", ["", "  \n# a comment\n", []])
def test_an_empty_text_is_told_so(text: Any) -> None:
    """A submission without a line is an error, not a list of no verdicts."""
    with pytest.raises(FormulaError, match="there is no line to check"):
        check_derivation(RNN(2, 3), text)


def test_sizes_may_be_written_as_their_numbers() -> None:
    """ones(3) is ones(H) for a cell with H = 3, and ones(2) is not."""
    lines = ["h = tanh(a)*ones(3)", "h = eye(3) @ tanh(a)", "h = tanh(a)*ones(2)", "h = tanh(a)*ones(7)"]

    assert statuses(RNN(2, 3), lines) == ["proved", "proved", "unread", "unread"]
    assert statuses(RNN(3, 3), lines[:1]) == ["proved"]
