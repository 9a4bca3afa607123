"""check_derivation: right lines are proved, slips are named, and what follows from a wrong line is told apart."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from verdict_lines import DERIVATIONS, world

from cells import GRU, LSTM, RNN, AttentionCell, Bidirectional, Readout
from minigrad.symbolic import FormulaError, check_derivation, derive
from minigrad.symbolic.checking.counterexamples import CounterexampleSearch
from minigrad.symbolic.checking.rounding import Measured
from minigrad.testing import assert_derivation
from minigrad.testing.derivations import DerivationError

RIGHT = "dh/dh_prev = diag(1 - h**2) @ W"


def only(cell: Any, line: str) -> Any:
    """The verdict of a single line."""
    (verdict,) = check_derivation(cell, line)
    return verdict


@pytest.mark.quick("RNN tanh", "RNN relu", "LSTM", "LSTM coupled", "GRU before keep", "GRU after write")
@pytest.mark.parametrize("name", DERIVATIONS)
def test_textbook_lines_are_true_and_proved(name: str) -> None:
    """Every right line of every cell and switch is true by plain NumPy and the complex step, and is proved."""
    cell, lines, _ = DERIVATIONS[name]

    assert [line for line in lines if not world(name).is_true(line)] == []
    assert [str(v) for v in check_derivation(cell, lines) if v.status != "proved"] == []


def test_a_derivation_with_any_loss_uses_epsilon() -> None:
    """Without a readout, ε stands for ∂E_t/∂h_t; defined as V.T @ (yhat − y) it is that of the readout."""
    assert only(RNN(2, 3), "d_h = epsilon + W.T @ d_a_next").status == "proved"
    defined = check_derivation(RNN(2, 3), "epsilon = V.T @ (yhat - y)\nd_h = epsilon + W.T @ d_a_next")
    assert [v.status for v in defined] == ["proved", "proved"]
    assert only(derive(RNN(2, 3)), "d_h = epsilon + W.T @ d_a_next").status == "proved"


def test_a_derivation_object_and_a_readout_can_be_passed() -> None:
    """`derive(cell, readout)` is checked with that readout."""
    cell, readout = LSTM(2, 3), Readout(3, 4)

    verdicts = check_derivation(derive(cell, readout), "d_logits = yhat - y\nyhat = softmax(logits)", readout)

    assert [v.status for v in verdicts] == ["proved", "proved"]


SLIPS = [
    (RNN, "dh/dh_prev = W", "the derivative of the activation of h is missing"),
    (RNN, "d_a = V.T @ (yhat - y) + W.T @ d_a_next", "the derivative of the activation of h is missing"),
    (RNN, "dh/dh_prev = diag((1 - h)**2) @ W", "(1 − h)² stands where 1 − h² is meant"),
    (RNN, "dh/dh_prev = diag(1 - h) @ W", "1 − h stands where 1 − h² is meant"),
    (RNN, "dh/dh_prev = diag(1 - h**2) @ W.T", "W is transposed, and should not be"),
    (RNN, "d_h = V.T @ (yhat - y) + W @ d_a_next", "W should be transposed"),
    (RNN, "dh/dh_prev = W @ diag(1 - h**2)", "the factors of a product are in the wrong order"),
    (RNN, "d_W = sum_t(outer(h_prev, d_a))", "the outer product is transposed"),
    (RNN, "d_W = sum_t(outer(d_a, h))", "the time index: h stands where h_prev belongs"),
    (RNN, "d_h = V.T @ (yhat - y) + W.T @ d_a", "the time index: d_a stands where d_a_next belongs"),
    (RNN, "d_h = V.T @ (yhat - y)", "a path is missing: what comes back from the next step"),
    (RNN, "d_h = V.T @ (y - yhat) + W.T @ d_a_next", "a sign is wrong: the difference is the other way round"),
    (RNN, "d_logits = y - yhat", "a sign is wrong"),
    (RNN, "d_W = 2*sum_t(outer(d_a, h_prev))", "a factor: this is 2 times the right formula"),
    (RNN, "d_b = d_a", "the sum over the time steps, sum_t, is missing"),
    (RNN, "d_a = sum_t(d_h * (1 - h**2))", "sum_t does not belong here: this is one step"),
    (RNN, "dh/da = 1 - h**2", "a vector stands where a diagonal matrix is meant"),
    (RNN, "dh/dx = U.T", "this is transposed"),
    (LSTM, "d_a_f = d_c * c_prev * (1 - f**2)", "1 − f² is the slope of tanh; that of σ is f (1 − f)"),
    (LSTM, "d_a_g = d_c * i * g*(1 - g)", "f (1 − f) is the slope of σ; that of tanh is 1 − h²"),
    (LSTM, "dc/dc_prev = diag(f_prev)", "the time index: f_prev stands where f belongs"),
    (LSTM, "d_c = d_h*o*(1 - s**2)", "a path is missing: what comes back from the next step"),
    (LSTM, "d_c = d_h*o*(1 - s**2) + f*d_c_next", "the time index: f stands where f_next belongs"),
    (LSTM, "dc/dh_prev = diag(i*(1 - g**2)) @ W_g + diag(g*i*(1 - i)) @ W_i", "the path through a_f is missing"),
    (LSTM, "dh/dh_prev = diag(s*o*(1 - o)) @ W_o", "the path through c is missing"),
    (LSTM, "d_W_f = sum_t(outer(d_a_i, h_prev))", "the wrong letter: d_a_i stands where d_a_f belongs"),
    (GRU, "dh/dh_prev = diag(z)", "paths are missing"),
    (GRU, "d_h = V.T @ (yhat - y) + z_next*d_h_next", "paths are missing: r_{t+1} ⊙ (W_nᵀ δa_{n,t+1})"),
    (lambda D, H: GRU(D, H, update="write"), "d_n = d_h*(1 - z)", "1 − z stands where z belongs"),
]


@pytest.mark.parametrize(("make", "line", "hint"), SLIPS)
def test_known_slips_are_named(make: Callable[..., Any], line: str, hint: str) -> None:
    """A line with a known slip is refuted, or unread if shapes misfit, and says the slip and the engine's own form."""
    verdict = only(make(2, 3), line)

    assert verdict.status == ("unread" if verdict.reason.startswith("Read as") else "refuted")
    assert hint in (verdict.hint or "")
    assert verdict.line == line
    assert verdict.expected.startswith(line.partition("=")[0].strip())
    assert verdict.hint in str(verdict)


