"""Lines in printed notation: the same trees as in Python's, and what cannot be read is refused where it stands."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells import GRU, LSTM, RNN, Attention, Stacked
from minigrad.symbolic import FormulaError, check_derivation, derive
from minigrad.symbolic.deriving.equations import is_commentary
from minigrad.symbolic.parsing.parser import parse_line
from minigrad.symbolic.parsing.syntax import Binary, Call, Expression, Name, Number, parts, with_parts
from minigrad.symbolic.parsing.unicode import read_printed

NET = RNN(2, 3)


def without_columns(part: Expression) -> Expression:
    """The same tree with every position at 0."""
    inner = tuple(without_columns(one) for one in parts(part))
    match part:
        case Name(name):
            return Name(name, 0)
        case Binary(operator):
            return Binary(operator, inner[0], inner[1], 0)
        case Call(function):
            return Call(function, inner, 0)
        case _:
            return with_parts(part, inner) if inner else part


# Each recipe writes the same formula twice: as it is printed, and in Python's notation.
Pair = tuple[str, str]

LETTERS: list[Pair] = [
    ("h_t", "h"), ("h_{t-1}", "h_prev"), ("h_{t+1}", "h_next"), ("a_{f,t}", "a_f"), ("W_f", "W_f"), ("δa_t", "d_a"),
    ("ŷ_t", "yhat"), ("α", "alpha"), ("2", "2"), ("0.25", "0.25"), ("0", "0"), ("h^(1)_{t-1}", "layer1.h_prev"),
    ("c̃_t", "c_tilde"),
]  # fmt: skip


def _grown(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    pairs = st.tuples(inner, inner)
    signs = st.sampled_from([("+", "+"), ("−", "-"), ("–", "-"), ("⊙", "*"), ("∘", "*"), ("/", "/"), ("@", "@")])
    powers = st.sampled_from([("²", "**2"), ("³", "**3"), ("⁻¹", "**-1"), ("**2", "**2"), ("**(-2)", "**-2")])
    functions = st.sampled_from(["tanh", "exp", "diag", "relu", "softmax"])
    return st.one_of(
        st.builds(lambda p, s: (f"({p[0][0]}) {s[0]} ({p[1][0]})", f"({p[0][1]}) {s[1]} ({p[1][1]})"), pairs, signs),
        st.builds(lambda p, s: (f"({p[0]}){s[0]}", f"({p[1]}){s[1]}"), inner, powers),
        st.builds(lambda p, f: (f"{f}({p[0]})", f"{f}({p[1]})"), inner, functions),
        inner.map(lambda p: (f"σ({p[0]})", f"sigmoid({p[1]})")),
        inner.map(lambda p: (f"tanh²({p[0]})", f"tanh({p[1]})**2")),
        inner.map(lambda p: (f"({p[0]}).T", f"({p[1]}).T")),
        inner.map(lambda p: (f"−({p[0]})", f"-({p[1]})")),
        inner.map(lambda p: (f"[{p[0]} > 0]", f"positive({p[1]})")),
        inner.map(lambda p: (f"({p[0]})^(1/2)", f"sqrt({p[1]})")),
        inner.map(lambda p: (f"({p[0]})^(-1/2)", f"sqrt({p[1]})**-1")),
        pairs.map(lambda p: (f"[{p[0][0]}, {p[1][0]}]", f"columns({p[0][1]}, {p[1][1]})")),
        pairs.map(lambda p: (f"[{p[0][0]}; {p[1][0]}]", f"concat({p[0][1]}, {p[1][1]})")),
        pairs.map(lambda p: (f"outer({p[0][0]}, {p[1][0]})", f"outer({p[0][1]}, {p[1][1]})")),
    )


@given(st.recursive(st.sampled_from(LETTERS), _grown, max_leaves=6))
def test_printed_signs_are_read_as_pythons(pair: Pair) -> None:
    """A random formula in printed signs and the same in Python's notation become one tree."""
    printed, plain = pair

    assert without_columns(read_printed(printed, 0)) == without_columns(parse_line(f"h = {plain}").formula)


def test_sums_parts_and_unit_vectors_are_read() -> None:
    """What only print has: Σ over time, columns of I, parts of a matrix, ᵀ, factors side by side and halves."""
    h, W = Name("h", 0), Name("W", 0)
    trees: dict[str, Expression] = {
        "Σ_{t=1..T} h_t": Call("sum_t", (h,), 0),
        "∑_{t=1..T} h_t ⊙ W": Call("sum_t", (Binary("*", h, W, 0),), 0),
        "I[:,2]": Call("unit", (Number(Fraction(2)),), 0),
        "I[:,s]": Call("unit", (Name("s", 0),), 0),
        "W[0:3]": Call("slice", (W, Number(Fraction(0)), Number(Fraction(3))), 0),
        "Wᵀ": Call("turned", (W,), 0),
        "W h": Binary(" ", W, h, 0),
        "1/2 h": Binary(" ", Binary("/", Number(Fraction(1)), Number(Fraction(2)), 0), h, 0),
        "m_{2}": Call("entry", (Name("m", 0), Number(Fraction(2))), 0),
        "W · h": Binary("·", W, h, 0),
    }
    for text, tree in trees.items():
        assert without_columns(read_printed(text, 0)) == tree, text


