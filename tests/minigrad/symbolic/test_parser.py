"""The parser: what it reads, what it refuses with a position, and that nothing in a line is ever executed."""

import builtins
import os
import sys
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cells import LSTM, RNN
from minigrad.symbolic import FormulaError, check_derivation
from minigrad.symbolic.parsing.limits import MAX_CHARACTERS, MAX_LINES
from minigrad.symbolic.parsing.names import Symbol
from minigrad.symbolic.parsing.parser import parse_line
from minigrad.symbolic.parsing.syntax import FUNCTIONS, Binary, Call, Name, Negative, Number, Power


@pytest.mark.parametrize(
    ("target", "of", "by"),
    [
        ("dh/dh_prev", "h", "h_prev"),
        ("d_h / d_h_prev", "h", "h_prev"),
        ("dE/da", "E", "a"),
        ("d_W_f", "E", "W_f"),
        ("delta", None, "delta"),
    ],
)
def test_targets_are_told_apart(target: str, of: str | None, by: str) -> None:
    """A quotient is a Jacobian, d_ an adjoint or a gradient, anything else a name."""
    line = parse_line(f"{target} = h")

    assert (line.of, line.by) == (of, by)


def test_a_formula_is_read_as_pythons_grammar_has_it() -> None:
    """Precedence, associativity, .T and numbers come out as in Python."""
    line = parse_line("d_a = -h**2 + W.T @ x * 1.5 - f/2")

    match line.formula:
        case Binary("-", Binary("+", first, second), Binary("/", Name("f"), Number(half))):
            assert first == Negative(Power(Name("h", 8), 2))
            assert isinstance(second, Binary)
            assert half == 2
        case _:
            pytest.fail(f"read as {line.formula}")
    assert parse_line("h = 0.1*h").formula.left == Number(Fraction(1, 10))  # type: ignore[union-attr]
    assert isinstance(parse_line("h = W.T").formula, Call)


def test_comments_and_typography_are_understood() -> None:
    """What follows # is left out; ⊙, · and − are read as they look."""
    assert parse_line("dh/da = diag(1 − h ⊙ h)  # slope").text == "dh/da = diag(1 − h ⊙ h)"
    assert parse_line("dh/da = diag(1 − h ⊙ h)").formula == parse_line("dh/da = diag(1 - h * h)").formula
    assert [v.status for v in check_derivation(RNN(2, 3), "\n# nothing here\n\nda/dx = U   # right\n")] == ["proved"]


#: Lines that try to run something, or that use Python beyond formulas.
EXECUTING = [
    "h = __import__('os').system('touch /tmp/owned')",
    "h = open('/etc/passwd')",
    "h = eval(h)",
    "h = exec(h)",
    "h = (lambda: h)()",
    "h = [x for x in (1, 2)]",
    "h = h.__class__.__mro__",
    "h = h.T.__class__",
    "h = ().__class__",
    "h = W[0]",
    "h = f'{h}'",
    "h = 'h'",
    'h = "h"',
    "h = `h`",
    "h = h if h else x",
    "h = h and x",
    "h = h < x",
    "h = not h",
    "h = ~h",
    "h = h // x",
    "h = h % x",
    "h = h << 2",
    "h = h & x",
    "h = h ^ 2",
    "h = (h := x)",
    "h = *h",
    "h = **h",
    "h = await h",
    "h = yield h",
    "h = tanh(*h)",
    "h = tanh(**h)",
    "h = tanh(x=h)",
    "h = tanh.T(h)",
    "h = tanh(h)(h)",
    "h = W.T.T()",
    "h = tanh",
    "h = print(h)",
    "h = True",
    "h = None",
    "h = ...",
    "h = 1j",
    "h = {h}",
    "h = {}",
    "h = h; import os",
    "h = h \\",
    "h = $h",
    "h = h?",
    "h = @h",
    "h = h!",
    "h = 0x",
    "h = 1_",
    "h = 08",
    "h = h, x",
    "h = ()",
    "h = x.real",
    "h = sum(h, x)",
    "h = diag()",
    "h = outer(h)",
]

