"""Proofs: every step runs again, wrong claims fail, and no bound is ever exceeded."""

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sympy
from derivation_cases import CELLS, random_like
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import GRU, LSTM, RNN, Attention, AttentionCell, Bidirectional, Conv1d, FeedForward, RNNState, Stacked
from minigrad.primitive import PRIMITIVES
from minigrad.pytree import flatten
from minigrad.symbolic import FormulaError, NoBoundError, ProofError, derive, evaluate
from minigrad.symbolic.deriving.activation_bounds import slope_proof, softmax_proof, vanishing_proof
from minigrad.symbolic.deriving.induction import Transition
from minigrad.symbolic.deriving.proof import Proof, ProofStep, Statement
from minigrad.symbolic.terms.names import Index
from minigrad.symbolic.terms.products import ordered_product, product, transpose
from minigrad.symbolic.terms.term import Term

K1, T = Index("k", 1), Index("T")


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_the_slopes_are_proved_and_agree_with_the_numbers(name: str) -> None:
    """0 < tanh' ≤ 1 and 0 < σ' ≤ 1/4 hold step by step, and on a grid of numbers."""
    slope_proof(name).run()
    x = np.linspace(-15, 15, 3001)
    slopes = mg.jvp(getattr(mg, name), (x,), (np.ones_like(x),))[1]
    limit = {"tanh": 1.0, "sigmoid": 0.25}[name]

    assert (slopes > 0).all()
    assert (slopes <= limit).all()
    assert (slopes == limit).sum() == 1
    assert slopes[1500] == limit


def test_a_wrong_slope_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With tan' in the place of tanh' the first step of the proof fails, and the error names it."""
    wrong = replace_slope("tanh", lambda y, x: 1 + y * y)
    monkeypatch.setitem(PRIMITIVES, "tanh", wrong)

    assert not slope_proof("tanh").holds
    with pytest.raises(ProofError, match="tanh'"):
        slope_proof("tanh").run()


def replace_slope(name: str, slope: Any) -> Any:
    """The primitive with another slope."""
    return type(PRIMITIVES[name])(name, PRIMITIVES[name].value, (slope,), (slope,), slope)


def test_the_other_lemmas_hold() -> None:
    """The softmax's norm and the limit are proved."""
    softmax_proof().run()
    vanishing_proof(Statement("ρ", r"\rho")).run()
    rng = np.random.default_rng(0)
    for _ in range(200):
        alpha = rng.dirichlet(np.full(rng.integers(2, 6), 0.3))
        assert np.linalg.norm(np.diag(alpha) - np.outer(alpha, alpha), 2) <= 0.5 + 1e-12


def test_a_proof_with_a_wrong_step_fails_at_that_step() -> None:
    """`run` raises with the statement of the step that does not hold."""
    x = sympy.Symbol("x", real=True)
    good = ProofStep(Statement("x² ≥ 0", "x^2 \\ge 0"), "sympy", lambda: bool((x**2).is_nonnegative))
    bad = ProofStep(Statement("x ≥ 0", "x \\ge 0"), "sympy", lambda: bool(x.is_nonnegative))
    proof = Proof(good.statement, (), (), (good, bad))

    assert not proof.holds
    with pytest.raises(ProofError, match="x ≥ 0"):
        proof.run()


@pytest.mark.parametrize("name", CELLS)
def test_the_product_over_time_is_proved_by_induction(name: str) -> None:
    """∂s_T/∂s_k = ∏ J_t: base and step hold for every cell."""
    proof = derive(CELLS[name]).product().proof()

    assert [step.check() for step in proof.steps] == [True, True]


def wrong_claims(claim: Transition) -> dict[str, Term]:
    """Claims with one slip each."""
    J = claim.jacobian
    return {
        "earliest factor on the left": ordered_product(J, "t", K1, T, descending=False),
        "transposed": ordered_product(transpose(J), "t", K1, T),
        "squared": ordered_product(product(J, J), "t", K1, T),
        "one factor too many": ordered_product(J, "t", Index("k"), T),
        "one factor too few": ordered_product(J, "t", K1.shifted(1), T),
        "ends one step early": ordered_product(J, "t", K1, T.shifted(-1)),
        "a single step": J,
    }