#: What is wrong, where, and what the error says. δ makes a line one in printed signs.
MALFORMED = {
    "(h": (1, r"this \( is not closed; write a \)"),
    "[h": (1, r"this \[ is not closed; write a \]"),
    "tanh(h]": (7, r"'\]' does not belong here; \) is expected, to close the \( at column"),
    "h)": (2, r"'\)' does not belong here"),
    "⊙ h": (1, "a letter or a number is expected"),
    "h ⊙": (4, "ends too early; a letter or a number is expected"),
    "": (1, "ends too early"),
    "(" * 50 + "h" + ")" * 50: (102, "nested more than 40 deep"),
    "+".join(["h"] * 200): (322, "too many terms"),
    "⊙".join(["h"] * 200): (322, "too many factors"),
    " ".join(["h"] * 200): (323, "too many factors"),
    "−" * 50 + "h": (42, "too many signs"),
    "Σ_{t=1..T} " * 50 + "h": (452, "too many signs"),
    "W" + "ᵀ" * 50: (42, "too many signs after a factor"),
    "2h": (2, "have a space between them"),
    "W[0:1+1]": (2, r"whole numbers, as in A\[0:2\]"),
    "W[0;1]": (4, ": is expected, to close the"),
    "tanh(h, x)": (1, r"tanh takes 1 argument\(s\), got 2"),
    "outer(h)": (1, r"outer takes 2 argument\(s\), got 1"),
    "tanh⁻¹(h)": (5, "an inverse or a power"),
    "tanh² (h)": (5, "an inverse or a power"),
    "[h > 1]": (1, "a comparison is one with 0"),
    "[" + ", ".join(["h"] * 50) + "]": (1, "at most 40 columns"),
    "[h, x; W]": (6, r"';' does not belong here; \] is expected"),
    "007 h": (1, "does not begin with 0 as 007 does"),
    "10000000 h": (1, "too large or too small"),
    "0.0000001 h": (1, "too large or too small"),
    "h⁻": (2, "'⁻' is no exponent"),
    "h^(1/0)": (2, "is no exponent"),
    "h^(1/3)": (2, "a half as in"),
    "h⁹": (2, "a whole number from -8 to 8"),
    "h^2": (2, "write h² or"),
    "h ~ x": (3, "the sign '~' is not known"),
    "a_{t,x+y}": (1, "'x.y' is no index"),
    "h / W x": (3, r"\(a / b\) c or a / \(b c\)"),
}


@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: ascii(text)[:30])
def test_what_cannot_be_read_is_refused_where_it_stands(text: str) -> None:
    """Every mistake has its own message, at the column of the sign that is wrong, after what stands before it."""
    column, words = MALFORMED[text]
    for before in (0, 7):
        with pytest.raises(FormulaError, match=words) as refusal:
            read_printed(text, before)
        assert refusal.value.column == column + before