def test_a_counterexample_is_small_and_its_numbers_are_right() -> None:
    """One step of one unit is enough to refute (1 − h)²; both values follow from the letters that it lists."""
    found = only(RNN(2, 3), "dh/dh_prev = diag((1 - h)**2) @ W").counterexample
    h, W = found.letters["h"], found.letters["W"]

    assert found.sizes == {"T": 1, "H": 1, "D": 1, "K": 2}
    assert found.step == 1
    np.testing.assert_allclose(found.formula, np.diag((1 - h) ** 2) @ W)
    np.testing.assert_allclose(found.truth, np.diag(1 - h**2) @ W)
    assert "the formula gives" in str(found)


def test_a_counterexample_is_no_larger_than_it_must_be() -> None:
    """A transposed W needs two units; a path through the next step needs two steps."""
    assert only(RNN(2, 3), "dh/dh_prev = diag(1 - h**2) @ W.T").counterexample.sizes["H"] == 2
    assert only(RNN(2, 3), "d_h = V.T @ (yhat - y)").counterexample.sizes["T"] == 2


def test_the_first_wrong_line_is_told_apart_from_what_follows_from_it() -> None:
    """Right steps from a wrong line are refuted as its consequences, with its number; a new slip is not."""
    verdicts = check_derivation(
        RNN(2, 3),
        """
        dh/da = diag(1 - h)                           # the slip
        dh/dh_prev = diag(1 - h) @ W                  # follows
        dh/dx = diag(1 - h) @ U                       # follows
        dh/dx = diag(1 - h) @ U * 2                   # a slip of its own
        dh/dh_prev = diag(1 - h**2) @ W               # right all the same
        """,
    )

    assert [v.status for v in verdicts] == ["refuted", "refuted", "refuted", "refuted", "proved"]
    assert [v.follows_from for v in verdicts] == [None, 2, 2, None, None]
    assert verdicts[1].hint is None
    assert "line 2" in verdicts[1].reason


