"""Any bytes at all: the promises of `fuzz_targets`, with bytes drawn by Hypothesis.

Longer runs, guided by coverage: ``python tests/fuzzing/fuzz.py TARGET --seconds 300``.
"""

import pytest
from fuzz_targets import SEEDS, TARGETS
from hypothesis import given
from hypothesis import strategies as st

#: What formulas are made of, so that some lines get past the first look.
TOKENS = [
    *("h", "h_prev", "W", "U", "x", "a", "b", "V", "yhat", "y", "d_h", "d_a_next", "dh/dh_prev", "dE/da", "H", "E"),
    *("=", "+", "-", "*", "/", "@", "**", "(", ")", ".T", ",", "#", "\n", " ", "1", "2", "0.5", "1e6", "-3"),
    *("diag(", "outer(", "sum_t(", "ones(", "zeros(", "tanh(", "sigmoid(", "softmax(", "transpose(", "−", "⊙", "²"),
]


@st.composite
def mutations(draw: st.DrawFn, name: str) -> bytes:
    """A valid input with a few bytes flipped, cut out, doubled or put in."""
    data = bytearray(draw(st.sampled_from(SEEDS[name])))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 8)))
        data[start:end] = draw(st.sampled_from([b"", bytes(data[start:end]) * 2]) | st.binary(max_size=8))
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    """Arbitrary bytes are used as promised or refused as promised."""
    TARGETS[name](data.draw(st.binary(max_size=200)))


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
def test_damaged_inputs(name: str, data: st.DataObject) -> None:
    """Valid inputs with some damage are used as promised or refused as promised."""
    TARGETS[name](data.draw(mutations(name)))


@pytest.mark.parametrize("name", ["formula", "verdict"])
@given(tokens=st.lists(st.sampled_from(TOKENS), max_size=20))
def test_any_words_of_formulas(name: str, tokens: list[str]) -> None:
    """Words of formulas in any order get a reading or a verdict, or a FormulaError."""
    TARGETS[name]("".join(tokens).encode())
    TARGETS[name](f"d_h = {''.join(tokens)}".encode())


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds(name: str) -> None:
    """The inputs that fuzzing starts from keep the promise themselves."""
    for seed in SEEDS[name]:
        TARGETS[name](seed)


def test_a_broken_promise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If reading failed with anything but the promised error, the targets would fail."""
    monkeypatch.setattr("fuzz_targets.parse_line", lambda line: line.index("="))
    monkeypatch.setattr("fuzz_targets.read_weights", lambda path: (None, None)[2])

    with pytest.raises(ValueError, match="substring not found"):
        TARGETS["formula"](b"h")
    with pytest.raises(IndexError):
        TARGETS["weights"](b"")
