"""Attention: a path to every earlier state that does not get longer with distance."""

import numpy as np

import minigrad as mg
from minigrad.symbolic import derive, equal
from minigrad.symbolic.deriving.activation_bounds import softmax_proof
from minigrad.symbolic.deriving.proof import Proof, Statement
from minigrad.symbolic.lazy import sympy
from minigrad.symbolic.terms.arithmetic import add, diag, minus, scale
from minigrad.symbolic.terms.entries import entry
from minigrad.symbolic.terms.products import basis, identity, outer, product
from minigrad.symbolic.terms.term import Term
from minigrad.symbolic.terms.traversal import subterms

from ..attention import Attention
from .claim import Claim, Counterexample, step

__all__ = ["claims"]

_ATTENTION = Attention(3, score="dot")
_PLACES = (1, 2, 3)

#: ∂context/∂q, and what it is.
_INTO_QUERY = r"\partial\,\mathrm{context}/\partial q"
_COVARIANCE = r"M(\operatorname{diag}(\alpha) - \alpha\alpha^{\top})M^{\top}"


def claims() -> list[Claim]:
    """The direct path, and the derivative with respect to the query."""
    return [_direct(), _query()]


def _memory() -> Term:
    """[m_1, m_2, m_3], as the derived step has it."""
    return derive(_ATTENTION).definitions["context"].args[0]


def _by_hand(s: int) -> Term:
    """α_s I + M (α_s e_s − α_s α) qᵀ."""
    values = derive(_ATTENTION).values
    alpha, q, memory = values["alpha"], values["q"], _memory()
    share = entry(alpha, s - 1)
    through = add([scale(1, share, basis(s - 1, alpha.shape[0])), minus(scale(1, share, alpha))])
    return add([scale(1, share, identity(q.shape[0])), product(memory, outer(through, q))])


def _direct() -> Claim:
    def each_place() -> bool:
        derivation = derive(_ATTENTION)
        return all(equal(derivation.jacobian("context", f"m_{s}"), _by_hand(s)) for s in _PLACES)

    def no_product_over_time() -> bool:
        parts = list(subterms([derive(_ATTENTION).jacobian("context", f"m_{s}") for s in _PLACES]))
        return not any(part.kind in ("ordered", "span") for part in parts)

    def distance_does_not_matter() -> bool:
        shares = [_direct_path(50, place) for place in (0, 25, 49)]
        return bool(np.allclose(shares, 1 / 50, rtol=0, atol=1e-12))

    return Claim(
        "attention_direct_path",
        Statement(
            "attention's path to an earlier state does not depend on how far back it is",
            r"\partial\,\mathrm{context}/\partial m_s = \alpha_s I + \dots",
        ),
        "qualified",
        "∂context/∂m_s has the summand α_s I, and no product over time: its size is the weight α_s, however far "
        "back s is. But the weights sum to 1: spread evenly over S places, each path has only "
        "1/S, a slow decay.",
        Proof(
            Statement(
                "∂context/∂m_s = α_s I + M (α_s e_s − α_s α) qᵀ",
                r"\partial\,\mathrm{context}/\partial m_s = \alpha_s I + M(\alpha_s e_s - \alpha_s\alpha) q^{\top}",
            ),
            ("the chain rule",),
            ("dot scores e_s = m_sᵀ q; memory and query are independent",),
            (
                step(
                    "s = 1, 2, 3: one formula",
                    r"\partial\,\mathrm{context}/\partial m_s = \alpha_s I + \dots,\quad s = 1, 2, 3",
                    "normal form of the derived Jacobians",
                    each_place,
                ),
                step(
                    "no product over time in it", r"\text{no } \prod_t", "the kinds of its terms", no_product_over_time
                ),
                step(
                    "50 equal weights: 1/50 at places 1, 26 and 50",
                    r"\alpha_s = \tfrac{1}{50},\quad s = 1, 26, 50",
                    "a real attention, q = 0",
                    distance_does_not_matter,
                ),
            ),
        ),
        Counterexample(
            Statement("equal scores over S places: the direct path is 1/S", r"\alpha_s = 1/S"),
            lambda: {
                "‖∂context/∂m_1‖, S = 10": _direct_path(10, 0),
                "‖∂context/∂m_1‖, S = 1000": _direct_path(1000, 0),
            },
            lambda found: found["‖∂context/∂m_1‖, S = 1000"] < found["‖∂context/∂m_1‖, S = 10"] / 50,
        ),
    )


