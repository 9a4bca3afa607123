"""Why a line is refused or wrong: letters that are not there, times out of reach, wrong lines that others rest on."""

from typing import Any

import pytest

from cells import LSTM, RNN, AttentionCell, Bidirectional, Readout, Stacked
from minigrad.symbolic import FormulaError, check_derivation, derive, latex, text
from minigrad.symbolic.deriving.activation_bounds import slope_proof
from minigrad.symbolic.deriving.induction import peel
from minigrad.symbolic.terms.blocks import part
from minigrad.symbolic.terms.products import cell, row
from minigrad.symbolic.terms.symbols import symbol

NET = RNN(2, 3)
TWO_WAY = Bidirectional(RNN(2, 3), RNN(2, 3))
GATED = Stacked([RNN(2, 3), LSTM(3, 3)])
DEEP = Stacked([RNN(2, 3), RNN(3, 3)])


def reasons(net: Any, *lines: str) -> list[tuple[str, str]]:
    """Status and reason of each line; a right one stands beside them."""
    found = check_derivation(net, [*"\n".join(lines).splitlines(), "right = x"])[:-1]
    return [(verdict.status, verdict.reason) for verdict in found]


@pytest.mark.parametrize(
    ("net", "line", "why"),
    [
        (NET, "dq/dh = W", "'q' is not known here"),
        (NET, "dh/dq = W", "'q' is not known here"),
        (NET, "dh_next/dq = W", "'q' is not known here"),
        (NET, "dq_next/dh = W", "'q_next' is not known here"),
        (NET, "dh_next/dh_prev = W", "h_next is not made of h_prev within one step"),
        (NET, "∂h_{t+1}/∂h_{t-1} = W", "h_next is not made of h_prev within one step"),
        (NET, "∂h_t/∂δh_t = W", "h is not made of d_h within one step"),
        (NET, "∂h_t/∂h_{t-2} = W", "h is not made of h_t-2 within one step"),
        (NET, "∂h_{t+1}/∂W = 0", "is no matrix; write the gradient d_W"),
        (NET, "d_q = W", "there is no 'q' to differentiate by"),
        (DEEP, "d_x2 = d_a2", "there is no 'x2' to differentiate by"),
        (NET, "layer1.h = h", "'h1' is not known here"),
        (NET, "q = h\nq = a", "'q' is defined already"),
        (NET, "h = tanh(a) * ones(h_2)", "'h_2' is no length"),
        (NET, "h = " + "1000000*" * 150 + "h", "numbers of 1050 digits; at most 1000"),
        (AttentionCell(RNN(2, 2)), "d_h_prev = d_h", "has a term for every later step"),
        (NET, "∂E_t/∂h_t = Vᵀ (ŷ_t − y_t)", "E_t is the loss of one step"),
        (NET, "dE_t/dV = outer(yhat - y, h)", "E_t is the loss of one step"),
        (NET, "∂L/∂h_t = 0", "the loss is called E here"),
        (NET, "dL/dh = 0", "the loss is called E here"),
        (NET, "E_t = 5", "is the loss"),
        (NET, "d_h = h_prev3", "'h_prev3' is not known here"),
        (NET, "I = 0*h", "has a meaning of its own"),
        (NET, "δ_a = d_h*h", "write d_a"),
        (NET, "d_b = Σ δa_t", "write Σ_t for the sum over time"),
        (NET, "h = a(1 - a)", "for a product write *"),
        (AttentionCell(RNN(2, 2)), "m = 0*h_prev", "has a meaning of its own"),
        (AttentionCell(RNN(2, 2)), "alpha_1 = 5", "is an entry of alpha"),
    ],
)
def test_lines_about_what_is_not_there_say_so(net: Any, line: str, why: str) -> None:
    """A letter that is unknown, a step out of reach, a Jacobian that is no matrix: the line is not judged."""
    *_, (status, reason) = reasons(net, line)

    assert (status, why in reason) == ("unread", True)


@pytest.mark.parametrize(
    ("net", "line"),
    [
        (NET, "∂h_t/∂x_{t+1} = 0"),
        (TWO_WAY, "∂h^(forward)_t/∂h^(forward)_{t+1} = 0"),
        (TWO_WAY, "dh_backward/dh_backward_prev = 0"),
    ],
)
def test_what_comes_later_changes_nothing_now(net: Any, line: str) -> None:
    """A Jacobian by a letter of a later step is 0; in the half that runs backwards, by one of an earlier step."""
    assert reasons(net, line)[0][0] == "proved"
    assert reasons(net, line.replace("= 0", "= 1"))[0][0] == "refuted"


