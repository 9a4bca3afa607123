"""“The vanishing-gradient problem does not occur” in an LSTM: the cell path, and the whole Jacobian."""

from typing import Any

import numpy as np

from minigrad.symbolic import derive
from minigrad.symbolic.deriving.proof import Proof, Statement
from minigrad.symbolic.lazy import sympy
from minigrad.symbolic.terms.evaluate import SYMPY, evaluate

from ..lstm import LSTM, LSTMState
from .claim import REALS, Claim, Counterexample, constant_params, line, state_jacobian, step

__all__ = ["claims", "forgetting"]


def claims() -> list[Claim]:
    """The cell path with the gates held fixed, and the joint Jacobian of h and c."""
    return [_cell_path(), _whole_jacobian()]


def _cell_path() -> Claim:
    def constant_error_carousel() -> bool:
        found = derive(LSTM(2, 3, forget_gate=False)).jacobian("c", "c_prev")
        return found.kind == "identity"

    def vanishes_if_bounded() -> bool:
        n, p = sympy.symbols("n p", positive=True)
        return bool(sympy.limit((1 + p) ** (-n), n, sympy.oo) == 0)

    def diverging_sum_vanishes() -> bool:
        t, T = sympy.symbols("t T", positive=True, integer=True)
        product = sympy.product(t / (t + 1), (t, 1, T))
        return bool(sympy.simplify(product - 1 / (T + 1)) == 0 and sympy.limit(1 / (T + 1), T, sympy.oo) == 0)

    def converging_sum_stays() -> bool:
        t, T = sympy.symbols("t T", positive=True, integer=True)
        product = sympy.simplify(sympy.product(1 - 1 / (t + 1) ** 2, (t, 1, T)))
        return bool(sympy.limit(product, T, sympy.oo) == sympy.Rational(1, 2))

    def sum_of_logarithms() -> bool:
        f, g = sympy.symbols("f g", positive=True)
        return bool(sympy.simplify(sympy.exp(sympy.log(f) + sympy.log(g)) - f * g) == 0)

    return Claim(
        "lstm_cell_path",
        Statement(
            "in an LSTM the vanishing-gradient problem does not occur: the cell path",
            r"\left.\partial c_T/\partial c_k\right|_{\text{cell path}} = \operatorname{diag}(\textstyle\prod_t f_t)",
        ),
        "qualified",
        "Along the cell path, with the gates held fixed, the derivative is diag(∏ f_t): I if f = 1, as in the LSTM of "
        "1997. With f ≤ q < 1 it vanishes like q^(T−k). In general a coordinate vanishes if and only if Σ −log f_t "
        "diverges, not already if every f_t is below 1.",
        Proof(
            Statement(
                "∏ f_t → 0 if and only if Σ −log f_t = ∞",
                r"\prod_t f_t \to 0 \;\Longleftrightarrow\; \sum_t -\log f_t = \infty",
            ),
            REALS,
            ("only the cell path: h_{t−1} and the gates are held fixed", "0 < f_t ≤ 1"),
            (
                line(LSTM(2, 3), "dc/dc_prev = diag(f)", r"\partial c_t/\partial c_{t-1} = \operatorname{diag}(f_t)"),
                step(
                    "f = 1: ∂c_t/∂c_{t−1} = I",
                    "f = 1: I",
                    "the derived Jacobian, no forget gate",
                    constant_error_carousel,
                ),
                step("f ≤ q < 1: q^n → 0", r"q^n \to 0", "sympy.limit, q = 1/(1 + p)", vanishes_if_bounded),
                step(
                    "∏ f_t = exp(−Σ −log f_t)", r"\prod f_t = e^{-\sum -\log f_t}", "sympy.simplify", sum_of_logarithms
                ),
                step(
                    "f_t = t/(t+1): ∏ = 1/(T+1) → 0",
                    r"\prod \tfrac{t}{t+1} \to 0",
                    "sympy.product",
                    diverging_sum_vanishes,
                ),
                step(
                    "f_t = 1 − 1/(t+1)² < 1: ∏ → 1/2",
                    r"\prod (1 - \tfrac{1}{(t+1)^2}) \to \tfrac12",
                    "sympy.product, limit",
                    converging_sum_stays,
                ),
            ),
        ),
        Counterexample(
            Statement("zero weights, forget bias 1: f = σ(1) at every step", r"f_t = \sigma(1)"),
            forgetting,
            lambda found: found["∂c_50/∂c_0"] < 1e-6 and 0.7 < found["f"] < 0.74,
        ),
    )


