"""The LSTM variants of Greff et al. (2017), each against a plain loop in the paper's own letters.

The paper's letters: W (input weights), R (recurrent weights), p (peepholes), z (block input), y (block
output). Ours are U, W, p, g, h.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cell_cases import close, filled, filled_state, seeds, sigma, sizes
from hypothesis import given
from hypothesis import strategies as st

from cells import LSTM, unroll

tanh = np.tanh


class Paper:
    """A cell's parameters under the paper's names: P.W["i"], P.R["i"], P.p["i"], P.b["i"], P.Rg["if"]."""

    def __init__(self, params: dict[str, Any]) -> None:
        def block(letter: str) -> dict[str, Any]:
            names = {key: key.removeprefix(f"{letter}_").replace("g", "z") for key in params}
            return {names[key]: value for key, value in params.items() if key.startswith(f"{letter}_")}

        self.W, self.R, self.p, self.b, self.Rg = (block(letter) for letter in "UWpbR")

    def net(self, k: str, x: Any, y: Any) -> Any:
        """W_k x + R_k y + b_k."""
        return self.W[k] @ x + self.R[k] @ y + self.b[k]


def vanilla(P: Paper, x: Any, y: Any, c: Any) -> tuple[Any, Any]:
    """Section II.A: block input, three gates with peepholes, cell, block output."""
    z = tanh(P.net("z", x, y))
    i = sigma(P.net("i", x, y) + P.p["i"] * c)
    f = sigma(P.net("f", x, y) + P.p["f"] * c)
    c = z * i + c * f
    o = sigma(P.net("o", x, y) + P.p["o"] * c)
    return tanh(c) * o, c


def nig(P: Paper, x: Any, y: Any, c: Any) -> tuple[Any, Any]:
    """No input gate: i = 1."""
    z = tanh(P.net("z", x, y))
    f = sigma(P.net("f", x, y) + P.p["f"] * c)
    c = z + c * f
    o = sigma(P.net("o", x, y) + P.p["o"] * c)
    return tanh(c) * o, c


def nfg(P: Paper, x: Any, y: Any, c: Any) -> tuple[Any, Any]:
    """No forget gate: f = 1."""
    z = tanh(P.net("z", x, y))
    i = sigma(P.net("i", x, y) + P.p["i"] * c)
    c = z * i + c
    o = sigma(P.net("o", x, y) + P.p["o"] * c)
    return tanh(c) * o, c


def nog(P: Paper, x: Any, y: Any, c: Any) -> tuple[Any, Any]:
    """No output gate: o = 1."""
    z = tanh(P.net("z", x, y))
    i = sigma(P.net("i", x, y) + P.p["i"] * c)
    f = sigma(P.net("f", x, y) + P.p["f"] * c)
    c = z * i + c * f
    return tanh(c), c


def niaf(P: Paper, x: Any, y: Any, c: Any) -> tuple[Any, Any]:
    """No input activation function: g(x) = x."""
    z = P.net("z", x, y)
    i = sigma(P.net("i", x, y) + P.p["i"] * c)
    f = sigma(P.net("f", x, y) + P.p["f"] * c)
    c = z * i + c * f
    o = sigma(P.net("o", x, y) + P.p["o"] * c)
    return tanh(c) * o, c


def noaf(P: Paper, x: Any, y: Any, c: Any) -> tuple[Any, Any]:
    """No output activation function: h(x) = x."""
    z = tanh(P.net("z", x, y))
    i = sigma(P.net("i", x, y) + P.p["i"] * c)
    f = sigma(P.net("f", x, y) + P.p["f"] * c)
    c = z * i + c * f
    o = sigma(P.net("o", x, y) + P.p["o"] * c)
    return c * o, c


def cifg(P: Paper, x: Any, y: Any, c: Any) -> tuple[Any, Any]:
    """Coupled input and forget gate: f = 1 − i, where σ(−a) = 1 − σ(a) turns our f into the paper's i."""
    z = tanh(P.net("z", x, y))
    i = sigma(-P.net("f", x, y) - P.p["f"] * c)
    f = 1 - i
    c = z * i + c * f
    o = sigma(P.net("o", x, y) + P.p["o"] * c)
    return tanh(c) * o, c


