"""Cells as plain loops over NumPy arrays, written from the papers' formulas: what a parity test compares with."""

from typing import Any

import numpy as np

Params = dict[str, Any]


def sigma(a: Any) -> Any:
    """The logistic function."""
    return 1 / (1 + np.exp(-a))


def rnn(P: Params, xs: Any) -> list[Any]:
    """h_t = tanh(U x_t + W h_{t−1} + b)."""
    h, hs = np.zeros(len(P["b"])), []
    for x in xs:
        h = np.tanh(P["U"] @ x + P["W"] @ h + P["b"])
        hs.append(h)
    return hs


def lstm(P: Params, xs: Any, coupled: bool = False) -> list[Any]:
    """i, f, o, g, c, h, with peepholes where there are parameters for them."""
    h = c = np.zeros(len(P["b_g"]))
    hs = []
    for x in xs:
        a = {k: P[f"U_{k}"] @ x + P[f"W_{k}"] @ h + P[f"b_{k}"] for k in "ifgo" if f"U_{k}" in P}
        p = {k: P.get(f"p_{k}", 0.0) for k in "ifo"}
        f = sigma(a["f"] + p["f"] * c)
        i = 1 - f if coupled else sigma(a["i"] + p["i"] * c)
        c = f * c + i * np.tanh(a["g"])
        h = sigma(a["o"] + p["o"] * c) * np.tanh(c)
        hs.append(h)
    return hs


def gru(P: Params, xs: Any, reset: str, update: str) -> list[Any]:
    """r, z, n, h in the convention asked for."""
    h, hs = np.zeros(len(P["b_n"])), []
    for x in xs:
        r = sigma(P["U_r"] @ x + P["W_r"] @ h + P["b_r"])
        z = sigma(P["U_z"] @ x + P["W_z"] @ h + P["b_z"])
        recurrent = P["W_n"] @ (r * h) if reset == "before" else r * (P["W_n"] @ h + P["c_n"])
        n = np.tanh(P["U_n"] @ x + P["b_n"] + recurrent)
        keep = z if update == "keep" else 1 - z
        h = keep * h + (1 - keep) * n
        hs.append(h)
    return hs


def attention(P: Params, q: Any, m: Any, score: str) -> Any:
    """The context Σ_s α_s m_s."""
    scores = {
        "additive": lambda s: P["v"] @ np.tanh(P["W"] @ q + P["U"] @ s),
        "concat": lambda s: P["v"] @ np.tanh(P["W"] @ np.concatenate([q, s])),
        "general": lambda s: q @ P["W"] @ s,
        "dot": lambda s: q @ s,
        "scaled_dot": lambda s: q @ s / np.sqrt(len(q)),
    }
    weights = np.array([np.exp(scores[score](s)) for s in m])
    return sum(w * s for w, s in zip(weights / weights.sum(), m, strict=True))


def loss(P: Params, hs: Any, targets: Any) -> float:
    """E = −Σ_t log softmax(V h_t + c)[y_t]."""
    total = 0.0
    for h, y in zip(hs, targets, strict=True):
        e = np.exp(P["V"] @ h + P["c"])
        total -= np.log(e[y] / e.sum())
    return total