def test_a_gradient_can_follow_from_a_wrong_adjoint() -> None:
    """A δ without the slope of tanh, put into ∂E/∂b, is no second slip."""
    wrong = "V.T @ (yhat - y) + W.T @ d_a_next"
    verdicts = check_derivation(RNN(2, 3), [f"d_a = {wrong}", f"d_b = sum_t({wrong})", "d_b = sum_t(d_a)"])

    assert [v.status for v in verdicts] == ["refuted", "refuted", "proved"]
    assert verdicts[1].follows_from == 1


def test_definitions_can_be_used_in_later_lines() -> None:
    """`delta = …` names a formula; it has a value at other steps and under sum_t; it is defined once."""
    lines = "delta = d_h*(1 - h)*(1 + h)\nd_a = delta\nd_h = V.T @ (yhat - y) + W.T @ delta_next\nd_b = sum_t(delta)"

    assert [v.status for v in check_derivation(RNN(2, 3), lines)] == ["proved"] * 4
    again = check_derivation(RNN(2, 3), "delta = h\ndelta = delta + h")[1]

    assert (again.status, again.position) == ("unread", (2, 1))
    assert "defined already" in again.reason


@pytest.mark.parametrize("line", ["h_next = h", "h_prev = h", "yhat = y", "a_next = a", "W = U @ U.T", "x_prev = x"])
def test_a_letter_of_the_cell_cannot_be_redefined(line: str) -> None:
    """A letter on the left is a claim, with _next and _prev as well, so that no later line can rest on it."""
    assert only(RNN(3, 3), line).status == "refuted"


@pytest.mark.parametrize(
    "line",
    [
        "d_logits = yhat*(1 - y) - y*(1 - yhat)",
        "h = tanh(U @ x + W @ h_prev + b)",
        "yhat = softmax(V @ h + c)",
        "yhat = exp(logits) / sum(exp(logits))",
        "dh/da = diag(sum(y)*(1 - h**2))",
        "h = (exp(a) - exp(-a)) / (exp(a) + exp(-a))",
        "h = 2*sigmoid(2*a) - 1",
    ],
)
def test_true_lines_beyond_algebra_are_never_refuted(line: str) -> None:
    """What rests on relations between functions is proved or undecided, and says why."""
    verdict = only(RNN(2, 3), line)

    assert verdict.status in ("proved", "undecided")
    assert verdict.counterexample is None


def test_undecided_lines_say_so() -> None:
    """√h⁴ = h² holds wherever it is tried, but is not proved; 0/0 and overflow are not decided either."""
    relation = only(RNN(2, 3), "h = sqrt(tanh(a)**4) / tanh(a)")
    undefined = only(RNN(2, 3), "dh/da = diag((1 - h**2) * log(0 - exp(h)) / log(0 - exp(h)))")
    overflow = only(RNN(2, 3), "h = h * exp(1000000*h) / exp(1000000*h)")

    assert {v.status for v in (relation, undefined, overflow)} == {"undecided"}
    assert "held wherever it was tried" in relation.reason
    assert "no finite value" in undefined.reason


