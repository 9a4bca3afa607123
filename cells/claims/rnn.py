"""When the gradient of a plain RNN vanishes, and when it explodes."""

from typing import Any

import numpy as np

from minigrad.symbolic import derive
from minigrad.symbolic.deriving.activation_bounds import vanishing_proof
from minigrad.symbolic.deriving.proof import Proof, Statement
from minigrad.symbolic.lazy import sympy

from ..rnn import RNN, RNNState
from .claim import REALS, Claim, Counterexample, Step, constant_params, reached, state_jacobian, step

__all__ = ["claims"]


def claims() -> list[Claim]:
    """W in (0, 1), W > 1, and Pascanu's condition with eigenvalues and with singular values."""
    return [_small(), _large(), _eigenvalues(), _singular_values()]


def _bound_steps(activation: str, factor: str) -> tuple[Step, ...]:
    """‖∂h_T/∂h_k‖ ≤ (γ ‖W‖)^(T−k): derived, compared with what is said of it, and proved again."""

    def is_said_factor() -> bool:
        return str(derive(RNN(2, 3, activation=activation)).bound().factor) == factor

    def proved() -> bool:
        return derive(RNN(2, 3, activation=activation)).bound().proof().holds

    formula = {"tanh": r"\lVert W\rVert", "sigmoid": r"\tfrac14 \lVert W\rVert"}[activation]
    return (
        step(
            f"γ ‖W‖ = {factor}",
            rf"\gamma\,\lVert W\rVert = {formula}",
            f"the derived bound of one step, {activation}",
            is_said_factor,
        ),
        step(
            "‖∂h_T/∂h_k‖ ≤ (γ ‖W‖)^(T−k)",
            r"\lVert \partial h_T/\partial h_k \rVert \le (\gamma \lVert W \rVert)^{T-k}",
            "derive(RNN).bound(), every inequality again",
            proved,
        ),
    )


def _vanishes() -> Step:
    proof = vanishing_proof(Statement("ρ", r"\rho"))
    return step("ρ^n → 0 for 0 < ρ < 1", r"\rho^n \to 0", "sympy.limit", lambda: proof.holds)


# -- W in (0, 1) -----------------------------------------------------------------------------------


def _small() -> Claim:
    def norm_of_halves() -> bool:
        W = sympy.ones(3, 3) / 2
        return set(W.eigenvals()) == {0, sympy.Rational(3, 2)} and W == W.T

    def jacobian_at_zero() -> bool:
        derivation = derive(RNN(1, 3))
        W = np.full((3, 3), 0.5)
        params = {"U": np.zeros((3, 1)), "W": W, "b": np.zeros(3)}
        J = derivation.evaluate(derivation.joint, params, RNNState(np.zeros(3)), np.zeros(1))
        return bool((J == W).all())

    return Claim(
        "small_weight_vanishes",
        Statement(
            "if W is in (0, 1), the gradient vanishes",
            r"W \in (0,1) \;\Longrightarrow\; \partial h_T/\partial h_k \to 0",
        ),
        "qualified",
        "True of one unit, and of matrices with ‖W‖ < 1 in the spectral norm, because ‖∂h_T/∂h_k‖ ≤ ‖W‖^(T−k). "
        "That all entries of W are in (0, 1) is not enough: three units with all entries 1/2 have ‖W‖ = 3/2.",
        Proof(
            Statement(
                "‖W‖ < 1 implies ‖∂h_T/∂h_k‖ → 0",
                r"\lVert W\rVert < 1 \;\Longrightarrow\; \partial h_T/\partial h_k \to 0",
            ),
            (*REALS, "‖A B‖ ≤ ‖A‖ ‖B‖"),
            ("tanh, and the spectral norm of W below 1; for one unit that is |w| < 1",),
            (
                *_bound_steps("tanh", "‖W‖"),
                _vanishes(),
                step(
                    "the 3 × 3 matrix of halves has the eigenvalue 3/2",
                    r"\lambda_{\max}(\tfrac12 \mathbf{1}\,\mathbf{1}^{\top}) = \tfrac32",
                    "sympy.eigenvals of a symmetric matrix",
                    norm_of_halves,
                ),
                step("at h = 0 the Jacobian is W", r"J(0) = W", "the derived Jacobian, evaluated", jacobian_at_zero),
            ),
        ),
        Counterexample(
            Statement("all entries of W are 1/2, H = 3, h_0 = 0, no input", r"W_{ij} = \tfrac12,\ H = 3"),
            _halves,
            lambda found: found["‖∂h_20/∂h_0‖"] > 1000 and 0 < found["largest entry of W"] < 1,
        ),
    )


