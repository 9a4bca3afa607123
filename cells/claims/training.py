"""Loss, weight decay, clipping, and how many parameters there are."""

from typing import Any

import numpy as np

import minigrad as mg
from minigrad.optim import SGD, clip_by_norm, clip_by_value
from minigrad.pytree import flatten
from minigrad.symbolic import derive
from minigrad.symbolic.deriving.proof import Proof, Statement
from minigrad.symbolic.lazy import sympy
from minigrad.symbolic.terms.evaluate import SYMPY, evaluate
from minigrad.symbolic.terms.names import Index

from ..gru import GRU
from ..lstm import LSTM
from ..readout import Readout
from ..rnn import RNN
from ..unroll import unroll
from .claim import REALS, Claim, Counterexample, line, step

__all__ = ["claims"]

#: ∂E_t/∂logits_t.
_INTO_LOGITS = r"\partial E_t/\partial \mathrm{logits}_t"


def claims() -> list[Claim]:
    """ŷ − y, weight decay, clipping, parameters."""
    return [_cross_entropy(), _weight_decay(), _clipping(), _parameters()]


def _cross_entropy() -> Claim:
    def scalars() -> bool:
        """K = 3, elementwise in SymPy, with y_3 = 1 − y_1 − y_2."""
        a = sympy.symbols("a1:4", real=True)
        y1, y2 = sympy.symbols("y1 y2", real=True)
        y = (y1, y2, 1 - y1 - y2)
        total = sum(map(sympy.exp, a))
        loss = -sum(target * (score - sympy.log(total)) for target, score in zip(y, a, strict=True))
        gaps = [sympy.diff(loss, s) - (sympy.exp(s) / total - t) for s, t in zip(a, y, strict=True)]
        return all(sympy.simplify(gap) == 0 for gap in gaps)

    def derived() -> bool:
        return str(derive(RNN(2, 3), Readout(3, 4)).readout.error) == "ŷ_t − y_t"  # type: ignore[union-attr]

    def real() -> bool:
        rng = np.random.default_rng(0)
        logits, y = rng.normal(size=5), rng.dirichlet(np.ones(5))
        gradient = mg.grad(lambda a: mg.cross_entropy(a, y))(logits)
        return bool(np.allclose(gradient, np.exp(logits) / np.exp(logits).sum() - y, atol=1e-12))

    return Claim(
        "softmax_cross_entropy",
        Statement(
            "softmax with cross-entropy sends ŷ − y into the logits",
            rf"{_INTO_LOGITS} = \hat y_t - y_t",
        ),
        "proved",
        "The derivative is ŷ Σ y − y, which is ŷ − y because targets sum to 1: one class, or a distribution. "
        "No slope of an activation is left in it, so a confident mistake still has a gradient near 1.",
        Proof(
            Statement("∂E/∂logits = ŷ − y", rf"{_INTO_LOGITS} = \hat y_t - y_t"),
            REALS,
            ("Σ y = 1",),
            (
                step("ŷ − y comes out", rf"{_INTO_LOGITS} = \hat y_t - y_t", "derive(RNN, Readout)", derived),
                line(RNN(2, 3), "d_logits = yhat - y", rf"{_INTO_LOGITS} = \hat y_t - y_t"),
                line(
                    RNN(2, 3),
                    "d_logits = (yhat - y)*yhat*(1 - yhat)",
                    rf"{_INTO_LOGITS} \ne (\hat y_t - y_t)\,\hat y_t(1-\hat y_t)",
                    "refuted",
                ),
                step("K = 3, elementwise", "K = 3", "sympy.diff, simplify", scalars),
                step("a real loss with a distribution", r"y \ge 0,\ \mathbf{1}^{\top} y = 1", "mg.grad", real),
            ),
        ),
    )


# -- weight decay ----------------------------------------------------------------------------------


