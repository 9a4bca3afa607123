"""Derived formulas against the engine's numbers, for every cell and every switch."""

from typing import Any

import numpy as np
import pytest
from derivation_cases import CELLS, REMEMBERING, random_like, random_step
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import GRU, LSTM, RNN, Attention, Readout, RNNState, Stacked, unroll
from minigrad.pytree import flatten
from minigrad.sweep import reverse_sweep
from minigrad.symbolic import FormulaError, derive, equal, evaluate, normal_form
from minigrad.symbolic.terms.linear import read_linear
from minigrad.symbolic.terms.names import NEXT, NOW
from minigrad.symbolic.terms.products import transpose
from minigrad.symbolic.terms.rebuild import at_time

EVERY = CELLS | REMEMBERING


def numeric_jacobians(cell: Any, derivation: Any, params: Any, state: Any, x: Any) -> Any:
    """Every ∂(part of the new state)/∂(input of the step) by the engine's reverse sweeps on numbers."""
    plan = derivation.step.plan
    results = mg.jacobian(cell.step, wrt=(0, 1, 2))(params, state, x)
    _, structure = flatten(cell.step(params, state, x))
    before = plan.labels_before(flatten(state)[1])
    for path, block in zip(structure.paths(), _blocks(results, structure.size), strict=True):
        label = plan.labels.get(path)
        if label is None or label.key not in derivation.step.after:
            continue
        found = dict(zip(derivation.step.parameters, flatten(block[0])[0], strict=True)) | {"x": block[2]}
        for earlier, part in zip(before, flatten(block[1])[0], strict=True):
            found[earlier.key] = found.get(earlier.key, 0.0) + part
        for key, expected in found.items():
            yield label.key, key, expected


def _blocks(results: Any, count: int) -> list[Any]:
    """The tuples (∂/∂params, ∂/∂state, ∂/∂x), one for each leaf of the new state."""
    found: list[Any] = []
    stack = [results]
    while stack:
        part = stack.pop()
        if isinstance(part, tuple) and not hasattr(part, "_fields") and isinstance(part[0], dict):
            found.append(part)
        elif isinstance(part, tuple):
            stack += reversed([one for one in part if one is not None])
    assert len(found) == count
    return found


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("seed", range(2))
def test_every_jacobian_is_the_engines(name: str, seed: int) -> None:
    """∂(new state)/∂(parameter, state before, x), evaluated on random arrays, is the numeric Jacobian to 1e-10."""
    cell, rng = EVERY[name], np.random.default_rng(seed)
    derivation = derive(cell)
    params, state, x = random_step(cell, rng)
    checked = set()
    for out, wrt, expected in numeric_jacobians(cell, derivation, params, state, x):
        changes = {}
        if expected.ndim == 3:
            place, dot, letter = wrt.rpartition(".")
            changes = {f"{place}{dot}Δ{letter}": rng.standard_normal(expected.shape[1:])}
            expected = np.tensordot(expected, next(iter(changes.values())), 2)
        got = derivation.evaluate(derivation.jacobian(out, wrt), params, state, x, changes)

        assert np.abs(expected - got).max() < 1e-10, (out, wrt)
        checked.add((out, wrt))
    inputs = (*derivation.step.parameters, *derivation.step.before, "x")
    assert checked == {(out, wrt) for out in derivation.step.after for wrt in inputs}


def test_the_textbook_form_of_the_rnn_comes_out() -> None:
    """∂h_t/∂h_{t-1} = diag(1 − h_t²) W, as text and as LaTeX."""
    found = derive(RNN(2, 3)).jacobian("h", "h_prev")

    assert str(found) == "diag(1 − h_t²) W"
    assert found._repr_latex_() == r"$\displaystyle \operatorname{diag}\left(1 - h_{t}^{2}\right)\, W$"


def test_the_lstms_jacobian_is_factored_at_the_cell_state() -> None:
    """diag(o ⊙ (1 − s²)) stands once, in front of a bracket, and the four blocks are the textbook's."""
    derivation = derive(LSTM(2, 3))
    text = str(derivation.jacobian("h", "h_prev"))

    assert text.count("diag(o_t ⊙ (1 − s_t²)) (") == 1
    assert str(derivation.jacobian("c", "c_prev")) == "diag(f_t)"
    assert str(derivation.jacobian("h", "c_prev")) == "diag(f_t ⊙ o_t ⊙ (1 − s_t²))"