@pytest.mark.parametrize("name", ["RNN tanh", "LSTM", "GRU before keep"])
def test_wrong_products_are_not_proved(name: str) -> None:
    """Each slip breaks the base or the step."""
    claim = derive(CELLS[name]).product()
    for slip, formula in wrong_claims(claim).items():
        assert not replace(claim, claim=formula).proof().holds, slip


def test_a_self_consistent_claim_passes_the_step_and_fails_the_base() -> None:
    """One factor too many satisfies the recurrence; only the base case catches it."""
    claim = derive(RNN(2, 3)).product()
    base, step = replace(claim, claim=wrong_claims(claim)["one factor too many"]).proof().steps

    assert step.check()
    assert not base.check()


@pytest.mark.parametrize("name", CELLS)
def test_bounds_are_proved_again_step_by_step(name: str) -> None:
    """Every inequality of every cell's bound comes out the same when the rules are applied again."""
    derive(CELLS[name]).bound().proof().run()


def test_a_bound_that_is_made_smaller_is_not_proved() -> None:
    """Halving the factor, or any inequality's right side, breaks the proof."""
    bound = derive(GRU(2, 3)).bound()

    assert not replace(bound, factor=0.5 * bound.factor).proof().holds
    for i, line in enumerate(bound.inequalities):
        lines = list(bound.inequalities)
        lines[i] = replace(line, right=0.5 * line.right)
        assert not replace(bound, inequalities=tuple(lines)).proof().holds


def test_the_bounds_are_the_textbooks() -> None:
    """RNN: ‖W‖; GRU: 1 + ‖W_n‖ (1 + ‖W_r‖/4) + ‖W_z‖/2; both to the power T − k."""
    assert derive(RNN(2, 3)).bound().over_time().text == "‖∂h_T/∂h_k‖ ≤ ‖W‖^(T-k)"
    assert derive(RNN(2, 3, activation="sigmoid")).bound().statement().text == "‖∂h_t/∂h_{t-1}‖ ≤ (1/4) ‖W‖"
    assert str(derive(GRU(2, 3)).bound().factor) == "1 + ‖W_n‖ (1 + (1/4) ‖W_r‖) + (1/2) ‖W_z‖"


def test_assumptions_are_listed_where_they_are_needed() -> None:
    """The GRU's bound needs |h_0| ≤ 1; the LSTM's grows with c; the coupled LSTM's c stays in [−1, 1]."""
    assert derive(GRU(2, 3)).bound().within == ("h",)
    assert derive(RNN(2, 3)).bound().within == ()
    assert str(derive(LSTM(2, 3)).bound().growth["c"]) == "1 + max|c_{t-1}|"
    assert derive(LSTM(2, 3, coupled=True)).bound().within == ("c",)


@given(st.sampled_from(list(CELLS)), st.integers(0, 10**6), st.floats(0.05, 4.0))
def test_no_bound_is_ever_exceeded(name: str, seed: int, size: float) -> None:
    """‖J_t‖ ≤ factor at every step, and ‖∂s_T/∂s_0‖ ≤ their product, on random nets of every size of weights."""
    cell, rng = CELLS[name], np.random.default_rng(seed)
    derivation = _derived(name)
    params = random_like(rng, cell.init(rng), size)
    leaves, structure = flatten(cell.initial_state())
    state = structure.unflatten([rng.uniform(-1, 1, leaf.shape) for leaf in leaves])
    xs = size * rng.standard_normal((5, cell.input_size))
    factors = _bound(name).factors(params, steps=5, inputs=float(np.max(np.abs(xs))))
    reached, limit = np.eye(sum(leaf.size for leaf in leaves)), 1.0
    for factor, x in zip(factors, xs, strict=True):
        jacobian = derivation.evaluate(derivation.joint, params, state, x)
        state = cell.step(params, state, x)
        reached, limit = jacobian @ reached, limit * factor

        assert np.linalg.norm(jacobian, 2) <= factor * (1 + 1e-9)
        assert np.linalg.norm(reached, 2) <= limit * (1 + 1e-9)
    assert all(a <= b * (1 + 1e-12) for a, b in pairwise(factors))