def _decayed(pull: float, steps: int = 50) -> dict[str, float]:
    """‖W‖ of an RNN before and after some updates with decay, the loss's gradient being −pull · W/‖W‖."""
    cell = RNN(2, 3)
    params: dict[str, Any] = cell.init(np.random.default_rng(0))
    optimizer = SGD(lr=0.1, weight_decay=0.2)
    bound = derive(cell).bound()
    before = {"‖W‖ before": float(np.linalg.norm(params["W"], 2)), "bound before": bound.evaluate(params)}
    state = optimizer.init(params)
    for _ in range(steps):
        gradient = {name: np.zeros_like(value) for name, value in params.items()}
        gradient["W"] = -pull * params["W"] / np.linalg.norm(params["W"], 2)
        params, state = optimizer.step(params, gradient, state)
    return before | {"‖W‖ after": float(np.linalg.norm(params["W"], 2)), "bound after": bound.evaluate(params)}


def _weight_decay() -> Claim:
    def shrinks() -> bool:
        found = _decayed(pull=0.0)
        return abs(found["‖W‖ after"] - 0.98**50 * found["‖W‖ before"]) < 1e-12

    def bound_shrinks() -> bool:
        found = _decayed(pull=0.0)
        return abs(found["bound after"] - found["‖W‖ after"]) < 1e-12 and found["bound after"] < found["bound before"]

    def homogeneous() -> bool:
        h, w, q = sympy.symbols("h w q", positive=True)
        J = derive(RNN(1, 1)).joint
        at = [evaluate(J, {"h": np.array([h]), "W": np.array([[one]])}, SYMPY).item() for one in (w, q * w)]
        return bool(sympy.simplify(at[1] - q * at[0]) == 0)

    def fixed_point() -> bool:
        rate, decay, pull = sympy.symbols("eta lambda p", positive=True)
        w = sympy.Symbol("w", positive=True)
        return sympy.solve(sympy.Eq(w - rate * (decay * w - pull), w), w) == [pull / decay]

    return Claim(
        "weight_decay",
        Statement(
            "weight decay shrinks ‖W‖ and so keeps gradients from exploding", r"W \leftarrow (1-\eta\lambda) W - \dots"
        ),
        "qualified",
        "The decay's own part multiplies W by 1 − ηλ, and the bound ‖W‖^(T−k) shrinks with it. That holds as far as "
        "the loss does not pull the other way: against a pull p the norm settles at p/λ. It helps against exploding "
        "only, and makes vanishing worse, because the same bound shrinks.",
        Proof(
            Statement("‖W‖ → (1 − ηλ)^n ‖W‖", r"\lVert W\rVert \to (1-\eta\lambda)^n \lVert W\rVert"),
            (*REALS, "‖q W‖ = |q| ‖W‖"),
            ("no gradient of the loss, or one that does not pull W outwards", "0 < ηλ < 1"),
            (
                step(
                    "50 steps of 1 − 0.1 · 0.2",
                    r"\lVert W\rVert \to 0.98^{50}\, \lVert W\rVert",
                    "a real optimiser on a real RNN, no loss",
                    shrinks,
                ),
                step(
                    "the derived bound shrinks with it",
                    r"\lVert W\rVert^{T-k} \to 0.98^{50(T-k)}\, \lVert W\rVert^{T-k}",
                    "derive(RNN).bound()",
                    bound_shrinks,
                ),
                step(
                    "J(q W) = q J(W) at the same h",
                    "J(qW) = q J(W)",
                    "the derived Jacobian, sympy.simplify",
                    homogeneous,
                ),
                step("with a pull p: ‖W‖ = p/λ", r"\lVert W\rVert = p/\lambda", "sympy.solve", fixed_point),
            ),
        ),
        Counterexample(
            Statement("the loss pulls outwards with 1, λ = 0.2: ‖W‖ grows towards 5", r"p = 1,\ \lambda = .2"),
            lambda: _decayed(pull=1.0),
            lambda found: found["‖W‖ after"] > 2 * found["‖W‖ before"],
        ),
    )