def verdict(line: str, cell: Any = NET) -> Any:
    """The verdict on a line, beside one that is right."""
    return check_derivation(cell, [line, "h = h" if cell is NET else "q = q"])[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("δh_t = I", "the size of I, or of a 1 that stands for a vector, cannot be told here"),
        ("δh_t = δh_t 1ᵀ", "cannot be told here"),
        ("δh_t = δh_tᵀ", "the formula is a row"),
        ("δh_t = δh_tᵀ W", "the formula is a row"),
        ("δh_t = tanh(δh_tᵀ)", "tanh takes no row"),
        ("δh_t = δh_tᵀ + δh_t", "a row and a column"),
        ("δh_t = W δh_tᵀ", "before a row there stands a column or a number"),
        ("δh_t = δh_tᵀ x_t", "a row of H cannot multiply a column of D"),
        ("δh_t = [W, δh_t] δh_t", "in [ , ] there stand vectors"),
        ("δh_t = ones(W) ⊙ δh_t", "'W' is no length"),
        ("δh_t = ones(h + h) ⊙ δh_t", "ones takes a length such as H"),
        ("δh_t = eye(5) δh_t", "eye takes a length such as H"),
        ("δh_t = unit(x) + δh_t", "the number of a place"),
        ("δh_t = entry(h, x) δh_t", "the number of a place"),
        ("δh_t = I[:,1]", "vectors of a known length only"),
        ("δh_t = h_{2} δh_t", "vectors of a known length only"),
        ("δh_t = q δh_t", "'q' is not known here"),
        ("δh_t = Σ_{t=1..T} Σ_{t=1..T} δh_t", "one time to sum over"),
        ("tanh = δh_t", "has a meaning of its own"),
        ("h + a = δh_t", "is no target"),
        ("∂h_t/∂(a) = δh_t", "is no target"),
        ("E = δh_t", "'E' is the loss"),
        ("dh = δh_t", "would be a new name, not a statement"),
    ],
)
def test_formulas_whose_sizes_do_not_go_together_say_why(line: str, words: str) -> None:
    """What shapes, lengths and letters rule out in a line is said, and the line beside it is judged all the same."""
    found = verdict(line)

    assert found.status == "unread"
    assert words in found.reason


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("h_t = (I I) g", "proved"),
        ("h_t = (W I + I W − 2 W) g + g", "proved"),
        ("h_t = 1 ⊙ g", "proved"),
        ("h_t = (1 × g) · 1", "proved"),
        ("h_t = g + (1 1ᵀ − ones(h) 1ᵀ) g", "proved"),
        ("h_t = g + 2 ⊙ (1ᵀ g − sum(g)) ⊙ g", "proved"),
        ("h_t = (gᵀ ⊙ ones(H)ᵀ)ᵀ", "proved"),
        ("h_t = ((2 g)ᵀ − gᵀ)ᵀ", "proved"),
        ("h_t = transpose(transpose(g))", "proved"),
        ("h_t = transpose(I) g", "proved"),
        ("h_t = diag(g) 1", "proved"),
        ("δh_t = [δh_t, a_t] [1; 0]", "unread"),
        ("h_t = [g; a_t][0:H]", "proved"),
        ("δh_t = [h_t; δh_t][0:H]", "refuted"),
        ("δh_t = sum(outer(δh_t, 1)) δh_t", "unread"),
        ("∂h_t/∂h_t = 1", "refuted"),
        ("∂h_t/∂h_t = I", "proved"),
        ("∂h_t/∂h_{t+1} = 0", "proved"),
        ("∂E/∂y_t = 0", "unread"),
        ("δh_t = 0", "refuted"),
    ],
)  # fmt: skip
def test_sizes_follow_from_what_stands_beside(line: str, status: str) -> None:
    """I, 1 and 0 take the size that their surroundings tell, rows and columns multiply as they are written."""
    assert check_derivation(NET, ["g = tanh(a_t)", line])[-1].status == status


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        ("∂context/∂e = [m_1, m_2, m_3] (diag(α) − α αᵀ)", "proved", ""),
        ("δe = α_1 I[:,1] ⊙ δα + I[:,2] ⊙ α ⊙ δα + I[:,3] ⊙ α ⊙ δα − α (αᵀ δα) + (1 − α_1) δα_1 ⊙ 0 ⊙ α",
         "proved", ""),
        ("δe = α ⊙ δα − α (αᵀ δα) + (α_{1} − α_1) ⊙ α", "proved", ""),
        ("δe = α ⊙ δα − α (αᵀ δα) + entry(α, 4) ⊙ α", "unread", "there is no entry 4 in a vector of 3"),
        ("δe = α ⊙ δα − α (αᵀ δα) + entry(m, 1) ⊙ α", "unread", "only a vector has numbered entries"),
        ("δe = α ⊙ δα − α (αᵀ δα) + m[0:4] q − m q", "unread", "there are no rows 0 to 4 of 3"),
        ("δe = α ⊙ δα − α (αᵀ δα) + m[0:3] q − m q", "proved", ""),
        ("δe = (α ⊙ δα − α (αᵀ δα)) ⊙ ones(3)", "proved", ""),
        ("δe = (α ⊙ δα − α (αᵀ δα)) ⊙ ones(4)", "unread", "a length such as H"),
        ("δe = [α, α_1] δα", "unread", "there stand vectors"),
        ("δe = diag(m) δα", "unread", "diag takes a vector"),
        ("δe = softmax(m) δα", "unread", "softmax takes a vector"),
        ("δe = [α, q] δα", "unread", "parts of one height"),
    ],
)  # fmt: skip
def test_places_and_columns_of_a_memory(line: str, status: str, words: str) -> None:
    """Entries, unit vectors, rows and columns of vectors of a known length; what is not there has no value."""
    found = verdict(line, Attention(2, score="dot"))

    assert (found.status, words in found.reason) == (status, True)


@pytest.mark.parametrize(
    "cell", [LSTM(2, 3), GRU(2, 3), Stacked([RNN(2, 3), RNN(3, 2)])], ids=lambda cell: type(cell).__name__
)
def test_printed_derivations_go_back_in_whole(cell: Any) -> None:
    """A derivation, its product over time and its bound, as printed, are proved line by line; all else is skipped."""
    derivation = derive(cell)
    parts = [derivation.text(), derivation.product().text(), derivation.bound().text()]
    verdicts = check_derivation(cell, "\n\n".join(parts))

    assert {verdict.status for verdict in verdicts} == {"proved"}
    assert len(verdicts) == sum(len(lines) for name, lines in derivation.equations().items() if name != "Over time")


@pytest.mark.parametrize(
    "line",
    [
        "The stepp",
        "Claim dh/dh_prev = 0",
        "1. dh/dh_prev = 0",
        "dh_T = dh_k",
        "dh/dh_prev = diag(1 - h**2) @ W",
        "d_h <= 1",
    ],
)
def test_only_what_derivations_print_is_skipped(line: str) -> None:
    """Lines that merely resemble headings, proofs or bounds are read as lines."""
    assert not is_commentary(line)