def test_the_adjoints_of_the_rnn_are_backpropagation_through_time() -> None:
    """δh = Vᵀ (ŷ − y) + Wᵀ δa_{t+1}, δa = δh ⊙ (1 − h²), ∂E/∂W = Σ δa h_{t-1}ᵀ."""
    derivation = derive(RNN(2, 3), Readout(3, 4))

    assert str(derivation.adjoints["h"]) == "Vᵀ (ŷ_t − y_t) + Wᵀ δa_{t+1}"
    assert str(derivation.adjoints["a"]) == "δh_t ⊙ (1 − h_t²)"
    assert str(derivation.gradients["W"]) == "Σ_{t=1..T} δa_t h_{t-1}ᵀ"


@pytest.mark.parametrize("name", CELLS)
def test_adjoints_and_gradients_are_the_engines_over_many_steps(name: str) -> None:
    """Running the derived recurrences backwards in NumPy gives mg.grad of the whole loss, T = 1, 2, 4."""
    cell, rng = CELLS[name], np.random.default_rng(3)
    readout = Readout(cell.hidden_size, 4)
    derivation = derive(cell, readout)
    params, heard = random_like(rng, cell.init(rng)), random_like(rng, readout.init(rng))
    for T in (1, 2, 4):
        xs, ys = rng.standard_normal((T, cell.input_size)), rng.dirichlet(np.ones(4), T)

        def loss(p: Any, q: Any, xs: Any = xs, ys: Any = ys) -> Any:
            return readout.loss(q, unroll(cell, p, xs).outputs, ys)

        expected = mg.grad(loss, wrt=(0, 1))(params, heard)
        got = _run_recurrences(derivation, cell, params, heard, xs, ys)
        for key, gradient in zip(derivation.gradients, flatten(expected)[0], strict=True):
            assert np.abs(gradient - got[key]).max() < 1e-10, (T, key)


def _run_recurrences(derivation: Any, cell: Any, params: Any, heard: Any, xs: Any, ys: Any) -> dict[str, Any]:
    """Forward by the cell's own step, backward by nothing but the derived formulas."""
    state, steps = cell.initial_state(), []
    readout = dict(zip(derivation.readout.gradients, flatten(heard)[0], strict=True))
    for x, y in zip(xs, ys, strict=True):
        given = derivation.step.plan.keyed(params, state, x) | readout | {"y": y}
        named = {
            key: derivation.evaluate(derivation.values[key], params, state, x, readout | {"y": y})
            for key in derivation.definitions
        }
        steps.append({derivation.values[key]: value for key, value in (given | named).items()})
        state = cell.step(params, state, x)
    later = {term: 0 * value for term, value in steps[-1].items()}
    seeds = {key: derivation.step.seed(key) for key in derivation.adjoints}
    later |= {seed: 0 * steps[-1][derivation.values[key]] for key, seed in seeds.items()}
    total = dict.fromkeys(derivation.gradients, 0.0)
    for here in reversed(steps):
        known = here | {at_time(term, "t", NEXT): value for term, value in later.items() if term.label.time == NOW}
        for key, formula in derivation.adjoints.items():
            known[seeds[key]] = evaluate(formula, known)
        for key, formula in derivation.gradients.items():
            total[key] = total[key] + evaluate(_body(formula), known, sizes=_sizes(here))
        later = known
    return total


def _sizes(values: dict[Any, Any]) -> dict[str, int]:
    return {name: n for term, value in values.items() for name, n in zip(term.shape, np.shape(value), strict=True)}


def _body(formula: Any) -> Any:
    """The term under Σ_t."""
    if formula.kind == "sum_over":
        return formula.args[0]
    if formula.kind == "scale":
        return formula.data * _body(formula.args[-1])
    return formula


@pytest.mark.parametrize("name", CELLS)
def test_the_product_is_the_jacobian_over_many_steps(name: str) -> None:
    """J_T … J_1, evaluated step by step, is the engine's ∂s_T/∂s_0 for T = 1 to 6."""
    cell, rng = CELLS[name], np.random.default_rng(5)
    derivation = derive(cell)
    params = random_like(rng, cell.init(rng), 0.7)
    state = random_like(rng, cell.initial_state(), 0.5)
    xs = rng.standard_normal((6, cell.input_size))
    joint, reached = derivation.product().jacobian, np.eye(sum(np.size(v) for v in flatten(state)[0]))
    here = state
    for T in range(1, 7):
        reached = derivation.evaluate(joint, params, here, xs[T - 1]) @ reached
        here = cell.step(params, here, xs[T - 1])

        def run(start: Any, T: int = T) -> Any:
            for x in xs[:T]:
                start = cell.step(params, start, x)
            return start

        expected = _dense(mg.jacobian(run)(state), len(flatten(state)[0]))
        assert np.abs(expected - reached).max() < 1e-10 * max(1.0, np.abs(expected).max())


