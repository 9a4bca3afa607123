"""The LSTM's gates: the forget gate's bias, coupling, peepholes, and why each needs its own weights."""

import numpy as np

from minigrad import trace
from minigrad.symbolic import derive, equal
from minigrad.symbolic.deriving.proof import Proof, Statement
from minigrad.symbolic.lazy import sympy
from minigrad.symbolic.terms.evaluate import evaluate

from ..lstm import LSTM, LSTMState
from ..unroll import unroll
from .claim import REALS, Claim, Counterexample, constant_params, line, reached, state_jacobian, step
from .lstm_gradient import forgetting

__all__ = ["claims"]

#: ∂c_t/∂c_{t−1}, and its formula with peepholes.
_KEPT = r"\partial c_t/\partial c_{t-1}"
_FULL = r"\operatorname{diag}(f_t + c_{t-1}\,p_f\,f_t(1-f_t) + g_t\,p_i\,i_t(1-i_t))"


def claims() -> list[Claim]:
    """Bias 1, i = 1 − f, peepholes, one W_C for all."""
    return [_forget_bias(), _coupled(), _peepholes(), _shared()]


def _forget_bias() -> Claim:
    def initial() -> bool:
        return bool((LSTM(2, 3).init(np.random.default_rng(0))["b_f"] == 1).all())

    def kept(bias: int, share: str) -> bool:
        exact = 1 / (1 + sympy.exp(-sympy.Integer(bias)))
        found = forgetting(float(bias))["f"]
        return f"{float(exact):.3f}" == share and abs(found - float(exact)) < 1e-12

    def half_life(bias: int, steps: str) -> bool:
        exact = sympy.log(2) / sympy.log(1 + sympy.exp(-sympy.Integer(bias)))
        found = forgetting(float(bias))["f"]
        return f"{float(exact):.2f}" == steps and abs(found ** float(exact) - 0.5) < 1e-12

    return Claim(
        "forget_bias",
        Statement(
            "with forget-gate bias 1 the cell keeps σ(1) = 0.731 a step, and half of it after 2.2 steps",
            r"\sigma(1) = .731,\quad \sigma(1)^{2.21} = \tfrac12",
        ),
        "qualified",
        "Where weights and inputs are 0, f = σ(b_f), and nearly so while they are small. "
        "Bias 1 gives 0.731 a step and a half-life of 2.21 steps; bias 0 gives 1/2 and one step.",
        Proof(
            Statement("half-life log 2 / −log σ(1) = 2.21", r"\log 2/{-\log \sigma(1)} = 2.21"),
            REALS,
            ("zero weights and inputs: f = σ(b_f)",),
            (
                step("b_f = 1 at the start", "b_f = 1", "LSTM.init", initial),
                step("σ(1) = 0.731 is kept", r"\sigma(1) = .731", "SymPy, and a real LSTM", lambda: kept(1, "0.731")),
                step(
                    "half-life 2.21",
                    r"\sigma(1)^{2.21} = \tfrac12",
                    "SymPy, and a real LSTM",
                    lambda: half_life(1, "2.21"),
                ),
                step("σ(0) = 1/2 is kept with bias 0", r"\sigma(0) = \tfrac12", "likewise", lambda: kept(0, "0.500")),
                step("then the half-life is 1", r"\sigma(0)^1 = \tfrac12", "likewise", lambda: half_life(0, "1.00")),
            ),
        ),
        Counterexample(
            Statement("bias 1 and an input of −3 with weight 1: f = σ(−2)", r"f_t = \sigma(1 - 3)"),
            _driven,
            lambda found: abs(found["f"] - 1 / (1 + np.exp(2))) < 1e-12 and found["steps to a half"] < 0.5,
        ),
    )