#: Lines that would take long, or much memory.
EXHAUSTING = [
    "h = 9**9**9",
    "h = 9**9**9**9**9",
    "h = h**999999999",
    "h = h**1.5",
    "h = h**x",
    "h = h**-999",
    "h = 1e400*h",
    "h = 1e-400*h",
    "h = " + "9" * 500 + "*h",
    "h = " + "9" * 5000,
    "h = " + "(" * 200 + "h" + ")" * 200,
    "h = " + "(" * 100000 + "h",
    "h = " + "tanh(" * 100 + "h" + ")" * 100,
    "h = " + "-" * 500 + "h",
    "h = " + "+" * 500 + "h",
    "h = W" + ".T" * 250,
    "h = " + "h*" * 290 + "h",
    "h = " + "(" * 20 + "9" + "**8)" * 20,
    "h = " + "(" * 20 + "1+h" + ")**8" * 20,
    "h = " + "1000000*" * 70 + "(1000000**8*1000000**8)**3*h",
    "h = ones(1000000)",
    "h = eye(1000000)@h",
    "h = sum_t(sum_t(h))",
    "h = " + " " * 10**6 + "h**9",
    "h = " + "x+" * 10**6 + "x",
]

#: Texts that look like something else.
STRANGE = [
    "",
    "h",
    "=",
    "= h",
    "h =",
    "h == h",
    "h = x = x",
    "h = h\x00",
    "h\x00 = h",
    "\x00 = h",
    "h = \x1b[31mh",
    "h = ℎ",
    "h = ｈ",
    "ｈ = h",
    "h = h\u202e",
    "h = \u200bh",
    "h = ²h",
    "h = Wᵀᵀᵀ (",
    "h = W'",
    "h = \ud800",
    "h = ∂h",
    "h = h\nimport os",
    "dℎ/dh = W",
    "d_ = h",
    "d/d = h",
    "dh/dh_prev/dx = W",
    "3 = h",
    "h + x = h",
    "h[0] = h",
    "h.T = h",
    "tanh = h",
    "H = h",
    "None = h",
    "lambda = h",
    "class = h",
    "__import__ = h",
    "_ = h",
    "h = unknown",
    "h = __builtins__",
    "h = _",
]