def test_a_bound_that_grows_with_the_inputs_says_so() -> None:
    """Without a squashed g the LSTM's bound holds x_max: it is assumed, named and asked for."""
    bound = derive(LSTM.variant("NIAF", 2, 3)).bound()
    params = LSTM.variant("NIAF", 2, 3).init(np.random.default_rng(0))

    assert bound.needs_inputs
    assert "x_max" in bound.statement().text
    assert "every entry of every input is in [−x_max, x_max]" in bound.assumptions()
    assert bound.proof().holds
    assert bound.evaluate(params, inputs=1.0) < bound.evaluate(params, inputs=5.0)
    with pytest.raises(FormulaError, match="pass inputs="):
        bound.evaluate(params)
    assert not derive(LSTM(2, 3)).bound().needs_inputs


class _Gated:
    """h = gate(U x + W h_prev) ⊙ tanh(V h_prev), as a user may write it."""

    input_size, hidden_size = 2, 3

    def __init__(self, gate: Any) -> None:
        self.gate = gate

    def init(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {name: rng.standard_normal((3, size)) for name, size in (("U", 2), ("W", 3), ("V", 3))}

    def initial_state(self) -> RNNState:
        return RNNState(np.zeros(3))

    def step(self, params: Any, state: RNNState, x: Any) -> RNNState:
        gate = mg.named("f", self.gate(mg.linear(params["U"], x) + mg.linear(params["W"], state.h)))
        return RNNState(mg.named("h", gate * mg.tanh(mg.linear(params["V"], state.h))))


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (_Gated(mg.exp), "holds max|f_t|, which the parameters alone do not limit"),
        (_Gated(lambda a: 1 / (1 + mg.exp(a))), "which the parameters alone do not limit"),
        (_Gated(lambda a: mg.sum(a)), "which the parameters alone do not limit"),
        (AttentionCell(RNN(2, 3)), "reads all its earlier states"),
        (Attention(3), "has no steps in time"),
        (Conv1d(2, 3, 2), "no value that this step computes is read by the next one"),
        (FeedForward(2, 3), "no value that this step computes is read by the next one"),
        (Bidirectional(RNN(2, 3), LSTM(2, 3)), "its halves run against each other"),
    ],
    ids=lambda given: given if isinstance(given, str) else type(given).__name__,
)
def test_where_no_bound_is_proved_the_reason_is_told(net: Any, reason: str) -> None:
    """Exponential gates, attention, a convolution: one kind of error says why, and all else is derived."""
    derivation = derive(net)
    with pytest.raises(NoBoundError, match=re.escape(reason)) as error:
        derivation.bound()

    assert not str(error.value).endswith(".")
    assert derivation.text()


def test_a_relu_gate_has_a_bound_that_holds_the_inputs() -> None:
    """A gate that nothing squashes: its bound grows with the inputs and with the state, and holds on random runs."""
    cell, rng = _Gated(mg.relu), np.random.default_rng(0)
    derivation, params, state = derive(cell), cell.init(rng), cell.initial_state()
    xs = rng.uniform(-1, 1, (4, 2))

    for factor, x in zip(derivation.bound().factors(params, steps=4, start=0.0, inputs=1.0), xs, strict=True):
        assert np.linalg.norm(derivation.evaluate(derivation.joint, params, state, x), 2) <= factor * (1 + 1e-9)
        state = cell.step(params, state, x)
    assert derivation.bound().needs_inputs


class _OneUnit:
    """h = tanh(w h_prev + w Σ x), whose state and weight are scalars."""

    input_size = 2

    def init(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"w": np.array(0.5)}

    def initial_state(self) -> RNNState:
        return RNNState(np.zeros(()))

    def step(self, params: Any, state: RNNState, x: Any) -> RNNState:
        return RNNState(mg.named("h", mg.tanh(params["w"] * state.h + params["w"] * mg.sum(x))))