def _driven() -> dict[str, float]:
    """f of one LSTM unit whose input speaks against its bias, and in how many such steps half of c is gone."""
    cell = LSTM(1, 1)
    params = constant_params(cell, b_f=cell.init(np.random.default_rng(0))["b_f"], U_f=np.ones((1, 1)))
    graph = trace(cell.step, params, LSTMState(np.zeros(1), np.ones(1)), np.array([-3.0]))
    f = graph.find("f").item()
    return {"f": f, "steps to a half": float(np.log(0.5) / np.log(f))}


def _coupled() -> Claim:
    cell = LSTM(2, 3, coupled=True)

    def sum_to_one() -> bool:
        derivation = derive(cell)
        return equal(derivation.definitions["i"] + derivation.values["f"], 1 + 0 * derivation.values["f"])

    def stays() -> bool:
        bound = derive(cell).bound()
        return "c" in bound.within and not bound.growth and bound.proof().holds

    def convex() -> bool:
        f, c, g, m = sympy.symbols("f c g m", real=True)
        mixed = f * c + (1 - f) * g
        above = (m - mixed) - (f * (m - c) + (1 - f) * (m - g))
        below = (m + mixed) - (f * (m + c) + (1 - f) * (m + g))
        return bool(sympy.expand(above) == sympy.expand(below) == 0)

    def grows_uncoupled() -> bool:
        found = _uncoupled()
        return found["c_10 uncoupled"] > 9 and found["c_10 coupled"] <= 1

    return Claim(
        "coupled_gates",
        Statement(
            "if the input and forget gates are coupled, they sum to 1, and c stays bounded",
            r"i + f = 1 \;\Longrightarrow\; \lvert c_t\rvert \le 1",
        ),
        "proved",
        "With i = 1 − f the new c is a mean of the old c and of g, weighted with f and 1 − f. If |c_0| ≤ 1 it "
        "therefore stays in [−1, 1]. Uncoupled, c can grow by up to 1 a step.",
        Proof(
            Statement("|c_t| ≤ max(|c_{t−1}|, 1)", r"\lvert c_t\rvert \le \max(\lvert c_{t-1}\rvert, 1)"),
            (*REALS, "a sum of what is not negative is not negative"),
            ("|c_0| ≤ 1", "g = tanh(…)"),
            (
                step("i + f = 1", "i + f = 1", "normal form of the derived definition", sum_to_one),
                line(cell, "c = f*c_prev + (1 - f)*g", r"c_t = f_t c_{t-1} + (1 - f_t) g_t"),
                step(
                    "m ∓ c = f (m ∓ c_prev) + (1 − f)(m ∓ g) ≥ 0, m = max(|c_prev|, 1)",
                    r"m \mp c_t = f_t (m \mp c_{t-1}) + (1 - f_t)(m \mp g_t) \ge 0,\quad "
                    r"m = \max(\lvert c_{t-1}\rvert, 1)",
                    "sympy.expand; 0 < f < 1 and |g| < 1",
                    convex,
                ),
                step("c stays in [−1, 1]", r"c \in [-1,1]", "interval arithmetic on the derived step", stays),
                step("uncoupled, c_10 > 9", r"\text{uncoupled: } c_{10} > 9", "two real LSTMs", grows_uncoupled),
            ),
        ),
    )


def _uncoupled() -> dict[str, float]:
    start = LSTMState(np.zeros(1), np.zeros(1))
    usual, tied = LSTM(1, 1), LSTM(1, 1, coupled=True)
    free = reached(usual, constant_params(usual, b_i=9.0, b_f=9.0, b_g=9.0), start, 10)
    bound = reached(tied, constant_params(tied, b_f=-9.0, b_g=9.0), start, 10)
    return {"c_10 uncoupled": float(free.c[0]), "c_10 coupled": float(bound.c[0])}


