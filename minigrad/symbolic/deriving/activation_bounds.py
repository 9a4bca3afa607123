"""Bounds of the derivatives of activation functions, proved by SymPy: 0 < tanh' ≤ 1, 0 < σ' ≤ 1/4.

The derivative that is bounded is the engine's own rule, applied to a SymPy symbol; it is first shown to be SymPy's
derivative.
"""

from collections.abc import Callable
from typing import Any

from ...primitive import PRIMITIVES
from ..errors import FormulaError
from ..lazy import sympy
from .proof import Proof, ProofStep, Statement

__all__ = ["slope_proof", "softmax_proof", "vanishing_proof"]

_REALS = ("the real numbers", "SymPy's calculus of elementary functions")


def _x() -> Any:
    return sympy.Symbol("x", real=True)


def _sigma(x: Any) -> Any:
    return 1 / (1 + sympy.exp(-x))


def slope_proof(name: str) -> Proof:
    """The bounds of an activation function's slope.

    Parameters
    ----------
    name : {"tanh", "sigmoid"}

    Raises
    ------
    FormulaError
        If there is no such proof.

    Examples
    --------
    >>> print(slope_proof("tanh").run().claim)
    0 < tanh'(x) ≤ 1, and = 1 only at x = 0
    """
    if name not in _PROOFS:
        raise FormulaError(f"the bounds of derivatives are proved for {', '.join(_PROOFS)}; got {name!r}")
    return _PROOFS[name]()


def _is_derivative(name: str, function: Callable[[Any], Any]) -> bool:
    """True if the engine's slope is SymPy's derivative."""
    x = _x()
    slope = PRIMITIVES[name].slope
    assert slope is not None
    return bool(sympy.simplify(slope(function(x), x) - sympy.diff(function(x), x)) == 0)


def _tanh_proof() -> Proof:
    def positive() -> bool:
        return bool(sympy.trigsimp(1 - sympy.tanh(_x()) ** 2).is_positive)

    def rest_is_square() -> bool:
        x = _x()
        rest = sympy.simplify(1 - sympy.diff(sympy.tanh(x), x))
        return bool(sympy.simplify(rest - sympy.tanh(x) ** 2) == 0 and (sympy.tanh(x) ** 2).is_nonnegative)

    def zero_set() -> bool:
        x = _x()
        return bool(sympy.solveset(sympy.tanh(x) ** 2, x, sympy.S.Reals) == sympy.FiniteSet(0))

    return Proof(
        Statement(
            "0 < tanh'(x) ≤ 1, and = 1 only at x = 0",
            r"0 < \tanh'(x) \le 1,\quad \tanh'(x) = 1 \;\Longleftrightarrow\; x = 0",
        ),
        _REALS,
        ("x is real",),
        (
            ProofStep(
                Statement("tanh'(x) = 1 − tanh²(x)", r"\tanh'(x) = 1 - \tanh^2(x)"),
                "the engine's slope, compared with sympy.diff",
                lambda: _is_derivative("tanh", sympy.tanh),
            ),
            ProofStep(
                Statement("1 − tanh²(x) = 1/cosh²(x) > 0", r"1 - \tanh^2(x) = \cosh^{-2}(x) > 0"),
                "sympy.trigsimp, is_positive",
                positive,
            ),
            ProofStep(
                Statement("1 − tanh'(x) = tanh²(x) ≥ 0", r"1 - \tanh'(x) = \tanh^2(x) \ge 0"),
                "sympy.simplify, is_nonnegative",
                rest_is_square,
            ),
            ProofStep(
                Statement("tanh²(x) = 0 only at x = 0", r"\tanh^2(x) = 0 \;\Longleftrightarrow\; x = 0"),
                "sympy.solveset",
                zero_set,
            ),
        ),
    )


def _sigmoid_proof() -> Proof:
    def positive() -> bool:
        x = _x()
        return bool(sympy.simplify(sympy.diff(_sigma(x), x)).is_positive)

    def rest_is_square() -> bool:
        x = _x()
        square = (2 * _sigma(x) - 1) ** 2 / 4
        rest = sympy.Rational(1, 4) - sympy.diff(_sigma(x), x)
        return bool(sympy.simplify(rest - square) == 0 and square.is_nonnegative)

    def zero_set() -> bool:
        x = _x()
        return bool(sympy.solveset(2 * _sigma(x) - 1, x, sympy.S.Reals) == sympy.FiniteSet(0))

    return Proof(
        Statement(
            "0 < σ'(x) ≤ 1/4, and = 1/4 only at x = 0",
            r"0 < \sigma'(x) \le \tfrac14,\quad = \tfrac14 \;\Longleftrightarrow\; x = 0",
        ),
        _REALS,
        ("x is real",),
        (
            ProofStep(
                Statement("σ'(x) = σ(x) (1 − σ(x))", r"\sigma'(x) = \sigma(x)\,(1 - \sigma(x))"),
                "the engine's slope, compared with sympy.diff",
                lambda: _is_derivative("sigmoid", _sigma),
            ),
            ProofStep(Statement("σ'(x) > 0", r"\sigma'(x) > 0"), "sympy.simplify, is_positive", positive),
            ProofStep(
                Statement(
                    "1/4 − σ'(x) = (2σ(x) − 1)²/4 ≥ 0", r"\tfrac14 - \sigma'(x) = \tfrac14 (2\sigma(x) - 1)^2 \ge 0"
                ),
                "sympy.simplify, is_nonnegative",
                rest_is_square,
            ),
            ProofStep(
                Statement("2σ(x) − 1 = 0 only at x = 0", r"2\sigma(x) - 1 = 0 \;\Longleftrightarrow\; x = 0"),
                "sympy.solveset",
                zero_set,
            ),
        ),
    )