def test_the_bound_of_a_scalar_state_is_its_magnitude() -> None:
    """A cell whose state is one number has the bound max|w|, and it can be evaluated."""
    bound = derive(_OneUnit()).bound()

    assert bound.proof().holds
    assert str(bound.factor) == "max|w|"
    assert bound.evaluate({"w": np.array(-0.5)}, steps=3) == 0.5


def test_a_net_whose_step_cannot_be_run_is_not_derived() -> None:
    """A stacked net with a bidirectional layer has no single step, which is an error of formulas like any other."""
    with pytest.raises(FormulaError, match="needs the whole sequence"):
        derive(Stacked([Bidirectional(RNN(2, 3), RNN(2, 3)), RNN(6, 2)]))


_DERIVED: dict[str, Any] = {}
_BOUNDS: dict[str, Any] = {}


def _derived(name: str) -> Any:
    if name not in _DERIVED:
        _DERIVED[name] = derive(CELLS[name])
    return _DERIVED[name]


def _bound(name: str) -> Any:
    if name not in _BOUNDS:
        _BOUNDS[name] = _derived(name).bound()
    return _BOUNDS[name]


@given(st.sampled_from(["additive", "dot", "scaled_dot", "general", "concat"]), st.integers(0, 10**6))
def test_attentions_bounds_are_never_exceeded(score: str, seed: int) -> None:
    """‖∂context/∂q‖ and ‖∂context/∂m_s‖ stay below their proved bounds on random memories."""
    attention, rng = Attention(4, score=score), np.random.default_rng(seed)
    derivation = derive(attention)
    params = random_like(rng, attention.init(rng), 2.0)
    values = {**params, "q": rng.standard_normal(4), **{f"m_{s}": rng.standard_normal(4) for s in (1, 2, 3)}}
    for wrt in ("q", "m_1", "m_3"):
        norm = np.linalg.norm(evaluate(derivation.jacobian("context", wrt), values), 2)

        assert norm <= derivation.bound("context", wrt).value(values) * (1 + 1e-9)


@pytest.mark.parametrize("score", ["additive", "dot", "scaled_dot", "general", "concat"])
def test_attentions_bounds_are_proved(score: str) -> None:
    """Every line of the bounds of ∂context/∂q and ∂context/∂m_s holds when it is run again."""
    derivation = derive(Attention(4, score=score))

    derivation.bound("context", "q").proof().run()
    derivation.bound("context", "m_2").proof().run()


def test_all_that_an_invariant_needs_is_assumed() -> None:
    """An LSTM with h = o ⊙ c needs |c_0| ≤ 1 wherever |h_0| ≤ 1 is assumed, and the proof says that both stay."""
    bound = derive(LSTM(2, 3, coupled=True, output_activation="identity")).bound()
    statements = [step.statement.text for step in bound.proof().steps]

    assert "c" in bound.within
    assert "if |c_{t-1}| ≤ 1 in every entry, then |c_t| ≤ 1" in statements
    assert bound.proof().holds


def test_the_bound_of_the_rnn_is_reached() -> None:
    """At h = 0 with an orthogonal W the Jacobian has exactly the norm of the bound: the factor 1 is not lost."""
    cell, rng = RNN(2, 3), np.random.default_rng(0)
    params = cell.init(rng) | {"U": np.zeros((3, 2))}
    jacobian = mg.jacobian(lambda h: cell.step(params, type(cell.initial_state())(h), np.zeros(2)).h)(np.zeros(3))

    assert np.isclose(np.linalg.norm(jacobian, 2), derive(cell).bound().evaluate(params))


def test_proofs_are_written_with_their_axioms() -> None:
    """Text and LaTeX of a proof hold the claim, the axioms and each step."""
    proof = derive(RNN(2, 3)).bound().proof()

    assert "Axiom: ‖A B‖ ≤ ‖A‖ ‖B‖" in proof.text()
    assert "0 < tanh'(x) ≤ 1" in proof.text()
    assert proof.latex().startswith(r"\begin{align*}")
    assert r"\left\lVert W\right\rVert^{T-k}" in proof.latex()