# -- clipping --------------------------------------------------------------------------------------


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def _clipping() -> Claim:
    def keeps_direction() -> bool:
        rng = np.random.default_rng(0)
        cases = [rng.normal(size=6) * 10.0**k for k in range(-6, 7)]
        return all(abs(_cosine(clip_by_norm(g, 1.0), g) - 1) < 1e-12 for g in cases)

    def never_longer() -> bool:
        norm, limit = sympy.symbols("g c", positive=True)
        above = sympy.Symbol("e", positive=True)
        at_limit = sympy.simplify(limit / norm * norm - limit) == 0
        return bool(at_limit and sympy.simplify(limit / (limit + above) - 1).is_negative)

    def small_unchanged() -> bool:
        g = np.full(4, 1e-12)
        return bool(clip_by_norm(g, 1.0) is g and np.array_equal(clip_by_value(g, 1.0), g))

    return Claim(
        "gradient_clipping",
        Statement(
            "clipping keeps the gradient's direction, and cannot help a vanished gradient",
            r"g \leftarrow \min(1, c/\lVert g\rVert)\, g",
        ),
        "qualified",
        "Clipping by norm multiplies by min(1, c/‖g‖), a positive number, so the direction is kept; a gradient shorter "
        "than the limit is left as it is, so what has vanished stays so. Clipping elementwise turns the gradient. "
        "Within one gradient the shares of near and far steps keep their ratio.",
        Proof(
            Statement("0 < min(1, c/‖g‖) ≤ 1", r"0 < \min(1, c/\lVert g\rVert) \le 1"),
            REALS,
            ("clip_by_norm, with one norm over all parameters",),
            (
                step(
                    "the direction is kept",
                    r"\cos(g, \mathrm{clip}(g)) = 1",
                    "clip_by_norm on lengths 1e-6 … 1e6",
                    keeps_direction,
                ),
                step("‖g‖ = c + e: c/‖g‖ < 1", r"c/\lVert g\rVert < 1", "sympy, is_negative", never_longer),
                step(
                    "a gradient of 1e-12 is unchanged",
                    r"\lVert g\rVert < c \;\Longrightarrow\; \mathrm{clip}(g) = g",
                    "both functions",
                    small_unchanged,
                ),
            ),
        ),
        Counterexample(
            Statement("clip_by_value of (3, 0.1) at 1 is (1, 0.1)", r"(3, .1) \mapsto (1, .1)"),
            lambda: {"cosine": _cosine(clip_by_value(np.array([3.0, 0.1]), 1.0), np.array([3.0, 0.1]))},
            lambda found: found["cosine"] < 0.999,
        ),
    )


# -- parameters ------------------------------------------------------------------------------------


def _parameters() -> Claim:
    cells = (RNN(2, 3), LSTM(2, 3), GRU(2, 3))

    def sizes_have_no_time() -> bool:
        shapes = [derive(cell).values[key].shape for cell in cells for key in derive(cell).step.parameters]
        return {str(size) for shape in shapes for size in shape} == {"D", "H"}

    def one_sum() -> bool:
        found = [term for cell in cells for term in derive(cell).gradients.values()]
        return all(term.kind == "sum_over" and term.data[1:] == (Index("", 1), Index("T")) for term in found)

    def any_length() -> bool:
        rng = np.random.default_rng(0)
        for cell in cells:
            params = cell.init(rng)
            for T in (1, 50):
                gradient = mg.grad(lambda p, T=T, cell=cell: mg.sum(unroll(cell, p, np.ones((T, 2))).outputs))(params)
                if [g.shape for g in flatten(gradient)[0]] != [p.shape for p in flatten(params)[0]]:
                    return False
        return True

    return Claim(
        "parameters_and_length",
        Statement(
            "the number of parameters does not grow with the sequence",
            r"\#\theta\ \text{depends on } D, H \text{ only}",
        ),
        "proved",
        "The same step function is used at every time, so the parameters' shapes are made of D and H alone. Only the "
        "number of summands of ∂E/∂θ = Σ_t … grows with T; its shape does not.",
        Proof(
            Statement("shapes of D and H; ∂E/∂θ = Σ_{t=1..T}", r"\partial E/\partial\theta = \sum_{t=1}^{T} \dots"),
            ("one step function for all t",),
            ("RNN, LSTM, GRU",),
            (
                step(
                    "the sizes are D and H",
                    r"\theta:\ H \times D,\ H \times H,\ H",
                    "the derived step's symbols",
                    sizes_have_no_time,
                ),
                step(
                    "each gradient is one Σ over t",
                    r"\partial E/\partial\theta = \sum_{t=1}^{T} \dots",
                    "the derived gradients",
                    one_sum,
                ),
                step("T = 1 and T = 50 with the same parameters", "T = 1, 50", "unroll, mg.grad", any_length),
            ),
        ),
    )