def _direct_path(places: int, place: int) -> float:
    """‖∂context/∂m_s‖ of a real attention with query 0, so that only the direct path is there."""
    m = np.random.default_rng(0).normal(size=(places, 3))

    def context(row: np.ndarray) -> np.ndarray:
        memory = mg.concatenate([m[:place], mg.reshape(row, (1, 3)), m[place + 1 :]], 0)
        return _ATTENTION.attend({}, np.zeros(3), memory).context

    return float(np.linalg.norm(np.asarray(mg.jacobian(context)(m[place])), 2))


def _query() -> Claim:
    def covariance() -> bool:
        derivation = derive(_ATTENTION)
        alpha, memory = derivation.values["alpha"], _memory()
        spread = add([diag(alpha), minus(outer(alpha, alpha))])
        return equal(derivation.jacobian("context", "q"), product(memory, spread, memory.T))

    def trace() -> bool:
        a, b, c = sympy.symbols("a b c", nonnegative=True)
        spread = sympy.diag(a, b, c) - sympy.Matrix([a, b, c]) * sympy.Matrix([[a, b, c]])
        gap = (1 - a**2) - spread.trace().subs(c, 1 - a - b)
        others = sympy.expand(gap - (b**2 + (1 - a - b) ** 2)) == 0
        return bool(others and (b**2 + c**2).is_nonnegative and sympy.limit(1 - a**2, a, 1) == 0)

    proof = softmax_proof()
    return Claim(
        "attention_saturates",
        Statement(
            "the gradient into the query always flows",
            rf"{_INTO_QUERY} = {_COVARIANCE} \ne 0",
        ),
        "refuted",
        "∂context/∂q is the covariance of the memory under the weights, M (diag(α) − α αᵀ) Mᵀ, of norm at most ‖M‖²/2. "
        "It goes to 0 as one weight goes to 1: saturated attention does not learn to attend elsewhere.",
        Proof(
            Statement("∂context/∂q = M (diag(α) − α αᵀ) Mᵀ", rf"{_INTO_QUERY} = {_COVARIANCE}"),
            proof.axioms,
            ("dot scores; memory and query are independent",),
            (
                step(
                    "∂context/∂q = M (diag(α) − α αᵀ) Mᵀ",
                    rf"{_INTO_QUERY} = {_COVARIANCE}",
                    "normal form of the derived one",
                    covariance,
                ),
                *proof.steps,
                step(
                    "‖diag(α) − α αᵀ‖ ≤ tr(diag(α) − α αᵀ) = 1 − Σ α² ≤ 1 − α_1² → 0 as α_1 → 1",
                    r"\lVert \operatorname{diag}(\alpha) - \alpha\alpha^{\top} \rVert \le 1 - \alpha_1^2 \to 0",
                    "a covariance has no negative eigenvalue; sympy.trace, limit, for three weights",
                    trace,
                ),
            ),
        ),
        Counterexample(
            Statement("memory e_1, e_2, e_3 and the query 40 e_1", r"q = 40\,e_1"),
            _sure,
            lambda found: found["largest weight"] > 0.999 and found["‖∂context/∂q‖"] < 1e-12,
        ),
    )


def _sure() -> dict[str, float]:
    def context(q: np.ndarray) -> np.ndarray:
        return _ATTENTION.attend({}, q, np.eye(3)).context

    q = np.array([40.0, 0, 0])
    weights = _ATTENTION.attend({}, q, np.eye(3)).weights
    return {
        "largest weight": float(np.max(weights)),
        "‖∂context/∂q‖": float(np.linalg.norm(np.asarray(mg.jacobian(context)(q)), 2)),
    }
