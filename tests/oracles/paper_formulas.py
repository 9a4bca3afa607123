"""The cells as the papers print them, on lists of SymPy symbols: no arrays, nothing of the project.

A matrix is a list of rows, a vector a list; every formula is written out entry by entry, and SymPy's own
`diff` differentiates it.
"""

from typing import Any

import sympy as sp

__all__ = ["ATTENTION", "attend", "attention_cell", "convolution", "gru", "loss", "lstm", "rnn"]

Vector = list[Any]
Matrix = list[list[Any]]
Params = dict[str, Any]


def times(M: Matrix, v: Vector) -> Vector:
    """M v."""
    return [sum(entry * x for entry, x in zip(row, v, strict=True)) for row in M]


def plus(*vs: Vector) -> Vector:
    """The sum of vectors."""
    return [sum(entries) for entries in zip(*vs, strict=True)]


def each(*vs: Vector) -> Vector:
    """The product, entry by entry."""
    return [sp.prod(entries) for entries in zip(*vs, strict=True)]


def dot(a: Vector, b: Vector) -> Any:
    """aᵀ b."""
    return sum(each(a, b))


def sigma(v: Vector) -> Vector:
    """The logistic function."""
    return [1 / (1 + sp.exp(-x)) for x in v]


def tanh(v: Vector) -> Vector:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), written so that x stands in it once: SymPy is quicker with exponentials."""
    return [1 - 2 / (1 + sp.exp(2 * x)) for x in v]


def softmax(v: Vector) -> Vector:
    """exp(v) / Σ exp(v)."""
    total = sum(map(sp.exp, v))
    return [sp.exp(x) / total for x in v]


ACTIVATIONS = {
    "tanh": tanh,
    "sigmoid": sigma,
    "identity": lambda v: v,
    "relu": lambda v: [sp.Max(x, 0) for x in v],
}


def rnn(cell: Any, p: Params, state: list[Vector], x: Vector) -> list[Vector]:
    """h = φ(U x + W h_prev + b)."""
    return [ACTIVATIONS[cell.activation](plus(times(p["U"], x), times(p["W"], state[0]), p["b"]))]


def lstm(cell: Any, p: Params, state: list[Vector], x: Vector) -> list[Vector]:
    """The vanilla LSTM of Greff et al. (2017), section 2, with what the variants leave out."""
    h, c, *gates = state
    one = [sp.Integer(1)] * len(h)

    def argument(k: str, seen: Vector) -> Vector:
        parts = [times(p[f"U_{k}"], x), times(p[f"W_{k}"], h), p[f"b_{k}"]]
        if cell.peephole and k != "g":
            parts.append(each(p[f"p_{k}"], seen))
        if cell.gate_recurrence and k != "g":
            parts += [times(p[f"R_{k}{j}"], gate) for j, gate in zip("ifo", gates, strict=True)]
        return plus(*parts)

    f = sigma(argument("f", c)) if cell.forget_gate else one
    if cell.coupled:
        i = plus(one, [-entry for entry in f])
    else:
        i = sigma(argument("i", c)) if cell.input_gate else one
    g = ACTIVATIONS[cell.input_activation](argument("g", c))
    new = plus(each(f, c), each(i, g))
    o = sigma(argument("o", new)) if cell.output_gate else one
    output = each(o, ACTIVATIONS[cell.output_activation](new))
    return [output, new, i, f, o] if cell.gate_recurrence else [output, new]


def gru(cell: Any, p: Params, state: list[Vector], x: Vector) -> list[Vector]:
    """Cho et al. (2014), equations 5 to 8, in its four conventions."""
    (h,) = state
    r, z = (sigma(plus(times(p[f"U_{k}"], x), times(p[f"W_{k}"], h), p[f"b_{k}"])) for k in "rz")
    if cell.reset == "before":
        inside = times(p["W_n"], each(r, h))
    else:
        inside = each(r, plus(times(p["W_n"], h), p["c_n"]))
    n = tanh(plus(times(p["U_n"], x), p["b_n"], inside))
    keep, write = (z, [1 - entry for entry in z]) if cell.update == "keep" else ([1 - entry for entry in z], z)
    return [plus(each(keep, h), each(write, n))]


def convolution(cell: Any, p: Params, xs: Matrix) -> Matrix:
    """h_t = φ(Σ_j U_j x_{t−j} + b), with zeros before the first step."""
    outputs = []
    for t in range(len(xs)):
        seen = [times(p[f"U_{j}"], xs[t - j]) for j in range(cell.width) if t >= j]
        outputs.append(ACTIVATIONS[cell.activation](plus(*seen, p["b"])))
    return outputs


#: Scores of a query q and a place m in memory.
ATTENTION = {
    "additive": lambda p, q, m: dot(p["v"], tanh(plus(times(p["W"], q), times(p["U"], m)))),
    "concat": lambda p, q, m: dot(p["v"], tanh(times(p["W"], q + m))),
    "general": lambda p, q, m: dot(q, times(p["W"], m)),
    "dot": lambda p, q, m: dot(q, m),
    "scaled_dot": lambda p, q, m: dot(q, m) / sp.sqrt(len(q)),
}


def attend(score: str, p: Params, q: Vector, memory: Matrix) -> Vector:
    """Σ_s α_s m_s with α = softmax of the scores."""
    weights = softmax([ATTENTION[score](p, q, m) for m in memory])
    return plus(*([weight * entry for entry in m] for weight, m in zip(weights, memory, strict=True)))


def attention_cell(cell: Any, p: Params, xs: Matrix) -> Matrix:
    """An RNN that attends over its earlier states, from h_0 = 0 on: Bahdanau et al. (2015), Luong et al. (2015)."""
    memory, outputs = [[sp.Integer(0)] * cell.hidden_size], []
    for x in xs:
        if cell.when == "before":
            context = attend(cell.score, p["attention"], memory[-1], memory)
            (h,) = rnn(cell.inner, p["inner"], [memory[-1]], plus(times(p["P"], x), times(p["C"], context)))
            outputs.append(h)
        else:
            (h,) = rnn(cell.inner, p["inner"], [memory[-1]], x)
            context = attend(cell.score, p["attention"], h, memory)
            outputs.append(tanh(plus(times(p["C"], context), times(p["W"], h))))
        memory.append(h)
    return outputs


def loss(readout: Params, outputs: Matrix, targets: list[int]) -> Any:
    """E = Σ_t −log softmax(z_t)[y_t] = Σ_t log Σ_k exp(z_tk) − z_t[y_t], with z_t = V h_t + c."""
    logits = [plus(times(readout["V"], h), readout["c"]) for h in outputs]
    return sum(sp.log(sum(map(sp.exp, z))) - z[y] for z, y in zip(logits, targets, strict=True))