@pytest.fixture
def tripwires(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whatever could run something is replaced by something that leaves a trace."""
    sprung: list[str] = []

    def trip(name: str) -> Any:
        return lambda *args, **kwargs: sprung.append(name)

    for module, name in [(os, "system"), (os, "popen"), (builtins, "eval"), (builtins, "exec"), (builtins, "open")]:
        monkeypatch.setattr(module, name, trip(name))
    monkeypatch.setattr(builtins, "print", trip("print"))
    return sprung


@pytest.mark.parametrize("line", EXECUTING + EXHAUSTING + STRANGE, ids=lambda line: ascii(line)[:40])
def test_hostile_lines_are_refused(line: str, tripwires: list[str]) -> None:
    """Code, huge formulas and strange characters get a FormulaError that says what and where; nothing runs."""
    before = set(sys.modules)
    with pytest.raises(FormulaError) as refusal:
        check_derivation(RNN(2, 3), [line]) if line.split("#")[0].strip() else parse_line(line)
    text = str(refusal.value)

    assert tripwires == []
    assert not {"antigravity", "this"} & (set(sys.modules) - before)
    assert "line 1" in text or not line.strip()
    assert len(text) < MAX_CHARACTERS + 600


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("h = tanh(h) + open(x)", 15),
        ("h = h ^ 2", 7),
        ("h = W[0]", 5),
        ("h = 1/0*h", 6),
        ("h = x @ unknown", 9),
        ("h = tanh(W, x)", 5),
        ("h = 3 + h**99", 13),
        ("dh/dh_prev = diag(h) + lambda", 24),
        ("h = 10000000*h", 5),
        ("h = (h + x", 5),
        ("h = 0**(-1)", 1),
    ],
)
def test_errors_say_where(line: str, column: int) -> None:
    """The position is that in the line as it was written, counted from 1."""
    with pytest.raises(FormulaError, match="column") as refusal:
        check_derivation(RNN(3, 3), line)
    found = int(str(refusal.value).split("column ")[1].split()[0].rstrip(";,.:"))

    assert abs(found - column) <= 1


def test_many_lines_cannot_hide_a_large_formula() -> None:
    """Names that double, multiply or nest from line to line are refused, or cost no more than their lines."""
    doubling = ["d1 = h + b"] + [f"d{i + 1} = d{i} + d{i}" for i in range(1, 60)] + ["h = d60"]
    powers = ["d1 = 1 + h"] + [f"d{i + 1} = d{i}**8" for i in range(1, 20)]
    digits = ["d1 = " + "*".join(["1000000"] * 60)] + [f"d{i + 1} = " + "*".join([f"d{i}"] * 60) for i in range(1, 9)]
    nested = ["d1 = h"] + [f"d{i + 1} = tanh(d{i}) + d{i}" for i in range(1, 30)] + ["h = d30"]
    over_time = ["d1 = h"] + [f"d{i + 1} = sum_t(d{i})" for i in range(1, 20)] + ["h = d20"]

    assert check_derivation(RNN(3, 3), doubling)[-1].status == "refuted"
    assert check_derivation(RNN(3, 3), over_time)[-1].status == "refuted"
    assert check_derivation(RNN(3, 3), nested)[-1].status == "refuted"
    for lines in (powers, digits):
        found = check_derivation(RNN(3, 3), lines)
        assert found[-1].status == "unread"
        assert any("multiplied out" in one.reason for one in found)
    with pytest.raises(FormulaError, match=str(MAX_LINES)):
        check_derivation(RNN(2, 3), "h = h\n" * 100_000)


def test_a_long_chain_of_names_does_not_overflow() -> None:
    """A name that rests on two hundred others, one step later each, is worked out without recursion."""
    chain = ["d0 = tanh(a)"] + [f"d{i + 1} = d{i}*1" for i in range(200)] + ["h = d200"]

    assert check_derivation(RNN(2, 3), chain)[-1].status == "proved"


def test_equal_formulas_that_are_too_large_to_multiply_out_are_undecided() -> None:
    """A true line that would have millions of terms is not multiplied out; where sorting settles it, it is proved."""
    sorting = "h = tanh(a) + (h + d_h + a + b)**7*(h + d_h + a)**7 - (b + a + d_h + h)**7*(a + (d_h + h))**7"
    hidden = "h = tanh(U@x + b + W@h_prev) + (h**2 + 2*h*b + b**2)**3*(a + b)**6 - (h + b)**6*(a*a + 2*a*b + b*b)**3"
    proved, undecided = check_derivation(RNN(3, 3), [sorting, hidden])

    assert (proved.status, undecided.status) == ("proved", "undecided")
    assert "multiplied out, this has more than" in undecided.reason


#: Random formulas of everything that the grammar knows.
LETTERS = [
    "h",
    "h_prev",
    "x",
    "W",
    "U",
    "b",
    "a",
    "d_a",
    "d_h_next",
    "yhat",
    "y",
    "V",
    "c",
    "0",
    "1",
    "2",
    "0.5",
    "f_prev",
]
formulas = st.recursive(
    st.sampled_from(LETTERS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "@"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, st.integers(-3, 3)).map(lambda t: f"({t[0]})**{t[1]}"),
        st.tuples(st.sampled_from([f for f, n in FUNCTIONS.items() if n == 1]), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(inner, inner).map(lambda t: f"outer({t[0]}, {t[1]})"),
        inner.map(lambda t: f"({t}).T"),
        inner.map(lambda t: f"-{t}"),
    ),
    max_leaves=8,
)


@given(st.sampled_from(["h", "d_a", "d_W", "dh/dh_prev", "delta"]), formulas)
@example("h", "0**(0-1)")
@example("h", "log(0)*h")
@example("d_a", "sqrt(0-1)*h")
@example("h", "exp(exp(exp(exp(2*h))))*h")
def test_any_formula_gets_a_verdict_or_a_formula_error(target: str, formula: str) -> None:
    """Whatever the grammar can say is judged or refused; nothing else comes out, not even a warning."""
    try:
        (verdict,) = check_derivation(RNN(3, 3), f"{target} = {formula}")
    except FormulaError:
        return
    assert verdict.status in ("proved", "refuted", "undecided", "unread")
    assert str(verdict)


@given(st.text(max_size=60))
def test_any_text_gets_verdicts_or_a_formula_error(text: str) -> None:
    """Whatever is typed, nothing but verdicts or a FormulaError comes out."""
    try:
        check_derivation(LSTM(2, 3), f"h = {text}")
    except FormulaError:
        return


@given(
    st.sampled_from(["h", "W_f", "W_t", "alpha"]),
    st.integers(-12, 12),
    st.sampled_from(["", "layer1", "inner", "backward"]),
    st.booleans(),
)
def test_symbols_and_their_keys_are_inverse(name: str, time: int, place: str, adjoint: bool) -> None:
    """A symbol is read back whole from its key, and moving it in time changes the time alone."""
    symbol = Symbol(name, time, place, adjoint)
    assert Symbol.of(symbol.key) == symbol
    assert symbol.at(0).at(time) == symbol
    assert symbol.adjoint_of().value_of() == symbol.value_of()