def _peepholes() -> Claim:
    cell = LSTM(2, 3, peephole=True)
    full = "f + c_prev*p_f*f*(1 - f) + g*p_i*i*(1 - i)"

    def reduces() -> bool:
        plain, peeping = derive(LSTM(2, 3)).jacobian("c", "c_prev"), derive(cell).jacobian("c", "c_prev")
        rng = np.random.default_rng(0)
        values = {key: rng.uniform(0, 1, 3) for key in ("f", "i", "g", "c_prev")}
        zero = {f"p_{k}": np.zeros(3) for k in "ifo"}
        both = evaluate(plain, values), evaluate(peeping, values | zero)
        return all(np.array_equal(one, np.diag(values["f"])) for one in both)

    def adds() -> bool:
        found = _peeping()
        f = found["f"]
        return bool(abs(found["∂c_1/∂c_0"] - (f + (1 + np.tanh(1.0)) * f * (1 - f))) < 1e-12)

    return Claim(
        "peepholes",
        Statement(
            "peepholes add terms to ∂c_t/∂c_{t−1} = diag(f)",
            r"\partial c_t/\partial c_{t-1} = \operatorname{diag}(f_t) + \dots",
        ),
        "proved",
        "Peepholes let the gates see the cell, so c_{t−1} acts through i and f as well, and two terms are added to "
        "diag(f); through o they add one to ∂h/∂c. The terms are diagonal, and 0 if the peephole weights are.",
        Proof(
            Statement(f"∂c/∂c_prev = diag({full})", rf"{_KEPT} = {_FULL}"),
            ("the chain rule",),
            ("h_{t−1} is held fixed",),
            (
                line(cell, f"dc/dc_prev = diag({full})", rf"{_KEPT} = {_FULL}"),
                line(cell, "dc/dc_prev = diag(f)", rf"{_KEPT} \ne \operatorname{{diag}}(f_t)", "refuted"),
                line(
                    cell,
                    "dh/dc = diag(o*(1 - s**2) + s*p_o*o*(1 - o))",
                    r"\partial h_t/\partial c_t = \operatorname{diag}(o_t(1-s_t^2) + s_t\,p_o\,o_t(1-o_t))",
                ),
                line(
                    LSTM(2, 3),
                    "dc/dc_prev = diag(f)",
                    rf"{_KEPT} = \operatorname{{diag}}(f_t)\ \text{{without peepholes}}",
                ),
                step("p = 0 gives diag(f) again", "p = 0", "both derived Jacobians, evaluated", reduces),
                step(
                    "one unit, c = p = b_g = 1: f + (1 + tanh 1) f (1 − f)",
                    r"\partial c_1/\partial c_0 = f + (1 + \tanh 1)\, f (1 - f)",
                    "a real LSTM",
                    adds,
                ),
            ),
        ),
    )


def _peeping() -> dict[str, float]:
    cell, start = LSTM(1, 1, peephole=True), LSTMState(np.zeros(1), np.ones(1))
    params = constant_params(cell, p_f=1.0, p_i=1.0, b_g=1.0)
    J = state_jacobian(cell, params, start, 1)
    f = 1 / (1 + np.exp(-float(params["p_f"][0] * start.c[0])))
    return {"f": float(f), "∂c_1/∂c_0": float(J[1, 1])}


