"""The derivative of tanh, and a common mistake: tan in its place."""

import numpy as np

from minigrad.symbolic.deriving.activation_bounds import slope_proof
from minigrad.symbolic.deriving.proof import Proof, Statement
from minigrad.symbolic.lazy import sympy

from ..rnn import RNN
from .claim import REALS, Claim, Counterexample, line, step

__all__ = ["claims"]


def claims() -> list[Claim]:
    """tanh' ≤ 1, and tan' ≥ 1."""
    return [_tanh(), _tan()]


def _tanh() -> Claim:
    proof = slope_proof("tanh")
    one_step = line(
        RNN(2, 3),
        "dh/dh_prev = diag(1 - h**2) @ W",
        r"\partial h_t/\partial h_{t-1} = \operatorname{diag}(1 - h_t^2)\, W",
    )
    return Claim(
        "tanh_slope",
        proof.claim,
        "proved",
        "tanh' = 1 − tanh² = 1/cosh² is positive and at most 1, and equals 1 only at 0. "
        "One step of the RNN multiplies a gradient by diag(1 − h²) W: the derivative of tanh alone never lets it grow.",
        Proof(proof.claim, proof.axioms, proof.assumptions, (*proof.steps, one_step)),
    )


def _tan() -> Claim:
    def derivative() -> bool:
        x = sympy.Symbol("x", real=True)
        return bool(sympy.simplify(sympy.diff(sympy.tan(x), x) - (1 + sympy.tan(x) ** 2)) == 0)

    def at_least_one() -> bool:
        x = sympy.Symbol("x", real=True)
        rest = sympy.simplify(sympy.diff(sympy.tan(x), x) - 1)
        return bool(
            sympy.simplify(rest - sympy.tan(x) ** 2) == 0 and (sympy.Symbol("t", real=True) ** 2).is_nonnegative
        )

    def never_less() -> bool:
        t = sympy.Symbol("t", real=True)
        return bool(sympy.solveset(1 + t**2 < 1, t, sympy.S.Reals) == sympy.S.EmptySet)

    statement = Statement("tan'(x) ≤ 1 for h = tan(a), as some lecture notes print it", r"\tan'(x) \le 1")
    proof = Proof(
        Statement("tan'(x) = 1 + tan²(x) ≥ 1", r"\tan'(x) = 1 + \tan^2(x) \ge 1"),
        REALS,
        ("x is real and no pole of tan",),
        (
            step("tan' = 1 + tan²", r"\tan' = 1 + \tan^2", "sympy.diff, simplify", derivative),
            step("tan' − 1 = tan² ≥ 0", r"\tan' - 1 = \tan^2 \ge 0", "sympy.simplify, is_nonnegative", at_least_one),
            step("1 + t² < 1 has no solution", r"\{t : 1 + t^2 < 1\} = \emptyset", "sympy.solveset", never_less),
            line(
                RNN(2, 3),
                "dh/dh_prev = diag(1 + h**2) @ W",
                r"\partial h_t/\partial h_{t-1} \ne \operatorname{diag}(1 + h_t^2)\, W",
                "refuted",
            ),
        ),
    )
    return Claim(
        "tan_slope",
        statement,
        "refuted",
        "The notes write tan where tanh is meant. The derivative of tan is 1 + tan² and never below 1, so with "
        "it every step would enlarge a gradient, the opposite of what it is quoted for; tan has poles besides.",
        proof,
        Counterexample(
            Statement("x = 1", "x = 1"),
            _slopes_at_one,
            lambda found: found["tan'(1)"] > 1 > found["tanh'(1)"],
        ),
    )


def _slopes_at_one() -> dict[str, float]:
    """Both derivatives by the complex step."""
    x = 1 + 1e-30j
    return {"tan'(1)": float(np.tan(x).imag / 1e-30), "tanh'(1)": float(np.tanh(x).imag / 1e-30)}
