"""The claims: every step runs again, every counterexample is recomputed by plain NumPy, and faults are noticed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cell_cases import sigma

import cells.claims.claim as evidence
from cells import LSTM, RNN, claims
from minigrad.primitive import PRIMITIVES
from minigrad.symbolic import ProofError, check_derivation
from minigrad.symbolic.deriving.proof import ProofStep, Statement

CLAIMS = {claim.name: claim for claim in claims.examine()}

EXPECTED = {
    "tanh_slope": "proved",
    "tan_slope": "refuted",
    "small_weight_vanishes": "qualified",
    "large_weight_explodes": "qualified",
    "pascanu_eigenvalue": "refuted",
    "pascanu_singular_value": "proved",
    "lstm_cell_path": "qualified",
    "lstm_whole_jacobian": "refuted",
    "forget_bias": "qualified",
    "coupled_gates": "proved",
    "peepholes": "proved",
    "shared_weights": "refuted",
    "gru_direct_path": "qualified",
    "attention_direct_path": "qualified",
    "attention_saturates": "refuted",
    "softmax_cross_entropy": "proved",
    "weight_decay": "qualified",
    "gradient_clipping": "qualified",
    "parameters_and_length": "proved",
}


def test_every_claim_has_its_verdict() -> None:
    """All claims are there, once, with the verdicts that were reviewed."""
    assert {name: claim.verdict for name, claim in CLAIMS.items()} == EXPECTED
    assert len(claims.examine()) == len(CLAIMS)


STEPS = [(name, i) for name, claim in CLAIMS.items() for i in range(len(claim.proof.steps))]


@pytest.mark.parametrize(("name", "i"), STEPS)
def test_every_step_holds(name: str, i: int) -> None:
    """Each step of each proof is done again, and returns True itself, not something like it."""
    assert CLAIMS[name].proof.steps[i].check() is True


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_are_complete(name: str) -> None:
    """A claim has text, LaTeX, a reason of two or three sentences, steps, and a counterexample unless proved."""
    claim = CLAIMS[name]
    sentences = claim.reason.replace("et al.", "et al").count(". ") + claim.reason.endswith(".")

    assert claim.statement.text
    assert claim.statement.latex
    assert claim.statement.latex.isascii()
    assert 2 <= sentences <= 3
    assert len(claim.proof.steps) >= 3
    assert (claim.counterexample is None) == (claim.verdict == "proved")
    assert claim.verdict != "qualified" or claim.proof.assumptions


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_are_written(name: str) -> None:
    """Text holds verdict, reason, steps and counterexample; LaTeX has balanced braces and no stray signs."""
    claim = CLAIMS[name]
    text, latex = claim.text(), claim.latex()

    assert claim.verdict.upper() in text
    assert all(step.statement.text in text for step in claim.proof.steps)
    assert claim.counterexample is None or "Counterexample:" in text
    assert latex.count("{") == latex.count("}")
    assert latex.count("$") % 2 == 0
    assert latex.partition("\\begin")[0].isascii()
    assert claim._repr_latex_().startswith("$")


# -- counterexamples again, without the cells ----------------------------------------------------


def by_differences(step: Callable[[np.ndarray], np.ndarray], start: np.ndarray, steps: int) -> np.ndarray:
    """The product of one-step Jacobians, each by the complex step."""
    J, state = np.eye(len(start)), start.astype(float)
    for _ in range(steps):
        columns = [np.imag(step(state + 1e-30j * unit)) / 1e-30 for unit in np.eye(len(start))]
        J, state = np.stack(columns, 1) @ J, np.real(step(state + 0j))
    return J


def lstm(f: float, i: float, o: float, a_g: Callable[[Any], Any]) -> Any:
    """One LSTM unit on the pair (h, c), with gates that do not depend on it."""

    def step(state: np.ndarray) -> np.ndarray:
        h, c = state
        new = f * c + i * np.tanh(a_g(h))
        return np.stack([o * np.tanh(new), new])

    return step


def rnn(W: np.ndarray, b: np.ndarray) -> Any:
    """A tanh RNN without input."""
    return lambda h: np.tanh(W @ h + b)


def test_small_weights_can_explode() -> None:
    """Three units with all weights 1/2: the product of Jacobians at h = 0 has the norm 1.5^20."""
    found = CLAIMS["small_weight_vanishes"].counterexample.run()  # type: ignore[union-attr]
    J = by_differences(rnn(np.full((3, 3), 0.5), np.zeros(3)), np.zeros(3), 20)

    assert np.isclose(found["‖∂h_20/∂h_0‖"], np.linalg.norm(J, 2))
    assert np.isclose(found["‖∂h_20/∂h_0‖"], 1.5**20)


def test_large_weights_can_vanish() -> None:
    """A unit with w = 1/tanh 1 at its fixed point has the derivative 2/sinh 2 = 0.551 a step."""
    found = CLAIMS["large_weight_explodes"].counterexample.run()  # type: ignore[union-attr]
    J = by_differences(rnn(np.array([[1 / np.tanh(1)]]), np.zeros(1)), np.tanh([1.0]), 50)

    assert np.isclose(found["derivative per step"], 2 / np.sinh(2))
    assert np.isclose(found["|∂h_50/∂h_0|"], J.item(), rtol=1e-6)


def test_eigenvalues_do_not_decide() -> None:
    """W = 3 [[1, −1], [1, −1]] with eigenvalues 0: ‖J_30‖ = 6e5 at the fixed point."""
    found = CLAIMS["pascanu_eigenvalue"].counterexample.run()  # type: ignore[union-attr]
    W, h = 3 * np.array([[1.0, -1], [1, -1]]), np.array([0, np.sqrt(0.5)])
    J = np.linalg.matrix_power(np.diag(1 - h**2) @ W, 30)

    assert np.isclose(found["‖∂h_30/∂h_0‖"], np.linalg.norm(J, 2), rtol=1e-6)
    assert np.isclose(found["‖∂h_30/∂h_0‖"], 6.06e5, rtol=1e-2)


def test_an_lstm_forgets() -> None:
    """With zero weights and bias 1, c keeps σ(1)^50."""
    found = CLAIMS["lstm_cell_path"].counterexample.run()  # type: ignore[union-attr]

    assert np.isclose(found["f"], sigma(1.0))
    assert np.isclose(found["∂c_50/∂c_0"], sigma(1.0) ** 50)


def test_an_lstm_explodes_and_dies() -> None:
    """f = 0.9, u = 4 grows by 1.9 a step; f = 1, u = −4 is 0 after two."""
    found = CLAIMS["lstm_whole_jacobian"].counterexample.run()  # type: ignore[union-attr]
    growing = by_differences(lstm(0.9, 0.5, 0.5, lambda h: 4 * h), np.zeros(2), 30)
    dying = by_differences(lstm(1.0, 0.5, 0.5, lambda h: -4 * h), np.zeros(2), 2)

    assert np.isclose(found["f = 0.9, W_g = 4: norm after 30 steps"], np.linalg.norm(growing, 2))
    assert np.isclose(np.linalg.norm(growing, 2) / 1.9**30, 1.3, atol=0.2)
    assert np.linalg.norm(dying, 2) < 1e-12
    assert found["f = 1, W_g = −4: norm after 2 steps"] < 1e-12


def test_shared_weights_cannot_keep() -> None:
    """With i = f ≈ 1 the cell counts up, one a step; with i ≈ 0 it keeps."""
    found = CLAIMS["shared_weights"].counterexample.run()  # type: ignore[union-attr]
    count = keep = 1.0
    for _ in range(20):
        count = sigma(9.0) * count + sigma(9.0) * np.tanh(9.0)
        keep = sigma(9.0) * keep + sigma(-9.0) * np.tanh(9.0)

    assert np.isclose(found["c after 20 steps, f = 1 shared, c_0 = 1"], count)
    assert np.isclose(found["c after 20 steps, f = 1, i = 0, c_0 = 1"], keep)


def test_a_gru_grows_past_its_direct_path() -> None:
    """One unit with W_n = 4 at 0: z + (1 − z) r W_n = 1.5 a step, z alone 0.5."""
    found = CLAIMS["gru_direct_path"].counterexample.run()  # type: ignore[union-attr]

    assert np.isclose(found["∂h_20/∂h_0"], 1.5**20)
    assert np.isclose(found["z^20"], 0.5**20)


def test_attention_thins_out_and_saturates() -> None:
    """Equal weights give a direct path of 1/S; a sure query gets M (diag(α) − α αᵀ) Mᵀ ≈ 0."""
    thin = CLAIMS["attention_direct_path"].counterexample.run()  # type: ignore[union-attr]
    sure = CLAIMS["attention_saturates"].counterexample.run()  # type: ignore[union-attr]
    alpha = np.exp([0.0, -40, -40]) / np.exp([0.0, -40, -40]).sum()

    assert np.isclose(thin["‖∂context/∂m_1‖, S = 10"], 1 / 10)
    assert np.isclose(thin["‖∂context/∂m_1‖, S = 1000"], 1 / 1000)
    assert np.isclose(sure["‖∂context/∂q‖"], np.linalg.norm(np.diag(alpha) - np.outer(alpha, alpha), 2), atol=1e-15)


def test_weight_decay_loses_against_a_pull() -> None:
    """‖W‖ ← (1 − 0.02) ‖W‖ + 0.1 goes from 1 towards 5."""
    found = CLAIMS["weight_decay"].counterexample.run()  # type: ignore[union-attr]
    norm = 1.0
    for _ in range(50):
        norm = norm - 0.1 * (0.2 * norm - 1)

    assert np.isclose(found["‖W‖ after"], norm)
    assert np.isclose(found["bound after"], norm)


def test_clipping_by_value_turns_the_gradient() -> None:
    """The cosine between (1, 0.1) and (3, 0.1) is below 1."""
    found = CLAIMS["gradient_clipping"].counterexample.run()  # type: ignore[union-attr]
    a, b = np.array([1.0, 0.1]), np.array([3.0, 0.1])

    assert np.isclose(found["cosine"], a @ b / np.sqrt((a @ a) * (b @ b)))


def test_tan_is_steep_where_tanh_is_flat() -> None:
    """tan'(1) = 1 + tan²(1) and tanh'(1) = 1 − tanh²(1)."""
    found = CLAIMS["tan_slope"].counterexample.run()  # type: ignore[union-attr]

    assert np.isclose(found["tan'(1)"], 1 + np.tan(1.0) ** 2)
    assert np.isclose(found["tanh'(1)"], 1 - np.tanh(1.0) ** 2)


# -- faults ---------------------------------------------------------------------------------------


def test_a_false_claim_fails() -> None:
    """A claim with one wrong step, or a counterexample that shows nothing, does not hold and says what is wrong."""
    claim = CLAIMS["large_weight_explodes"]
    wrong = ProofStep(Statement("w < 1", "w < 1"), "wishful thinking", lambda: False)
    false = replace(claim, proof=replace(claim.proof, steps=(*claim.proof.steps, wrong)))
    empty = replace(claim, counterexample=replace(claim.counterexample, compute=lambda: dict.fromkeys(_KEYS, 2.0)))  # type: ignore[type-var]

    assert claim.holds
    assert not false.holds
    with pytest.raises(ProofError, match="wishful thinking"):
        false.run()
    with pytest.raises(ProofError, match="no counterexample"):
        empty.run()


_KEYS = ("w", "derivative per step", "|∂h_50/∂h_0|")


def test_lines_that_are_wrong_do_not_pass_as_steps() -> None:
    """A step that expects a wrong line to be proved, or a right one to be refuted, does not hold."""
    right, wrong = "dh/dh_prev = diag(1 - h**2) @ W", "dh/dh_prev = diag(1 - h) @ W"

    assert evidence.line(RNN(2, 3), right, "").check()
    assert not evidence.line(RNN(2, 3), wrong, "").check()
    assert evidence.line(RNN(2, 3), wrong, "", "refuted").check()
    assert not evidence.line(RNN(2, 3), right, "", "refuted").check()


#: A wrong derivative rule of the engine, and claims that have to notice it.
FAULTS = [
    ("tanh", lambda y, x: 1 - y, ["tanh_slope", "large_weight_explodes"]),
    ("sigmoid", lambda y, x: y, ["pascanu_singular_value", "gru_direct_path", "peepholes"]),
]


@pytest.mark.parametrize(("name", "slope", "noticed"), FAULTS)
def test_a_wrong_rule_of_the_engine_is_noticed(name: str, slope: Any, noticed: list[str]) -> None:
    """With a wrong derivative in the engine the claims that rest on it do not hold any more."""
    primitive = PRIMITIVES[name]
    right = {field: getattr(primitive, field) for field in ("vjps", "jvps", "slope")}
    rules = (lambda g, y, x: g * slope(y, x),)
    try:
        for field, fault in {"vjps": rules, "jvps": rules, "slope": slope}.items():
            object.__setattr__(primitive, field, fault)
        assert [claim for claim in noticed if _holds(CLAIMS[claim])] == []
    finally:
        for field, rule in right.items():
            object.__setattr__(primitive, field, rule)


def _holds(claim: Any) -> bool:
    """True if a claim holds; any error means that it does not."""
    try:
        return bool(claim.holds)
    except Exception:
        return False


def test_a_cell_with_a_slip_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the LSTM kept twice its cell state, the claims about f would fail."""
    honest = LSTM.step

    def step(self: LSTM, params: Any, state: Any, x: Any) -> Any:
        return honest(self, params, state._replace(c=2 * state.c), x)

    monkeypatch.setattr(LSTM, "step", step)

    assert not any(_holds(CLAIMS[name]) for name in ("forget_bias", "lstm_cell_path", "shared_weights"))
    assert check_derivation(LSTM(2, 3), "dc/dc_prev = diag(f)")[0].status == "refuted"