@pytest.mark.parametrize(
    "lines",
    [
        ("da/dh_prev = W.T", "dh/dh_prev = diag(1 - h**2) @ W.T"),
        ("dh/da = diag(1 - h)", "dh/dh_prev = diag(1 - h) @ W"),
        ("d_a = d_h*(1 - h)", "d_b = sum_t(d_h*(1 - h))"),
        ("d_a = d_h*(1 - h)", "d_a = (1 - h)*d_h"),
        ("d_a = d_h*h", "d_x = U.T @ (h*d_h)"),
    ],
)
def test_a_line_that_follows_from_a_wrong_one_is_wrong_for_that(lines: tuple[str, str]) -> None:
    """By the chain rule on either side, and for adjoints; the same line with another slip has a fault of its own."""
    first, second = reasons(NET, *lines)
    _, other = reasons(NET, lines[0], f"{lines[1]} * 3")

    assert first == ("refuted", "A real net reaches a state in which the line fails.")
    assert second == ("refuted", "The line is wrong, but it follows from line 1, which is wrong.")
    assert other == ("refuted", "A real net reaches a state in which the line fails.")


def test_the_counterexample_of_a_line_with_a_name_is_the_smallest() -> None:
    """A name is worked out at the first step of the first run already, so that one step is enough to refute."""
    *_, verdict = check_derivation(NET, ["q = d_h", "d_a = q"])

    assert verdict.counterexample is not None
    assert (verdict.counterexample.sizes["T"], verdict.counterexample.step) == (1, 1)


@pytest.mark.parametrize(("line", "hint"), [("dh/db = h", True), ("dh/dx = h", False), ("dh/dx = x", False)])
def test_a_vector_for_a_diagonal_matrix_is_named_where_it_is_one(line: str, hint: bool) -> None:
    """diag(...) is what to write only where its size is the target's."""
    verdict, _ = check_derivation(NET, [line, "right = x"])

    assert ("diag(...)" in (verdict.hint or "")) == hint


EPSILON = "d_h = epsilon + W.T@d_a_next"


@pytest.mark.parametrize(
    ("net", "line", "status"),
    [
        (NET, "∂E_t/∂logits_t = ŷ_t − y_t", "proved"),
        (NET, "d_a = d_a_prev", "refuted"),
        (NET, "∂E/∂W = Σ_t ∂E/∂a_t h_{t-1}ᵀ.", "proved"),
        (NET, "∂E/∂W = Σ_{t=1}^T δa_t h_{t-1}ᵀ", "proved"),
        (NET, "dE/da = dE/dh * (1 - h**2);", "proved"),
        (NET, "dE/da = (1 - h**2)*dE/dh_next", "refuted"),
        (LSTM(2, 3), "dh_prev/dc_prev = 0", "refuted"),
        (LSTM(2, 3), "dh_prev/dc_prev = I", "refuted"),
        (LSTM(2, 3), "dh_prev/dh_prev = I", "proved"),
        (LSTM(2, 3), "d_c_prev = d_h_prev*o_prev*(1 - s_prev**2) + d_c*f", "proved"),
        (LSTM(2, 3), "d_c_prev = d_h_prev*o_prev*(1 - s_prev**2) + d_c*f_prev", "refuted"),
        (TWO_WAY, "δh_{t-1} = Vᵀ (ŷ_{t-1} − y_{t-1})", "proved"),
        (TWO_WAY, "∂E/∂h_{t+1} = Vᵀ (ŷ_{t+1} − y_{t+1})", "proved"),
        (TWO_WAY, "∂E/∂h_{t+1} = Vᵀ (ŷ_t − y_t)", "refuted"),
        (TWO_WAY, "logits_prev = V@h_prev + c", "proved"),
        (TWO_WAY, "d_h_forward_prev = I[0:3] δh_{t-1} + W^(forward)ᵀ δa^(forward)_t", "proved"),
        (TWO_WAY, "dh_backward_next/db_backward = diag(1 - h_backward_next**2)", "proved"),
        (TWO_WAY, "dh_backward_next/db_backward = 0", "refuted"),
        (GATED, "d_c = d_h*o*(1 - s**2) + d_c2_next*f_next", "proved"),
        (GATED, "d_c_readout = sum_t(yhat - y)", "proved"),
        (GATED, "d_c = sum_t(yhat - y)", "unread"),
        (GATED, "logits = V@h + c_readout", "proved"),
    ],
)
def test_letters_mean_what_they_mean_beside_others(net: Any, line: str, status: str) -> None:
    """E_t, ε, states of other steps, the whole and its halves, a cell's c and the readout's: each is itself."""
    assert reasons(net, line)[0][0] == status