_PROOFS: dict[str, Callable[[], Proof]] = {"tanh": _tanh_proof, "sigmoid": _sigmoid_proof}


def softmax_proof() -> Proof:
    """‖diag(α) − α αᵀ‖ ≤ 1/2 for α ≥ 0 with sum 1: as a covariance it is at most a quarter of the squared range."""

    def popoviciu() -> bool:
        m, M, mu = sympy.symbols("m M mu", real=True)
        gap = (M - m) ** 2 / 4 - (M - mu) * (mu - m)
        return bool(sympy.expand(gap - ((M + m) / 2 - mu) ** 2) == 0)

    def chebyshev() -> bool:
        m, M, v = sympy.symbols("m M v", real=True)
        return bool(sympy.expand((M - v) * (v - m) - (-(v**2) + (M + m) * v - M * m)) == 0)

    def squares() -> bool:
        m, M = sympy.symbols("m M", real=True)
        return bool(sympy.expand(2 * (m**2 + M**2) - (M - m) ** 2 - (m + M) ** 2) == 0)

    return Proof(
        Statement(
            "‖diag(α) − α αᵀ‖ ≤ 1/2",
            r"\left\lVert \operatorname{diag}(\alpha) - \alpha\alpha^{\top} \right\rVert \le \tfrac12",
        ),
        (*_REALS, "a symmetric matrix's norm is the largest |vᵀ A v| over ‖v‖ = 1"),
        ("α_s ≥ 0 and Σ α_s = 1", "‖v‖ = 1, m = min v, M = max v, and not all entries of v are equal"),
        (
            ProofStep(
                Statement(
                    "vᵀ (diag(α) − α αᵀ) v = E v² − μ² ≤ (M − μ)(μ − m), μ = E v, as E (M − v)(v − m) ≥ 0",
                    r"v^{\top} (\operatorname{diag}(\alpha) - \alpha\alpha^{\top}) v \le (M - \mu)(\mu - m)",
                ),
                "sympy.expand, and the mean of what is not negative is not negative",
                chebyshev,
            ),
            ProofStep(
                Statement(
                    "(M − m)²/4 − (M − μ)(μ − m) = ((M + m)/2 − μ)² ≥ 0", r"(M - \mu)(\mu - m) \le \tfrac14 (M - m)^2"
                ),
                "sympy.expand",
                popoviciu,
            ),
            ProofStep(
                Statement("(M − m)² ≤ 2 (m² + M²) ≤ 2 ‖v‖² = 2", r"(M - m)^2 \le 2 (m^2 + M^2) \le 2"),
                "sympy.expand; m and M are two different entries of v",
                squares,
            ),
        ),
    )


def vanishing_proof(factor: Statement) -> Proof:
    """If the bound per step is ρ < 1, the product over T − k steps goes to 0; written ρ = 1/(1 + p), p > 0."""

    def limit() -> bool:
        n = sympy.Symbol("n", positive=True)
        p = sympy.Symbol("p", positive=True)
        return bool(sympy.limit((1 + p) ** (-n), n, sympy.oo) == 0)

    return Proof(
        Statement(
            f"if {factor.text} < 1, then ‖∂s_T/∂s_k‖ → 0 as T → ∞",
            rf"{factor.latex} < 1 \;\Longrightarrow\; "
            r"\lim_{T\to\infty} \left\lVert \frac{\partial s_T}{\partial s_k} \right\rVert = 0",
        ),
        _REALS,
        (f"{factor.text} ≤ ρ < 1 at every step",),
        (
            ProofStep(
                Statement("ρ^(T−k) = (1 + p)^(k−T) → 0 for p > 0", r"\rho^{T-k} = (1+p)^{-(T-k)} \to 0,\quad p > 0"),
                "sympy.limit",
                limit,
            ),
        ),
    )