def forgetting(bias: float = 1.0) -> dict[str, float]:
    """f, and what is left of c_0 after 50 steps, of one LSTM unit with zero weights."""
    cell, start = LSTM(1, 1, forget_bias=bias), LSTMState(np.zeros(1), np.ones(1))
    params = constant_params(cell, b_f=cell.init(np.random.default_rng(0))["b_f"])
    one, many = (state_jacobian(cell, params, start, n) for n in (1, 50))
    return {"f": float(one[1, 1]), "∂c_50/∂c_0": float(many[1, 1])}


def _one_unit(f: Any, u: Any) -> Any:
    """The joint Jacobian of one unit with h = c = x = 0, i = o = 1/2 and W_g = u, in SymPy."""
    derivation = derive(LSTM(1, 1))
    half, zero = sympy.Rational(1, 2), sympy.Integer(0)

    def vector(value: Any) -> Any:
        return np.array([value], object)

    values: dict[Any, Any] = {key: vector(zero) for key in ("h_prev", "c_prev", "g", "s", "h", "c")}
    values |= {"i": vector(half), "o": vector(half), "f": vector(f)}
    values |= {f"W_{k}": np.array([[u if k == "g" else zero]], object) for k in "ifgo"}
    return sympy.Matrix(evaluate(derivation.joint, values, SYMPY, sizes={"H": 1, "D": 1}))


def _whole_jacobian() -> Claim:
    def blocks() -> bool:
        f, u = sympy.symbols("f u", real=True)
        return bool(_one_unit(f, u) == sympy.Matrix([[u / 4, f / 2], [u / 2, f]]))

    def eigenvalues() -> bool:
        f, u = sympy.symbols("f u", real=True)
        found = _one_unit(f, u).eigenvals()
        return {sympy.simplify(one) for one in found} == {0, sympy.simplify(f + u / 4)}

    def grows() -> bool:
        J = _one_unit(sympy.Rational(9, 10), sympy.Integer(4))
        return sympy.Rational(19, 10) in J.eigenvals()

    def dies() -> bool:
        J = _one_unit(sympy.Integer(1), sympy.Integer(-4))
        return bool(sympy.zeros(2, 2) == J * J and sympy.zeros(2, 2) != J)

    return Claim(
        "lstm_whole_jacobian",
        Statement(
            "in an LSTM the gradient neither vanishes nor explodes, because ∏ f_t does not",
            r"\lim \textstyle\prod_t f_t \ne 0 \;\Longrightarrow\; \lim \partial (h,c)_T/\partial (h,c)_k \ne 0",
        ),
        "refuted",
        "The cell path bounds the whole derivative in neither direction: the gates read h, and that adds paths. "
        "One unit at h = c = 0 with i = o = 1/2 has the joint Jacobian [[u/4, f/2], [u/2, f]], u its weight W_g. "
        "With f = 0.9, u = 4 it grows by 1.9 a step; with f = 1, u = −4 nothing is left after two steps.",
        Proof(
            Statement("eigenvalues 0 and f + u/4", r"\lambda = \{0,\ f + u/4\}"),
            REALS,
            ("one unit, h = c = x = 0, i = o = 1/2, W_i = W_f = W_o = 0, W_g = u",),
            (
                step(
                    "∂(h, c)/∂(h, c)_prev = [[u/4, f/2], [u/2, f]]",
                    r"J = \begin{pmatrix} u/4 & f/2 \\ u/2 & f \end{pmatrix}",
                    "the derived joint Jacobian, on SymPy scalars",
                    blocks,
                ),
                step("its eigenvalues are 0 and f + u/4", r"\lambda = \{0, f + u/4\}", "sympy.eigenvals", eigenvalues),
                step("f = 9/10, u = 4: 19/10", r"f = .9,\ u = 4:\ 1.9", "sympy.eigenvals", grows),
                step("f = 1, u = −4: J² = 0", r"f = 1,\ u = -4:\ J^2 = 0", "exact matrices", dies),
            ),
        ),
        Counterexample(
            Statement("one unit at 0: f = 0.9, W_g = 4, and f = 1, W_g = −4", r"f = .9, u = 4;\ f = 1, u = -4"),
            _both_ways,
            lambda found: (
                found["f = 0.9, W_g = 4: norm after 30 steps"] > 1e6
                and found["f = 1, W_g = −4: norm after 2 steps"] < 1e-12
            ),
        ),
    )


def _both_ways() -> dict[str, float]:
    start = LSTMState(np.zeros(1), np.zeros(1))
    usual, keeping = LSTM(1, 1), LSTM(1, 1, forget_gate=False)
    growing = state_jacobian(usual, constant_params(usual, W_g=4.0, b_f=np.log(9.0)), start, 30)
    dying = state_jacobian(keeping, constant_params(keeping, W_g=-4.0), start, 2)
    return {
        "f = 0.9, W_g = 4: norm after 30 steps": float(np.linalg.norm(growing, 2)),
        "f = 1, W_g = −4: norm after 2 steps": float(np.linalg.norm(dying, 2)),
    }
