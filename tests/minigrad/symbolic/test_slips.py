"""Hints: random single slips of the known classes are named, and what a hint repairs is true by plain NumPy."""

from typing import Any

import numpy as np
import pytest
from known_slips import CLASSES, slips, text
from verdict_lines import DERIVATIONS, world

from cells import GRU, LSTM, RNN
from minigrad.symbolic import check_derivation
from minigrad.symbolic.checking import checker
from minigrad.symbolic.checking.hints.diagnose import Slip, find_slip

#: One cell of each kind; the others are tried at night.
QUICK = ("RNN tanh", "LSTM peephole", "GRU after keep")
#: How many lines of each class are tried for each cell.
LINES = 2


def lines_with_slips(name: str) -> list[tuple[str, str]]:
    """Some lines of each class, picked at random from all that there are."""
    net, rng = world(name), np.random.default_rng(len(name))
    found: dict[str, list[str]] = {kind: [] for kind in CLASSES}
    for line in DERIVATIONS[name][1]:
        left, right = line.split(" = ", 1)
        for kind, wrong in slips(right, net):
            found[kind].append(f"{left} = {wrong}")
    return [
        (kind, lines[i]) for kind, lines in found.items() for i in rng.permutation(len(lines))[: min(LINES, len(lines))]
    ]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.nightly]) for name in DERIVATIONS],
)
def test_slips_are_named_and_their_repairs_are_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every refuted slip gets a hint of its own class, and what the hint stands for is true in two plain nets."""
    found: list[Slip] = []

    def noted(*args: Any) -> str | None:
        slip = find_slip(*args)
        found.extend([] if slip is None else [slip])
        return None if slip is None else slip.hint

    monkeypatch.setattr(checker, "name_the_slip", noted)
    wrong, elsewhere = 0, []
    for kind, line in lines_with_slips(name):
        found.clear()
        (verdict,) = check_derivation(DERIVATIONS[name][0], line)
        if verdict.status != "refuted" and not verdict.reason.startswith("Read as"):
            continue
        wrong += 1
        if not any(word in (verdict.hint or "") for word in CLASSES[kind]):
            elsewhere.append((kind, line, verdict.hint))
        for slip in found:
            repaired = None if slip.repaired is None else f"{line.split(' = ')[0]} = {text(slip.repaired)}"
            assert repaired is None or all(world(name, seed).is_true(repaired) for seed in (0, 1)), (line, slip.hint)
    assert elsewhere == []
    assert wrong >= len(CLASSES)


#: ∂c/∂h_prev of an LSTM.
THROUGH_H = "diag(c_prev*f*(1 - f)) @ W_f + diag(g*i*(1 - i)) @ W_i + diag(i*(1 - g**2)) @ W_g"

HINTS = [
    (GRU, "d_W_n = sum_t(outer(d_a_n, h_prev))", "the factor r is missing"),
    (RNN, "d_h = (yhat - y) @ V.T + W.T @ d_a_next", "wrong order"),
    (RNN, "d_x = U @ d_a", "U should be transposed"),
    (RNN, "dh/dh_prev = diag(1 - h**2)", "the factor W is missing"),
    (RNN, "d_logits = (yhat - y)*yhat*(1 - yhat)", "the slope yhat (1 − yhat) is too many"),
    (RNN, "a = U @ x + b", "a path is missing: W h_{t-1}"),
    (RNN, "d_h = 2*V.T @ (yhat - y) + W.T @ d_a_next", "a factor: 2 does not belong here"),
    (LSTM, "d_f = d_c", "the factor c_prev is missing"),
    (LSTM, "d_a_o = d_h * s * o*(1 - o**2)", "the slope of σ is f (1 − f)"),
    (lambda D, H: RNN(D, H, activation="relu"), "d_a = d_h", "the derivative of the activation of h is missing"),
    (lambda D, H: RNN(D, H, activation="identity"), "dh/dh_prev = diag(ones(H)) @ (W/2)", "1/2 times"),
    (LSTM, f"dc/dc_prev = diag(f) + ({THROUGH_H}) @ diag(o_prev*(1 - s_prev**2))", "here h_prev is held fixed"),
    (RNN, "d_logits = logits - y", "squared error"),
    (RNN, "da/dx = U.T", "denominator layout"),
    (LSTM, f"dc/dh_prev = ({THROUGH_H}).T", "denominator layout"),
    (LSTM, "c = f*c_prev*i*g", "a product stands where a sum belongs"),
    (RNN, "d_a = d_h @ diag(1 - h**2)", "diag(...) stands before what it scales"),
    (RNN, "d_h = V.T @ (yhat - y) + (1 - h_next**2)*(W.T @ d_h_next)", "1 - h_next**2 stands on the wrong side of W.T"),
    (LSTM, "d_f = d_c*g_prev", "g_prev stands where c_prev belongs"),
    (RNN, "d_a = V.T @ (yhat - y) + W.T @ d_a_next*(1 - h**2)", "is missing"),
    (LSTM, "a_f = W_f @ x + W_f @ h_prev + b_f", "W_f stands where U_f belongs"),
    (RNN, "d_a = d_h*1 - h**2", "brackets are left out of a sum"),
]


@pytest.mark.parametrize(("make", "line", "hint"), HINTS)
def test_further_slips_are_named(make: Any, line: str, hint: str) -> None:
    """A missing gate, a product in the wrong order that has no value, a slope too many: each has its words."""
    (verdict,) = check_derivation(make(2, 3), line)

    assert verdict.status in ("refuted", "unread")
    assert hint in (verdict.hint or "")


@pytest.mark.parametrize("line", ["d_h = tanh(h) + exp(h)", "d_W = W + W.T", "h = sigmoid(b)"])
def test_a_line_that_is_no_slip_gets_no_hint(line: str) -> None:
    """What no single repair makes true is refuted without a guess."""
    (verdict,) = check_derivation(RNN(2, 3), line)

    assert verdict.status == "refuted"
    assert verdict.hint is None


def test_a_repair_that_holds_for_one_length_only_is_no_hint() -> None:
    """With two steps Σ_t W/2 is W; that sum_t is missing is not said, because three steps show otherwise."""
    (verdict,) = check_derivation(RNN(2, 3, activation="identity"), "dh/dh_prev = W/2 + W*0")

    assert "sum_t" not in (verdict.hint or "")
