"""Hundreds of random true rewritings are proved, hundreds of random slips refuted, judged by plain NumPy."""

from typing import Any

import numpy as np
import pytest
from verdict_changes import rewritten, slipped
from verdict_lines import DERIVATIONS, world
from verdict_oracle import World

from minigrad.symbolic import check_derivation

#: All cells are rewritten; slips are made in these, which have all kinds of paths between them.
SLIPPED = ["RNN tanh", "RNN sigmoid", "LSTM", "LSTM peephole", "LSTM coupled", "LSTM NIG", "LSTM NOAF",
           "GRU before keep", "GRU before write", "GRU after keep", "GRU after write"]  # fmt: skip


def plain(lines: list[str]) -> list[str]:
    """Right lines with lengths written as H, so that no letter in them can be replaced."""
    return [line.replace("ones(c)", "ones(H)").replace("ones(h)", "ones(H)").replace("ones(g)", "ones(H)")
            .replace("ones(s)", "ones(H)") for line in lines]  # fmt: skip


def definitions(lines: list[str], net: World) -> dict[str, str]:
    """What may be written for a letter: its own definition, or the recurrence of an adjoint."""
    pairs = [line.split(" = ", 1) for line in lines]
    found = {left: right for left, right in pairs if "/" not in left and left.removeprefix("d_") not in net.params}
    gates = {k: f"sigmoid(a_{k})" for k in net.gates() if k not in "gn"} if net.kind != "RNN" else {}
    return found | gates


@pytest.mark.quick("RNN tanh", "LSTM coupled", "GRU before write")
@pytest.mark.parametrize("name", DERIVATIONS)
def test_true_rewritings_are_proved(name: str) -> None:
    """One to four laws of algebra or definitions applied at random places keep every line true, and proved."""
    cell, lines, _ = DERIVATIONS[name]
    net, rng, lines = world(name), np.random.default_rng(len(name)), plain(lines)
    known = definitions(lines, net)
    changed = []
    for line in lines:
        left, right = line.split(" = ", 1)
        changed.append(f"{left} = {rewritten(right, net, known, rng, int(rng.integers(1, 5)))}")

    assert [line for line in changed if not net.is_true(line)] == []
    assert [str(v) for v in check_derivation(cell, changed) if v.status != "proved"] == []
    assert sum(new != old for new, old in zip(changed, lines, strict=True)) >= len(lines) - 1


def is_true(name: str, line: str) -> bool:
    """Whether plain NumPy finds the line true on two nets; a line without a value is not."""
    try:
        return all(world(name, seed).is_true(line) for seed in (0, 1))
    except (ValueError, KeyError, NameError, IndexError, AttributeError):
        return False


@pytest.mark.parametrize("name", SLIPPED)
def test_single_slips_are_refuted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip at a random place is refuted, unless plain NumPy finds the line still true; no wrong line is proved."""
    monkeypatch.setattr("minigrad.symbolic.checking.checker.name_the_slip", lambda *_: None)
    monkeypatch.setattr("minigrad.symbolic.checking.checker.MAX_SOURCES", 0)
    cell, lines, _ = DERIVATIONS[name]
    net, rng = world(name), np.random.default_rng(len(name))
    changed = []
    for line in plain(lines) * 2:
        left, right = line.split(" = ", 1)
        changed.append(f"{left} = {slipped(right, net, rng)}")
    truths = [is_true(name, line) for line in changed]
    verdicts = check_derivation(cell, changed)
    wrong_verdicts = [
        (truth, str(v)) for truth, v in zip(truths, verdicts, strict=True) if v.status != _expected(truth, v)
    ]

    assert wrong_verdicts == []
    assert truths.count(False) >= 0.9 * len(lines) * 2


def _expected(truth: bool, verdict: Any) -> str:
    """Wrong lines are refuted, or unread if their shapes misfit; true ones are anything but refuted."""
    if not truth:
        return "unread" if verdict.reason.startswith("Read as") else "refuted"
    return "proved" if verdict.status == "refuted" else verdict.status


def test_there_are_hundreds_of_each() -> None:
    """More than 600 lines are rewritten, and, nine in ten of them being wrong, more than 500 with a slip judged."""
    assert sum(len(DERIVATIONS[name][1]) for name in DERIVATIONS) > 600
    assert 0.9 * 2 * sum(len(DERIVATIONS[name][1]) for name in SLIPPED) > 500


def test_the_oracle_notices_a_wrong_line() -> None:
    """The judge of these tests is awake: a right line is true to it, one with a slip is not."""
    assert is_true("RNN tanh", "dh/dh_prev = diag(1 - h**2) @ W")
    assert not is_true("RNN tanh", "dh/dh_prev = diag((1 - h)**2) @ W")
    assert not is_true("LSTM", "d_c = d_h*o*(1 - s**2)")
    assert not is_true("GRU before keep", "d_W_n = sum_t(outer(d_a_n, h_prev))")