@pytest.mark.parametrize("beside", ["d_h = V.T@(yhat - y) + 0*h", EPSILON])
def test_a_letter_means_the_same_whatever_stands_beside(beside: str) -> None:
    """In a net of one layer c is the cell's, with a readout and with any loss."""
    verdicts = check_derivation(Stacked([LSTM(2, 3)]), [beside, "d_f = d_c*c_prev", "c = f*c_prev + i*g"])

    assert [one.status for one in verdicts[1:]] == ["proved", "proved"]


def test_epsilon_has_one_meaning() -> None:
    """It may be defined before it is used, as a name for something else, but not after."""
    before = check_derivation(NET, ["epsilon = yhat - y", "d_h = V.T @ epsilon + W.T @ d_a_next"])
    after = check_derivation(NET, [EPSILON, "epsilon = V.T @ (y - yhat)", EPSILON.replace("_next", "_next*1")])

    assert [one.status for one in before] == ["proved", "proved"]
    assert [one.status for one in after] == ["proved", "unread", "proved"]
    assert "'epsilon' is used above" in after[1].reason


def test_hints_speak_of_letters_as_they_are_written() -> None:
    """Of one step's share of an adjoint of a deep net the hint says h1, as the line does."""
    (verdict, _) = check_derivation(DEEP, ["d_h1_prev = W1.T @ d_a1", "x = x"])

    assert "d_h1_prev is all of ∂E/∂h1 at t−1" in (verdict.hint or "")


@pytest.mark.parametrize("lines", [5, None, 2.5])
def test_what_is_no_text_is_refused(lines: Any) -> None:
    """A derivation is a text or a list of lines."""
    with pytest.raises(FormulaError, match="a derivation is a text or a list of lines, got"):
        check_derivation(NET, lines)


def test_what_has_no_step_has_no_derivation() -> None:
    """A readout and a number have no step in time; a two-way net has no state that goes from step to step."""
    for given in (Readout(3, 2), 3):
        with pytest.raises(FormulaError, match="has no step in time"):
            derive(given)
    with pytest.raises(FormulaError, match=r"RNN is a class; derive a cell, such as RNN\(2, 3\)"):
        derive(RNN)
    for ask in ("product", "bound"):
        with pytest.raises(FormulaError, match="its halves run against each other"):
            getattr(derive(TWO_WAY), ask)()
    with pytest.raises(FormulaError, match="the bounds of derivatives are proved for tanh, sigmoid"):
        slope_proof("relu")


def test_notebooks_show_what_is_written() -> None:
    """Derivations, products over time, bounds and proofs show themselves as the LaTeX that they write."""
    derivation = derive(NET)
    bound, over_time = derivation.bound(), derivation.product()

    assert repr(derivation) == "<Derivation of a step from (h_prev) to (h)>"
    for lines in derivation.equations().values():
        assert all(line.latex in derivation._repr_latex_() for line in lines)
    assert bound.over_time().latex in bound._repr_latex_()
    assert bound.latex() == bound.proof().latex() == bound.proof()._repr_latex_()
    assert over_time.latex() == over_time._repr_latex_()
    assert str(bound.proof().claim) == bound.proof().claim.text
    assert bound.text().endswith(bound.proof().text())


def test_parts_of_matrices_are_written() -> None:
    """Rows, blocks and parts are counted from 1, as printed mathematics does, parts as slices from 0."""
    A, v = symbol("A", (4, 4)).value, symbol("v", (4,)).value
    grid = ((2, 2), (2, 2))
    written = {
        "row": (row(A, 1), "A[2,:]"),
        "part": (part(v, 0, 2), "v[0:2]"),
        "block": (cell(A, 0, 1, grid), "(A)_12"),
    }
    for term, expected in written.values():
        assert text(term).replace(" ", "") == expected
        assert latex(term).count("{") == latex(term).count("}")


def test_a_term_without_factors_has_none_to_take_out() -> None:
    """Only a product over time has a latest factor."""
    A = symbol("A", (4, 4)).value

    assert peel(A) is A