def _dense(jacobian: Any, parts: int) -> np.ndarray:
    leaves = flatten(jacobian)[0]
    return np.block([leaves[i * parts : (i + 1) * parts] for i in range(parts)])


@pytest.mark.parametrize("name", ["RNN tanh", "LSTM", "LSTM peephole", "GRU before keep", "GRU after write"])
def test_one_sweep_through_the_whole_step_gives_the_same_jacobian(name: str) -> None:
    """The factored Jacobian and one reverse sweep from h with a generic seed have the same normal form."""
    derivation = derive(CELLS[name])
    step = derivation.step
    seed = step.seed("h")
    targets = [step.values[key] for key in step.before]
    found = reverse_sweep([(step.values["h"], seed)], targets=targets).nodes
    for key, node in zip(step.before, targets, strict=True):
        assert equal(transpose(read_linear(found[node], seed)), derivation.jacobian("h", key))


@pytest.mark.parametrize("score", ["additive", "dot", "scaled_dot", "general", "concat"])
def test_attentions_jacobians_are_the_engines(score: str) -> None:
    """∂context/∂q and ∂context/∂m_s, evaluated on random arrays, are the numeric Jacobians to 1e-10."""
    attention, rng = Attention(4, score=score), np.random.default_rng(7)
    params = random_like(rng, attention.init(rng))
    q, m = rng.standard_normal(4), rng.standard_normal((3, 4))
    by_q, by_m = mg.jacobian(lambda q, m: attention.attend(params, q, m).context, wrt=(0, 1))(q, m)
    derivation = derive(attention)
    values = {**params, "q": q, **{f"m_{s}": m[s - 1] for s in (1, 2, 3)}}

    assert np.abs(evaluate(derivation.jacobian("context", "q"), values) - by_q).max() < 1e-10
    for s in (1, 2, 3):
        got = evaluate(derivation.jacobian("context", f"m_{s}"), values)
        assert np.abs(got - by_m[:, s - 1]).max() < 1e-10


def test_softmax_has_the_covariance_for_its_jacobian() -> None:
    """∂α/∂e = diag(α) − α αᵀ, and ∂context/∂q is a covariance, ∂context/∂m_2 has the direct path α_2 I."""
    derivation = derive(Attention(3, score="dot"))

    assert str(derivation.jacobian("alpha", "e")) == "diag(α) − α αᵀ"
    memory = "[m_1, m_2, m_3]"
    assert str(derivation.folded(derivation.jacobian("context", "q"))) == (
        f"{memory} diag(α) {memory}ᵀ − context contextᵀ"
    )
    assert str(derivation.folded(derivation.jacobian("context", "m_2"))) == ("α_2 I + α_2 m_2 qᵀ − α_2 context qᵀ")


def test_cross_entropy_of_a_softmax_has_the_gradient_yhat_minus_y() -> None:
    """∂E/∂logits = ŷ − y comes out of the engine's rules and 1ᵀ y = 1."""
    derivation = derive(GRU(2, 3), Readout(3, 4))

    assert str(derivation.readout.error) == "ŷ_t − y_t"
    assert str(derivation.jacobian("logits", "h")) == "V"


def test_a_cell_with_one_size_for_both_is_named_by_its_axes() -> None:
    """With D = H the shapes still tell which axis is which."""
    values = derive(RNN(3, 3)).values

    assert values["U"].shape == ("H", "D")
    assert values["W"].shape == ("H", "H")


def test_names_are_found_with_or_without_their_layer() -> None:
    """The output h is the top layer's, a gate may go without its layer, and an unknown name lists the known."""
    derivation = derive(Stacked([RNN(2, 3), GRU(3, 2)]))

    assert derivation.jacobian("h", "h_prev") is derivation.jacobian("layer2.h", "layer2.h_prev")
    assert derivation.resolve("z") == "layer2.z"
    with pytest.raises(FormulaError, match=r"'b_k'; the names are"):
        derivation.jacobian("b_k", "x")


def test_a_cell_that_reads_all_its_past_says_what_it_has_not() -> None:
    """For attention over the own past there are Jacobians for each earlier state, but no fixed recurrence."""
    derivation = derive(REMEMBERING["attention before dot"])

    assert "h_{t-3}" in derivation.text()
    with pytest.raises(FormulaError, match="earlier states"):
        derivation.product()