def _halves() -> dict[str, float]:
    cell = RNN(1, 3)
    params = constant_params(cell, W=0.5)
    J = state_jacobian(cell, params, RNNState(np.zeros(3)), 20)
    return {
        "largest entry of W": float(params["W"].max()),
        "‖W‖": float(np.linalg.norm(params["W"], 2)),
        "‖∂h_20/∂h_0‖": float(np.linalg.norm(J, 2)),
    }


# -- W > 1 -----------------------------------------------------------------------------------------


def _large() -> Claim:
    def s() -> Any:
        return sympy.Symbol("s", positive=True)

    def fixed_point() -> bool:
        x = s()
        w = x / sympy.tanh(x)
        return bool(sympy.simplify(sympy.tanh(w * sympy.tanh(x)) - sympy.tanh(x)) == 0)

    def slope() -> bool:
        x = s()
        J = x / sympy.tanh(x) * (1 - sympy.tanh(x) ** 2)
        return bool(sympy.simplify((J - 2 * x / sympy.sinh(2 * x)).rewrite(sympy.exp)) == 0)

    def slope_below_one() -> bool:
        u = sympy.Symbol("u", positive=True)
        rise = sympy.diff(sympy.sinh(u) - u, u)
        square = 2 * sympy.sinh(u / 2) ** 2
        at_zero = (sympy.sinh(u) - u).subs(u, 0)
        return bool(sympy.simplify((rise - square).rewrite(sympy.exp)) == 0 and square.is_positive and at_zero == 0)

    def weight_above_one() -> bool:
        x = s()
        gap = x * sympy.cosh(x) - sympy.sinh(x)
        return bool(sympy.simplify(sympy.diff(gap, x) - x * sympy.sinh(x)) == 0 and (x * sympy.sinh(x)).is_positive)

    def linear() -> bool:
        n, p = sympy.symbols("n p", positive=True)
        factor = derive(RNN(1, 1, activation="identity")).joint
        return bool(sympy.limit((1 + p) ** n, n, sympy.oo) == sympy.oo) and str(factor) == "W"

    return Claim(
        "large_weight_explodes",
        Statement(
            "if W > 1, the gradient explodes",
            r"W > 1 \;\Longrightarrow\; \lvert\partial h_T/\partial h_k\rvert \to \infty",
        ),
        "qualified",
        "Necessary, not sufficient: with ‖W‖ ≤ 1 the gradient cannot grow, but with w > 1 a tanh unit settles at a "
        "fixed point h* ≠ 0 where it saturates, and its derivative 2s/sinh 2s is below 1 for every w = s/tanh s > 1. "
        "Sufficient only of a linear unit, and of a state that stays where the slopes are near 1.",
        Proof(
            Statement("w > 1 and still w (1 − h*²) < 1", r"w > 1,\quad w\,(1 - h_*^2) < 1"),
            (*REALS, "a function that is 0 at 0 and rises is positive after it"),
            ("one tanh unit without input, at its fixed point h* = tanh(s), w = s/tanh s, s > 0",),
            (
                *_bound_steps("tanh", "‖W‖"),
                step("h* = tanh(w h*)", r"h_* = \tanh(w h_*)", "sympy.simplify", fixed_point),
                step(
                    "w > 1: (s cosh s − sinh s)' = s sinh s > 0",
                    r"(s\cosh s - \sinh s)' = s\sinh s > 0 \;\Longrightarrow\; w > 1",
                    "sympy.diff, is_positive",
                    weight_above_one,
                ),
                step("w (1 − h*²) = 2s/sinh 2s", r"w(1 - h_*^2) = 2s/\sinh 2s", "sympy.simplify", slope),
                step(
                    "sinh u > u: (sinh u − u)' = 2 sinh²(u/2) > 0",
                    r"(\sinh u - u)' = 2\sinh^2(u/2) > 0",
                    "sympy.diff, is_positive",
                    slope_below_one,
                ),
                step(
                    "a linear unit: (1 + p)^n → ∞", r"(1+p)^n \to \infty", "the derived factor W; sympy.limit", linear
                ),
            ),
        ),
        Counterexample(
            Statement("one tanh unit at its fixed point, s = 1", r"w = 1/\tanh 1,\ h_0 = \tanh 1"),
            _saturated,
            lambda found: found["w"] > 1 and found["derivative per step"] < 1 and found["|∂h_50/∂h_0|"] < 1e-10,
        ),
    )


