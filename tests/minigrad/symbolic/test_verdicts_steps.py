"""A verdict does not depend on the step that a line is written about: h_{t-1} or h_{t+1} in the place of h_t."""

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cells import GRU, LSTM, RNN, AttentionCell, Bidirectional, Stacked
from minigrad.symbolic import check_derivation

#: Nets with true lines; in every line each letter that has a time is written in braces.
NETS: dict[str, tuple[Any, list[str]]] = {
    "rnn": (RNN(2, 3), [
        "d{h}/d{h-1} = diag(1 - {h}**2) @ W",
        "d{h}/d{x} = diag(1 - {h}**2) @ U",
        "d_{a} = d_{h} * (1 - {h}**2)",
        "d_{h} = V.T @ ({yhat} - {y}) + W.T @ d_{a+1}",
        "{h} = tanh(U @ {x} + W @ {h-1} + b)",
    ]),
    "lstm": (LSTM(2, 3), [
        "d{h}/d{c} = diag({o} * (1 - {s}**2))",
        "d{c}/d{c-1} = diag({f})",
        "d{c}/d{h-1} = diag({c-1}*{f}*(1-{f})) @ W_f + diag({g}*{i}*(1-{i})) @ W_i + diag({i}*(1-{g}**2)) @ W_g",
        "d_{f} = d_{c} * {c-1}",
        "d_{c} = d_{h}*{o}*(1 - {s}**2) + d_{c+1}*{f+1}",
        "{c} = {f}*{c-1} + {i}*{g}",
        "{h} = {o}*{s}",
        "d{logits}/d{h} = V",
    ]),
    "gru": (GRU(2, 3), [
        "d{h}/d{z} = diag({h-1} - {n})",
        "d_{n} = d_{h} * (1 - {z})",
        "{h} = {z}*{h-1} + (1 - {z})*{n}",
    ]),
    "layers": (Stacked([RNN(2, 3), RNN(3, 4)]), [
        "d{h2}/d{h1} = diag(1 - {h2}**2) @ U2",
        "d{h2}/d{h2-1} = diag(1 - {h2}**2) @ W2",
        "d_{a1} = d_{h1} * (1 - {h1}**2)",
    ]),
    "halves": (Bidirectional(RNN(2, 3), RNN(2, 3)), [
        "d{h_forward}/d{h_forward-1} = diag(1 - {h_forward}**2) @ W_forward",
        "d{h_backward}/d{h_backward+1} = diag(1 - {h_backward}**2) @ W_backward",
        "d{h_backward}/d{x} = diag(1 - {h_backward}**2) @ U_backward",
        "d_{a_backward} = d_{h_backward} * (1 - {h_backward}**2)",
    ]),
}  # fmt: skip

#: Changes of a line; most make it wrong.
CHANGES = [("", ""), (" = ", " = -1 * "), ("} *", "+1} *"), ("{h}", "{h-1}"), ("1 - ", "1 + "), (" + ", " - ")]


def written(line: str, steps: int) -> str:
    """The line about a step so many steps later."""

    def letter(found: re.Match[str]) -> str:
        name, shift = found[1], int(found[2] or 0) + steps
        return name + {0: "", 1: "_next", -1: "_prev", 2: "_next2", -2: "_prev2"}[shift]

    return re.sub(r"\{(\w+)([+-]\d)?\}", letter, line)


@settings(max_examples=25)
@given(st.data())
def test_a_verdict_does_not_depend_on_the_step_a_line_is_about(data: st.DataObject) -> None:
    """A line, right or changed, gets the same status, target and hint at t−1, t and t+1."""
    net, lines = NETS[data.draw(st.sampled_from(sorted(NETS)))]
    line = data.draw(st.sampled_from(lines))
    old, new = data.draw(st.sampled_from(CHANGES))
    left, equals, right = line.partition(" = ")
    changed = left + (equals + right.replace("+1} *", "} *") if new == "+1} *" else equals + right).replace(old, new, 1)
    before, now, after = (check_derivation(net, [written(changed, steps), "q = x"])[0] for steps in (-1, 0, 1))

    assert (before.status, before.target) == (now.status, now.target) == (after.status, after.target)
    assert (before.hint is None) == (now.hint is None) == (after.hint is None)
    assert now.status == "proved" or old


def test_the_memory_of_other_steps_is_another() -> None:
    """A net that reads all its earlier states is asked about step t alone."""
    cell = AttentionCell(RNN(2, 2), score="dot")
    verdict = check_derivation(cell, ["dh_prev/dc_t-2 = 0", "dh_prev/dh_prev2 = 0", "q = x"])[1]

    assert verdict.status == "unread"
    assert "the memory is shorter at the step before" in verdict.reason