@pytest.mark.parametrize(
    "line",
    [
        "h = h + (h - tanh(a))*1000000*1000000",
        "h = h + (h + d_h + a + b)**7*(h + d_h + a)**7 - (b + a + d_h + h)**7*(a + (d_h + h))**7",
        "h = h + 1000000*(exp(20*a) - exp(10*a)**2)",
        "dh/da = diag(1 - h**2) + (W - W)/0.000001",
    ],
)
def test_rounding_is_no_counterexample(line: str) -> None:
    """A true line in which large numbers cancel is not refuted for what rounding leaves of them."""
    assert only(RNN(3, 3), line).status in ("proved", "undecided")


def test_a_formula_that_is_tiny_beside_the_truth_is_refuted() -> None:
    """A difference below what runs resolve is one of free symbols."""
    assert only(RNN(2, 3), "dh/dh_prev = diag(1 - h**2) @ W + W/1000000/1000000").status == "refuted"


SHAPES = [
    ("dh/dh_prev = (1 - h**2) * W", "needs equal shapes"),
    ("d_a = W.T @ d_a_next + yhat", "needs equal shapes"),
    ("d_W = sum_t(d_a @ h_prev)", None),
    ("d_W = sum_t(outer(d_a, x))", "shape"),
    ("dh/dh_prev = h @ W", "vectors are columns"),
    ("d_h = diag(W)", "diag takes a vector"),
    ("d_h = softmax(W)", "softmax takes a vector"),
]


@pytest.mark.parametrize(("line", "reason"), SHAPES)
def test_shapes_that_do_not_fit_are_unread_with_the_reading(line: str, reason: str | None) -> None:
    """Nothing is broadcast in silence, and what may have been meant in another way is not refuted."""
    verdict = only(RNN(2, 3), line)

    assert verdict.status == "unread"
    assert verdict.reason.startswith(f"Read as {line.partition(' = ')[2]}, ")
    assert reason is None or reason in verdict.reason
    assert verdict.hint is not None or "write" in verdict.reason or "say it with" in verdict.reason


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (object(), "has no step"),
        (Bidirectional(Bidirectional(RNN(2, 3), RNN(2, 3)), RNN(2, 3)), "use two cells"),
        (Bidirectional(AttentionCell(RNN(3, 3)), RNN(3, 3)), "no formulas of fixed size"),
    ],
)
def test_nets_without_a_step_are_refused(cell: Any, why: str) -> None:
    """What has no single step, or none of fixed size, says so."""
    with pytest.raises(FormulaError, match=why):
        check_derivation(cell, RIGHT)


def test_assert_derivation_reads_well() -> None:
    """It passes in silence, and fails with the wrong line, the hint, the engine's form and a counterexample."""
    assert_derivation(RNN(2, 3), RIGHT)
    with pytest.raises(DerivationError) as failure:
        assert_derivation(RNN(2, 3), [RIGHT, "dh/dh_prev = diag((1 - h)**2) @ W"])
    text = str(failure.value)

    assert "1 of 2 lines" in text
    assert "refuted: dh/dh_prev = diag((1 - h)**2) @ W" in text
    assert "hint: (1 − h)²" in text
    assert "diag(1 − h_t²) W" in text
    assert "the formula gives" in text
    assert isinstance(failure.value, AssertionError)


def test_assert_derivation_fails_on_what_is_undecided_unless_allowed() -> None:
    """An unproved line passes only with `allow_undecided`."""
    line = "h = sqrt(tanh(a)**4) / tanh(a)"

    with pytest.raises(DerivationError, match="undecided"):
        assert_derivation(RNN(2, 3), line)
    assert_derivation(RNN(2, 3), line, allow_undecided=True)


def test_the_tests_would_notice_a_judge_that_is_asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no real nets to try, a wrong line is still not proved, and its counterexample is missed."""
    monkeypatch.setattr(
        CounterexampleSearch,
        "_sides",
        lambda self, line, run, strict=False: iter([(1, Measured.given([0.0]), np.zeros(1))]),
    )

    verdict = only(RNN(2, 3), "dh/dh_prev = diag((1 - h)**2) @ W")

    assert (verdict.status, verdict.counterexample) == ("refuted", None)