def _saturated() -> dict[str, float]:
    cell, start = RNN(1, 1), RNNState(np.tanh([1.0]))
    params = constant_params(cell, W=1 / np.tanh(1.0))
    one = state_jacobian(cell, params, start, 1)
    many = state_jacobian(cell, params, start, 50)
    return {
        "w": float(params["W"][0, 0]),
        "derivative per step": abs(one.item()),
        "|∂h_50/∂h_0|": abs(many.item()),
    }


# -- Pascanu, Mikolov and Bengio -------------------------------------------------------------------


def _nilpotent() -> Any:
    return 3 * sympy.Matrix([[1, -1], [1, -1]])


def _eigenvalues() -> Claim:
    def eigenvalues() -> bool:
        return dict(_nilpotent().eigenvals()) == {0: 2}

    def singular_value() -> bool:
        return max((_nilpotent().T * _nilpotent()).eigenvals()) == 36

    def slopes() -> bool:
        h = sympy.Matrix([0, 1 / sympy.sqrt(2)])
        b = h.applyfunc(sympy.atanh) - _nilpotent() * h
        stays = (_nilpotent() * h + b).applyfunc(sympy.tanh) - h
        return bool(sympy.simplify(stays) == sympy.zeros(2, 1)) and [1 - x**2 for x in h] == [1, sympy.Rational(1, 2)]

    def grows() -> bool:
        J = sympy.diag(1, sympy.Rational(1, 2)) * _nilpotent()
        n = sympy.Symbol("n", positive=True)
        return sympy.Rational(3, 2) in J.eigenvals() and sympy.limit(sympy.Rational(3, 2) ** n, n, sympy.oo) == sympy.oo

    def linear() -> bool:
        n, p = sympy.symbols("n p", positive=True)
        root = 1 / (1 + p)

        def block(k: Any) -> Any:
            return sympy.Matrix([[root**k, k * root ** (k - 1)], [0, root**k]])

        rises = sympy.simplify(block(1) * block(n) - block(n + 1)) == sympy.zeros(2, 2)
        vanishes = all(sympy.limit(entry, n, sympy.oo) == 0 for entry in block(n))
        return bool(rises and vanishes) and str(derive(RNN(1, 1, activation="identity")).joint) == "W"

    return Claim(
        "pascanu_eigenvalue",
        Statement(
            "if the largest eigenvalue of W is below 1/γ, the gradient vanishes",
            r"\lvert\lambda_1(W)\rvert < 1/\gamma \;\Longrightarrow\; \partial h_T/\partial h_k \to 0",
        ),
        "refuted",
        "Read with eigenvalues, the condition of Pascanu, Mikolov and Bengio (2013) fails: the slopes of tanh change "
        "the eigenvalues of the product. W = 3 [[1, −1], [1, −1]] has eigenvalues 0 and 0, and at a fixed point with "
        "slopes (1, 1/2) the gradient grows by 3/2 a step. With the largest singular value the condition is right; "
        "with eigenvalues it is right of a linear net, whose product is Wⁿ.",
        Proof(
            Statement("eigenvalues 0, 0 and still (3/2)^n", r"\lambda(W) = \{0,0\},\quad \lambda(D W) \ni \tfrac32"),
            REALS,
            ("two tanh units at the fixed point h = (0, 1/√2)",),
            (
                step("λ(W) = {0, 0}", r"\lambda(W) = \{0, 0\}", "sympy.eigenvals", eigenvalues),
                step("σ₁(W) = 6", r"\sigma_1(W) = 6", "sympy.eigenvals of WᵀW", singular_value),
                step("h = tanh(W h + b), slopes (1, 1/2)", r"1 - h^2 = (1, \tfrac12)", "sympy.simplify", slopes),
                step("D W has the eigenvalue 3/2", r"\lambda(D W) \ni \tfrac32", "sympy.eigenvals, limit", grows),
                step(
                    "a linear net: J = W, and a Jordan block of two with |λ| < 1 has λⁿ, n λⁿ⁻¹ → 0",
                    r"J = W,\quad \lambda^n,\ n\lambda^{n-1} \to 0",
                    "the derived factor W; sympy.limit",
                    linear,
                ),
            ),
        ),
        Counterexample(
            Statement("W = 3 [[1, −1], [1, −1]], h_0 = (0, 1/√2)", r"W = 3\begin{pmatrix}1&-1\\1&-1\end{pmatrix}"),
            _grows_without_eigenvalues,
            lambda found: found["largest |eigenvalue| of W"] < 1e-6 and found["‖∂h_30/∂h_0‖"] > 1e5,
        ),
    )