def test_an_independent_value_has_a_zero_jacobian() -> None:
    """∂(lower layer)/∂(upper layer's state) is a zero matrix of the right shape."""
    found = derive(CELLS["two RNNs"]).jacobian("layer1.h", "layer2.h_prev")

    assert found.kind == "zero"
    assert found.shape == (3, 2)


def test_named_values_stay_names() -> None:
    """A Jacobian never shows what h_t, f_t or n_t stand for."""
    for name, cell in CELLS.items():
        text = str(derive(cell).jacobian("h", "h_prev"))
        assert "tanh(" not in text, name
        assert "σ(" not in text, name


def test_normal_forms_of_jacobians_are_the_same_in_every_run() -> None:
    """Deriving twice gives the same objects: terms are shared and sorted without chance."""
    first, second = derive(LSTM(2, 3)), derive(LSTM(2, 3))

    assert first.joint is second.joint
    assert normal_form(first.joint) is normal_form(second.joint)


class _ScalarGate:
    """h = f tanh(V h_prev) + (1 − f) z with z = U x + W h_prev and one gate f = σ(wᵀ z) for all units."""

    input_size, hidden_size = 2, 3

    def init(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        shapes = {"U": (3, 2), "W": (3, 3), "V": (3, 3), "w": (3,)}
        return {name: rng.standard_normal(shape) for name, shape in shapes.items()}

    def initial_state(self) -> RNNState:
        return RNNState(np.zeros(3))

    def step(self, params: Any, state: RNNState, x: Any) -> RNNState:
        z = mg.linear(params["U"], x) + mg.linear(params["W"], state.h)
        f = mg.named("f", mg.sigmoid(mg.sum(params["w"] * z)))
        return RNNState(mg.named("h", f * mg.tanh(mg.linear(params["V"], state.h)) + (1 - f) * z))


@given(st.integers(0, 10**6))
def test_a_gate_that_is_a_scalar_is_derived(seed: int) -> None:
    """Derivatives of and by a scalar value of a step are vectors, and the formulas are those of the engine."""
    cell, rng = _ScalarGate(), np.random.default_rng(seed)
    derivation, (params, state, x) = derive(cell), random_step(cell, rng)
    change = rng.standard_normal((3, 3))
    numbers = mg.jacobian(lambda h: cell.step(params, RNNState(h), x).h)(state.h)
    along = mg.jvp(lambda W: cell.step(params | {"W": W}, state, x).h, (params["W"],), (change,))[1]

    assert np.allclose(derivation.evaluate(derivation.joint, params, state, x), numbers, atol=1e-12)
    assert np.allclose(derivation.evaluate(derivation.jacobian("h", "W"), params, state, x, {"ΔW": change}), along)
    assert derivation.jacobian("f", "h_prev").shape == derivation.jacobian("h", "f").shape
    assert str(derivation.adjoints["f"]) == "δh_tᵀ (tanh(V h_{t-1}) − U x_t − W h_{t-1})"
    assert derivation.product().proof().holds


class _Own:
    """A cell whose step and initial state are given."""

    input_size, hidden_size = 2, 3

    def __init__(self, step: Any, start: Any = RNNState) -> None:
        self.step_of, self.start = step, start

    def init(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"U": rng.standard_normal((3, 2)), "W": rng.standard_normal((3, 3))}

    def initial_state(self) -> Any:
        return self.start(np.zeros(3))

    def step(self, params: Any, state: Any, x: Any) -> Any:
        return self.step_of(mg.linear(params["W"], state.h) + mg.linear(params["U"], x), state)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (_Own(lambda a, s: RNNState(a if a.sum() > 0 else mg.tanh(a))), "Python cannot branch on it"),
        (_Own(lambda a, s: (mg.tanh(a),)), "returns a tuple without h"),
        (_Own(lambda a, s: None), "returns a NoneType without h"),
        (_Own(lambda a, s: s), "does not compute h"),
        (_Own(lambda a, s: RNNState(mg.named("x", mg.tanh(a)))), "two values of the step are named 'x'"),
        (_Own(lambda a, s: RNNState(mg.named("W", mg.tanh(a)))), "two values of the step are named 'W'"),
        (
            _Own(lambda a, s: RNNState(mg.tanh(mg.named("a", 2 * mg.named("a", a))))),
            "two values of the step are named 'a'",
        ),
    ],
)
def test_steps_that_cannot_be_derived_say_why(cell: Any, words: str) -> None:
    """A branch on a value, a state without h, one name for two values: an error says so, and no formula is wrong."""
    with pytest.raises(FormulaError, match=words):
        derive(cell)