def _shared() -> Claim:
    def one_argument() -> bool:
        return all(np.ptp(list(_shared_gates(seed).values())) < 1e-9 for seed in range(5))

    def candidate_follows() -> bool:
        f = sympy.Symbol("f", positive=True)
        a = sympy.log(f / (1 - f))
        g = (sympy.exp(a) - sympy.exp(-a)) / (sympy.exp(a) + sympy.exp(-a))
        return bool(sympy.simplify(g - (f**2 - (1 - f) ** 2) / (f**2 + (1 - f) ** 2)) == 0)

    def cannot_keep() -> bool:
        f, c = sympy.symbols("f c", positive=True)
        g = (f**2 - (1 - f) ** 2) / (f**2 + (1 - f) ** 2)
        return bool(sympy.simplify((f * c + f * g).subs(f, 1) - (c + 1)) == 0)

    cell = LSTM(2, 3)
    return Claim(
        "shared_weights",
        Statement("all gates may use one W_C and one b_C, as some lecture notes write them", r"W_f = W_i = W_o = W_C"),
        "refuted",
        "With one W_C and b_C the three gates get the same argument, so i = f = o, and g is a function of them: four "
        "roles have one degree of freedom. With f → 1 the cell becomes c + 1; a cell that keeps c unchanged "
        "needs f near 1 and i near 0. Each gate has its own weights, and its own gradient.",
        Proof(
            Statement("W_f = W_i = W_o implies f = i = o", r"W_f = W_i = W_o \;\Longrightarrow\; f = i = o"),
            REALS,
            ("U, W and b shared by i, f, g and o",),
            (
                step("i = f = o", "i = f = o", "a real LSTM with shared parameters", one_argument),
                step(
                    "g = (f² − (1 − f)²)/(f² + (1 − f)²)",
                    r"g = \frac{f^2 - (1-f)^2}{f^2 + (1-f)^2}",
                    "sympy.simplify, a = log(f/(1 − f))",
                    candidate_follows,
                ),
                step("f → 1 gives c + 1, not c", r"f \to 1:\ c \mapsto c + 1", "sympy.subs", cannot_keep),
                line(
                    cell,
                    "d_W_f = sum_t(outer(d_a_f, h_prev))",
                    r"\partial E/\partial W_f = \sum_t \delta a_{f,t}\, h_{t-1}^{\top}",
                ),
                line(
                    cell,
                    "d_W_f = sum_t(outer(d_a_i, h_prev))",
                    r"\partial E/\partial W_f \ne \sum_t \delta a_{i,t}\, h_{t-1}^{\top}",
                    "refuted",
                ),
            ),
        ),
        Counterexample(
            Statement("a random LSTM with shared parameters, and one with its own", r"W_C\ \text{shared}"),
            lambda: {
                "|f − i| shared": abs(_shared_gates(0)["f"] - _shared_gates(0)["i"]),
                "c after 20 steps, f = 1 shared, c_0 = 1": _kept(9.0),
                "c after 20 steps, f = 1, i = 0, c_0 = 1": _kept(-9.0),
            },
            lambda found: (
                found["|f − i| shared"] < 1e-9
                and found["c after 20 steps, f = 1 shared, c_0 = 1"] > 15
                and abs(found["c after 20 steps, f = 1, i = 0, c_0 = 1"] - 1) < 0.01
            ),
        ),
    )


def _shared_gates(seed: int) -> dict[str, float]:
    """The gates of one unit whose letters are all the same, read off the c and h after a step."""
    rng, cell = np.random.default_rng(seed), LSTM(1, 1)
    shared = {name: rng.normal() for name in "UWb"}
    params = constant_params(cell, **{f"{name}_{k}": value for name, value in shared.items() for k in "ifgo"})
    x, h = rng.normal(size=(1, 1)), rng.normal(size=1)
    at = {c: unroll(cell, params, x, LSTMState(h, np.array([c]))).final for c in (0.0, 1.0)}
    g = np.tanh(shared["U"] * x[0, 0] + shared["W"] * h[0] + shared["b"])
    return {
        "f": float(at[1.0].c[0] - at[0.0].c[0]),
        "i": float(at[0.0].c[0] / g),
        "o": float(at[1.0].h[0] / np.tanh(at[1.0].c[0])),
    }


def _kept(writes: float) -> float:
    """c after 20 steps with f ≈ 1, i = σ(writes) and g ≈ 1, from c = 1."""
    cell = LSTM(1, 1)
    params = constant_params(cell, b_f=9.0, b_o=9.0, b_g=9.0, b_i=writes)
    return float(reached(cell, params, LSTMState(np.zeros(1), np.ones(1)), 20).c[0])