def np_(P: Paper, x: Any, y: Any, c: Any) -> tuple[Any, Any]:
    """No peepholes."""
    z = tanh(P.net("z", x, y))
    i = sigma(P.net("i", x, y))
    f = sigma(P.net("f", x, y))
    c = z * i + c * f
    o = sigma(P.net("o", x, y))
    return tanh(c) * o, c


STEPS: dict[str, Callable[..., tuple[Any, Any]]] = {
    "vanilla": vanilla,
    "NIG": nig,
    "NFG": nfg,
    "NOG": nog,
    "NIAF": niaf,
    "NOAF": noaf,
    "CIFG": cifg,
    "NP": np_,
}


@given(seeds, sizes, sizes, st.integers(1, 4))
@pytest.mark.parametrize("name", STEPS)
def test_variant_is_the_papers(name: str, seed: int, D: int, H: int, T: int) -> None:
    """Every variant computes what a plain loop over the paper's formula computes."""
    rng = np.random.default_rng(seed)
    cell = LSTM.variant(name, D, H)
    params, state, xs = filled(cell, rng), filled_state(cell, rng), rng.standard_normal((T, D))
    y, c = state
    P, expected = Paper(params), []
    for x in xs:
        y, c = STEPS[name](P, x, y, c)
        expected.append(y)
    run = unroll(cell, params, xs, state)
    close(run.outputs, np.stack(expected))
    close(run.final.c, c)


@given(seeds, sizes, sizes, st.integers(1, 4))
def test_full_gate_recurrence_is_the_papers(seed: int, D: int, H: int, T: int) -> None:
    """FGR adds nine matrices, by which every gate sees all three gates of the step before."""
    rng = np.random.default_rng(seed)
    cell = LSTM.variant("FGR", D, H)
    params, state, xs = filled(cell, rng), filled_state(cell, rng), rng.standard_normal((T, D))
    P = Paper(params)
    assert len(P.Rg) == 9
    y, c, i, f, o = state
    expected = []
    for x in xs:
        z = tanh(P.net("z", x, y))
        i_net = P.net("i", x, y) + P.p["i"] * c + P.Rg["ii"] @ i + P.Rg["if"] @ f + P.Rg["io"] @ o
        f_net = P.net("f", x, y) + P.p["f"] * c + P.Rg["fi"] @ i + P.Rg["ff"] @ f + P.Rg["fo"] @ o
        o_net = P.net("o", x, y) + P.Rg["oi"] @ i + P.Rg["of"] @ f + P.Rg["oo"] @ o
        i, f = sigma(i_net), sigma(f_net)
        c = z * i + c * f
        o = sigma(o_net + P.p["o"] * c)
        y = tanh(c) * o
        expected.append(y)
    run = unroll(cell, params, xs, state)
    close(run.outputs, np.stack(expected))
    for ours, theirs in zip(run.final, (y, c, i, f, o), strict=True):
        close(ours, theirs)


def test_parameters_of_a_gate_that_is_not_there() -> None:
    """A variant without a gate, or with a coupled one, has no parameters for it."""
    rng = np.random.default_rng(0)
    for name, letter in {"NIG": "i", "NFG": "f", "NOG": "o", "CIFG": "i"}.items():
        params = LSTM.variant(name, 2, 3).init(rng)
        assert not [key for key in params if key.endswith(f"_{letter}")]
    assert not [key for key in LSTM.variant("NP", 2, 3).init(rng) if key.startswith("p_")]


def test_contradicting_switches_are_errors() -> None:
    """A name that is not in the paper, and switches that exclude each other, raise and say why."""
    with pytest.raises(ValueError, match="'NIG'"):
        LSTM.variant("NIX", 2, 3)
    with pytest.raises(ValueError, match="coupled"):
        LSTM(2, 3, coupled=True, forget_gate=False)
    with pytest.raises(ValueError, match="gate_recurrence"):
        LSTM(2, 3, gate_recurrence=True, output_gate=False)
    with pytest.raises(ValueError, match="input_activation"):
        LSTM(2, 3, input_activation="tan")
