"""Submissions from anyone: no line costs the others their verdicts, the time is limited, and texts are escaped."""

import re
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells import RNN
from minigrad.symbolic import check_derivation
from minigrad.symbolic.checking import budget
from minigrad.symbolic.checking.counterexamples import CounterexampleSearch
from minigrad.symbolic.printing.text import SIGNS

NET = RNN(2, 3)


def test_a_fault_of_the_checker_costs_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of any class while a line is judged makes that line undecided, and the others are judged."""
    trial = CounterexampleSearch.trial

    def failing(self: CounterexampleSearch, line: Any) -> Any:
        if "7" in line.text:
            raise ZeroDivisionError
        return trial(self, line)

    monkeypatch.setattr(CounterexampleSearch, "trial", failing)
    before, faulty, after = check_derivation(NET, ["h = tanh(a)", "h = 7*a", "h = a"])

    assert (before.status, faulty.status, after.status) == ("proved", "undecided", "refuted")
    assert "a fault of minigrad" in faulty.reason


def test_a_jump_at_a_scalar_of_unknown_sign_is_judged() -> None:
    """[Σx eᵇ > 0] = [Σx > 0] leaves no vector behind when the positive factor is taken out."""
    line = "h = tanh(a) + positive(sum(x)*exp(b)) - positive(sum(x)*exp(2*b))"

    assert check_derivation(NET, line)[0].status in ("proved", "undecided")


def test_hints_are_given_up_before_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many wrong lines the first have hints, then there are none, then lines are undecided for lack of time."""
    ticks = count()
    monkeypatch.setattr(budget, "thread_time", lambda: next(ticks) / 50)
    slips = [f"d_a = d_h*(1 - h**2)*{k}" for k in range(2, 40)]
    found = check_derivation(NET, slips, budget=3.0)
    kinds = [(one.status, one.hint is not None or one.follows_from is not None) for one in found]

    assert sorted(set(kinds), key=kinds.index) == [("refuted", True), ("refuted", False), ("undecided", False)]
    assert "is used up" in found[-1].reason
    assert "The time for hints is used up" in next(one for one in found if not one.hint).reason


def test_without_any_time_nothing_is_judged() -> None:
    """With a budget of 0 every line is undecided and says so; without a limit it is judged."""
    (none,), (all_of_it,) = (check_derivation(NET, "h = tanh(a)", budget=seconds) for seconds in (0.0, None))

    assert (none.status, all_of_it.status) == ("undecided", "proved")
    assert "processor time" in none.reason


#: What `prose` writes for signs that TeX would act on.
ESCAPED = re.compile(r"\\textbackslash\{\}|\\[{}$&#%_]|\\[\^~]\{\}|\\dots\{\}")
COMMANDS = re.compile("|".join(map(re.escape, sorted((s for s in SIGNS.values() if "\\" in s), key=len, reverse=True))))


@given(
    st.text(st.sampled_from("W_{}^\\$%&#~ =5ch\x1b\u202e\x07σ₁|<−∂⊙ᵀ\ninput")),
    st.sampled_from(["h = ", "W_{", "", "d_"]),
)
def test_latex_of_any_line_has_no_command_of_its_own(text: str, start: str) -> None:
    """What a line holds that TeX or a terminal would act on is escaped, whatever the line is."""
    for verdict in check_derivation(NET, [start + text.replace("\n", " ") + " = 1", "q = x"]):
        if verdict.status == "unread":
            shown = verdict.latex().removeprefix(r"\paragraph{Unread} \texttt{")
            rest = COMMANDS.sub("", ESCAPED.sub("", shown))

            assert not set(rest) & set("\\%&#~"), rest
            assert "^^" not in rest
        assert str(verdict).replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "line", [r"W_{\input /etc/passwd } = 1", "^^5cinput{/etc/passwd} = 1", "h = W_{^^5cinput x}", "50% = $x$"]
)
def test_known_attacks_on_latex_are_shown(line: str) -> None:
    """File names and characters by number reach TeX as text."""
    latex = check_derivation(NET, [line, "q = x"])[0].latex()

    assert not re.search(r"\\input|\^\^|(?<!\\)[%$]x", latex)