def _grows_without_eigenvalues() -> dict[str, float]:
    cell, W, h = RNN(1, 2), 3 * np.array([[1.0, -1], [1, -1]]), np.array([0, np.sqrt(0.5)])
    params = constant_params(cell, W=W, b=np.arctanh(h) - W @ h)
    J = state_jacobian(cell, params, RNNState(h), 30)
    stays = reached(cell, params, RNNState(h), 1).h
    return {
        "largest |eigenvalue| of W": float(np.abs(np.linalg.eigvals(W)).max()),
        "‖W‖": float(np.linalg.norm(W, 2)),
        "h_1 − h_0": float(np.abs(stays - h).max()),
        "‖∂h_30/∂h_0‖": float(np.linalg.norm(J, 2)),
    }


def _singular_values() -> Claim:
    return Claim(
        "pascanu_singular_value",
        Statement(
            "if the largest singular value of W is below 1/γ, the gradient vanishes",
            r"\sigma_1(W) < 1/\gamma \;\Longrightarrow\; \partial h_T/\partial h_k \to 0",
        ),
        "proved",
        "‖W‖ is the largest singular value, and ‖∂h_T/∂h_k‖ ≤ (γ ‖W‖)^(T−k), with γ = 1 for tanh and 1/4 for σ. "
        "If γ ‖W‖ < 1 this goes to 0 exponentially; σ₁ > 1/γ is therefore necessary for exploding.",
        Proof(
            Statement("(γ σ₁)^(T−k) → 0", r"(\gamma\sigma_1)^{T-k} \to 0"),
            (*REALS, "‖A B‖ ≤ ‖A‖ ‖B‖"),
            ("γ ‖W‖ < 1",),
            (*_bound_steps("tanh", "‖W‖"), *_bound_steps("sigmoid", "(1/4) ‖W‖"), _vanishes()),
        ),
    )
