"""Forward and backward passes as one writes them by hand, in NumPy: right ones, into which slips are planted."""

from typing import Any

import numpy as np

from minigrad import sigmoid

Params = dict[str, Any]


def zeros(P: Params) -> Params:
    """A gradient to add to."""
    return {name: np.zeros(value.shape) for name, value in P.items()}


def rnn_args(rng: Any, T: int, H: int, D: int) -> tuple[Any, ...]:
    """Parameters, inputs and targets of a plain RNN with a readout of three classes."""
    shapes = {"U": (H, D), "W": (H, H), "b": (H,), "V": (3, H), "c": (3,)}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return params, rng.normal(size=(T, D)), rng.integers(0, 3, T)


def rnn_loss(P: Params, xs: Any, ys: Any) -> Any:
    """E = −Σ_t log softmax(V h_t + c)[y_t]."""
    h, E = np.zeros(len(P["b"])), 0.0
    for x, y in zip(xs, ys, strict=True):
        h = np.tanh(P["U"] @ x + P["W"] @ h + P["b"])
        e = P["V"] @ h + P["c"]
        E = E + np.log(np.sum(np.exp(e))) - e[y]
    return E


def rnn_backward(P: Params, xs: Any, ys: Any) -> Params:
    """Backpropagation through time, step by step."""
    hs = [np.zeros(len(P["b"]))]
    for x in xs:
        hs.append(np.tanh(P["U"] @ x + P["W"] @ hs[-1] + P["b"]))
    d, dh_next = zeros(P), np.zeros(len(P["b"]))
    for t in range(len(xs), 0, -1):
        e = P["V"] @ hs[t] + P["c"]
        yhat = np.exp(e - e.max())
        yhat = yhat / yhat.sum()
        de = yhat - np.eye(3)[ys[t - 1]]
        d["V"] += np.outer(de, hs[t])
        d["c"] += de
        dh = P["V"].T @ de + dh_next
        da = dh * (1 - hs[t] ** 2)
        d["U"] += np.outer(da, xs[t - 1])
        d["W"] += np.outer(da, hs[t - 1])
        d["b"] += da
        dh_next = P["W"].T @ da
    return d


RNN_SLIPS = [
    ("missing activation derivative", "dh * (1 - hs[t] ** 2)", "dh"),
    ("(1 − h)² for 1 − h²", "(1 - hs[t] ** 2)", "(1 - hs[t]) ** 2"),
    ("1 + h² for 1 − h²", "(1 - hs[t] ** 2)", "(1 + hs[t] ** 2)"),
    ("slope at the wrong step", "(1 - hs[t] ** 2)", "(1 - hs[t - 1] ** 2)"),
    ("slope of σ", "(1 - hs[t] ** 2)", "hs[t] * (1 - hs[t])"),
    ("tanh taken twice", "(1 - hs[t] ** 2)", "(1 - np.tanh(hs[t]) ** 2)"),
    ("transposed weight", 'P["W"].T @ da', 'P["W"] @ da'),
    ("transposed gradient", "np.outer(da, hs[t - 1])", "np.outer(hs[t - 1], da)"),
    ("index off by one, state", "np.outer(da, hs[t - 1])", "np.outer(da, hs[t])"),
    ("index off by one, input", "xs[t - 1]", "xs[t - 2]"),
    ("index off by one, target", "ys[t - 1]", "ys[t - 2]"),
    ("index off by one, readout", "np.outer(de, hs[t])", "np.outer(de, hs[t - 1])"),
    ("dropped path through time", "dh_next = P", "dh_now = P"),
    ("dropped path from the loss", 'P["V"].T @ de + dh_next', "(de.sum() if t == len(xs) else 0) + dh_next"),
    ("last-step-only loss", "de = yhat - np.eye(3)[ys[t - 1]]", "de = (yhat - np.eye(3)[ys[t - 1]]) * (t == len(xs))"),
    ("last-step-only gradient", 'd["W"] += ', 'd["W"] = '),
    ("last-step-only bias", 'd["b"] += ', 'd["b"] = '),
    ("truncated by mistake", "for t in range(len(xs), 0, -1)", "for t in range(len(xs), max(0, len(xs) - 2), -1)"),
    ("first step left out", "for t in range(len(xs), 0, -1)", "for t in range(len(xs), 1, -1)"),
    ("stale state between steps", 'P["W"] @ hs[-1]', 'P["W"] @ hs[0]'),
    ("stale δ", "dh_next = P", "dh_next += P"),
    ("mean for sum", "return d", "return {k: v / len(xs) ** 2 / 2 for k, v in d.items()}"),
    ("wrong sign of ŷ − y", "yhat - np.eye(3)[ys[t - 1]]", "np.eye(3)[ys[t - 1]] - yhat"),
    ("y forgotten", "yhat - np.eye(3)[ys[t - 1]]", "yhat"),
    ("Jacobian of σ on ŷ − y", "yhat - np.eye(3)[ys[t - 1]]", "(yhat - np.eye(3)[ys[t - 1]]) * yhat * (1 - yhat)"),
    ("missing factor", 'd["U"] += np.outer(da, xs[t - 1])', 'd["U"] += 0.5 * np.outer(da, xs[t - 1])'),
    ("missing δ", "np.outer(da, xs[t - 1])", "np.outer(dh, xs[t - 1])"),
    ("bias gradient without slope", 'd["b"] += da', 'd["b"] += dh'),
    ("bias gradient summed over the wrong axis", 'd["b"] += da', 'd["b"] += da.sum()'),
    ("clip by value instead of norm", "return d", "return {k: np.clip(v, -0.1, 0.1) for k, v in d.items()}"),
    ("clipped between steps", 'dh_next = P["W"].T @ da', 'dh_next = np.clip(P["W"].T @ da, -0.1, 0.1)'),
]  # fmt: skip


def lstm_args(rng: Any, T: int, H: int, D: int) -> tuple[Any, ...]:
    """Parameters of four gates, with peepholes, and inputs."""
    shapes = {"U": (H, D), "W": (H, H), "b": (H,)}
    params = {f"{n}_{k}": rng.normal(size=s) for k in "ifog" for n, s in shapes.items()}
    return params | {f"p_{k}": rng.normal(size=H) for k in "ifo"}, rng.normal(size=(T, D))


def lstm_loss(P: Params, xs: Any) -> Any:
    """Σ_t Σ h_t² / 2, of an LSTM with peepholes."""
    h = c = np.zeros(len(P["b_g"]))
    E = 0.0
    for x in xs:
        a = {k: P[f"U_{k}"] @ x + P[f"W_{k}"] @ h + P[f"b_{k}"] for k in "ifog"}
        i, f = sigmoid(a["i"] + P["p_i"] * c), sigmoid(a["f"] + P["p_f"] * c)
        c = f * c + i * np.tanh(a["g"])
        h = sigmoid(a["o"] + P["p_o"] * c) * np.tanh(c)
        E = E + np.sum(h * h) / 2
    return E


def lstm_backward(P: Params, xs: Any) -> Params:
    """Backpropagation through time, gate by gate."""
    hs, cs, gates = [np.zeros(len(P["b_g"]))], [np.zeros(len(P["b_g"]))], [None]
    for x in xs:
        a = {k: P[f"U_{k}"] @ x + P[f"W_{k}"] @ hs[-1] + P[f"b_{k}"] for k in "ifog"}
        i, f = sigmoid(a["i"] + P["p_i"] * cs[-1]), sigmoid(a["f"] + P["p_f"] * cs[-1])
        g = np.tanh(a["g"])
        cs.append(f * cs[-1] + i * g)
        o = sigmoid(a["o"] + P["p_o"] * cs[-1])
        hs.append(o * np.tanh(cs[-1]))
        gates.append((i, f, o, g))
    d = zeros(P)
    dh_next, dc_next = np.zeros(len(P["b_g"])), np.zeros(len(P["b_g"]))
    for t in range(len(xs), 0, -1):
        i, f, o, g = gates[t]
        s = np.tanh(cs[t])
        dh = hs[t] + dh_next
        da = {"o": dh * s * o * (1 - o)}
        dc = dh * o * (1 - s**2) + dc_next + P["p_o"] * da["o"]
        da["i"] = dc * g * i * (1 - i)
        da["f"] = dc * cs[t - 1] * f * (1 - f)
        da["g"] = dc * i * (1 - g**2)
        d["p_i"] += da["i"] * cs[t - 1]
        d["p_f"] += da["f"] * cs[t - 1]
        d["p_o"] += da["o"] * cs[t]
        for k in "ifog":
            d[f"U_{k}"] += np.outer(da[k], xs[t - 1])
            d[f"W_{k}"] += np.outer(da[k], hs[t - 1])
            d[f"b_{k}"] += da[k]
        dh_next = sum(P[f"W_{k}"].T @ da[k] for k in "ifog")
        dc_next = dc * f + P["p_i"] * da["i"] + P["p_f"] * da["f"]
    return d


LSTM_SLIPS = [
    ("c for c_prev in δf", "dc * cs[t - 1] * f", "dc * cs[t] * f"),
    ("h_prev for c_prev in δf", "dc * cs[t - 1] * f", "dc * hs[t - 1] * f"),
    ("gate order swapped", "i, f, o, g = gates[t]", "f, i, o, g = gates[t]"),
    ("gate order swapped, o and g", "i, f, o, g = gates[t]", "i, f, g, o = gates[t]"),
    ("missing activation derivative, o", "s * o * (1 - o)", "s"),
    ("missing activation derivative, i", "g * i * (1 - i)", "g"),
    ("missing activation derivative, f", "cs[t - 1] * f * (1 - f)", "cs[t - 1]"),
    ("missing activation derivative, g", "dc * i * (1 - g**2)", "dc * i"),
    ("missing activation derivative, s", "dh * o * (1 - s**2)", "dh * o"),
    ("(1 − s)² for 1 − s²", "(1 - s**2)", "(1 - s) ** 2"),
    ("(1 − g)² for 1 − g²", "(1 - g**2)", "(1 - g) ** 2"),
    ("slope at c instead of s", "(1 - s**2)", "(1 - cs[t] ** 2)"),
    ("σ² for σ (1 − σ)", "o * (1 - o)", "o * o"),
    ("c for s in δo", "dh * s * o", "dh * cs[t] * o"),
    ("highway dropped", "dc * f +", "0 * dc +"),
    ("forget gate dropped", "dc * f +", "dc +"),
    ("i for f on the highway", "dc * f +", "dc * i +"),
    ("stale gate on the highway", "dc * f +", "dc * (gates[t - 1] or gates[t])[1] +"),
    ("dc_next dropped", " + dc_next", ""),
    ("dh_next dropped", "hs[t] + dh_next", "hs[t]"),
    ("loss dropped", "hs[t] + dh_next", "(t == len(xs)) * hs[t] + dh_next"),
    ("peephole of o dropped", ' + P["p_o"] * da["o"]', ""),
    ("peephole of f dropped", ' + P["p_f"] * da["f"]', ""),
    ("peephole of i dropped", ' + P["p_i"] * da["i"]', ""),
    ("peephole to the wrong c", 'd["p_o"] += da["o"] * cs[t]', 'd["p_o"] += da["o"] * cs[t - 1]'),
    ("peephole of f to the wrong c", 'd["p_f"] += da["f"] * cs[t - 1]', 'd["p_f"] += da["f"] * cs[t]'),
    ("peephole of i to h", 'd["p_i"] += da["i"] * cs[t - 1]', 'd["p_i"] += da["i"] * hs[t - 1]'),
    ("transposed weight", 'P[f"W_{k}"].T @ da[k]', 'P[f"W_{k}"] @ da[k]'),
    ("a gate left out of dh_next", 'da[k] for k in "ifog")', 'da[k] for k in "ifo")'),
    ("index off by one", "np.outer(da[k], hs[t - 1])", "np.outer(da[k], hs[t])"),
    ("one δ for all gates", "np.outer(da[k], xs[t - 1])", 'np.outer(da["g"], xs[t - 1])'),
    ("last-step-only gradient", 'd[f"b_{k}"] += da[k]', 'd[f"b_{k}"] = da[k]'),
    ("wrong sign", "dh * o * (1 - s**2)", "-dh * o * (1 - s**2)"),
]


def gru_args(rng: Any, T: int, H: int, D: int) -> tuple[Any, ...]:
    """Parameters of r, z and n, and inputs."""
    shapes = {"U": (H, D), "W": (H, H), "b": (H,)}
    return {f"{n}_{k}": rng.normal(size=s) for k in "rzn" for n, s in shapes.items()}, rng.normal(size=(T, D))


def gru_loss(P: Params, xs: Any) -> Any:
    """Σ h_T² / 2 + Σ_t Σ h_t, of a GRU with the reset gate before the product."""
    h, E = np.zeros(len(P["b_n"])), 0.0
    for x in xs:
        r = sigmoid(P["U_r"] @ x + P["W_r"] @ h + P["b_r"])
        z = sigmoid(P["U_z"] @ x + P["W_z"] @ h + P["b_z"])
        n = np.tanh(P["U_n"] @ x + P["W_n"] @ (r * h) + P["b_n"])
        h = z * h + (1 - z) * n
        E = E + np.sum(h)
    return E + np.sum(h * h) / 2


def gru_backward(P: Params, xs: Any) -> Params:
    """Backpropagation through time, gate by gate."""
    hs, gates = [np.zeros(len(P["b_n"]))], [None]
    for x in xs:
        r = sigmoid(P["U_r"] @ x + P["W_r"] @ hs[-1] + P["b_r"])
        z = sigmoid(P["U_z"] @ x + P["W_z"] @ hs[-1] + P["b_z"])
        n = np.tanh(P["U_n"] @ x + P["W_n"] @ (r * hs[-1]) + P["b_n"])
        gates.append((r, z, n))
        hs.append(z * hs[-1] + (1 - z) * n)
    d, dh_next = zeros(P), hs[-1]
    for t in range(len(xs), 0, -1):
        (r, z, n), h_prev = gates[t], hs[t - 1]
        dh = 1 + dh_next
        da_n = dh * (1 - z) * (1 - n**2)
        da_z = dh * (h_prev - n) * z * (1 - z)
        back = P["W_n"].T @ da_n
        da_r = back * h_prev * r * (1 - r)
        for k, da, seen in (("r", da_r, h_prev), ("z", da_z, h_prev), ("n", da_n, r * h_prev)):
            d[f"U_{k}"] += np.outer(da, xs[t - 1])
            d[f"W_{k}"] += np.outer(da, seen)
            d[f"b_{k}"] += da
        dh_next = dh * z + r * back + P["W_r"].T @ da_r + P["W_z"].T @ da_z
    return d


GRU_SLIPS = [
    ("wrong sign of the gap", "(h_prev - n)", "(n - h_prev)"),
    ("gap forgotten", "(h_prev - n) * z", "h_prev * z"),
    ("gate order swapped", "(r, z, n), h_prev", "(z, r, n), h_prev"),
    ("z for 1 − z", "dh * (1 - z) * (1 - n**2)", "dh * z * (1 - n**2)"),
    ("1 − z for z on the highway", "dh * z + r * back", "dh * (1 - z) + r * back"),
    ("missing activation derivative, n", "(1 - z) * (1 - n**2)", "(1 - z)"),
    ("missing activation derivative, z", "(h_prev - n) * z * (1 - z)", "(h_prev - n)"),
    ("missing activation derivative, r", "back * h_prev * r * (1 - r)", "back * h_prev"),
    ("(1 − n)² for 1 − n²", "(1 - n**2)", "(1 - n) ** 2"),
    ("highway dropped", "dh * z + r * back", "r * back"),
    ("reset gate dropped from the path", "dh * z + r * back", "dh * z + back"),
    ("path through the reset gate dropped", ' + P["W_r"].T @ da_r', ""),
    ("path through the update gate dropped", ' + P["W_z"].T @ da_z', ""),
    ("path through n dropped", "dh * z + r * back +", "dh * z +"),
    ("reset gate forgotten in ∂W_n", '("n", da_n, r * h_prev)', '("n", da_n, h_prev)'),
    ("index off by one", "h_prev = gates[t], hs[t - 1]", "h_prev = gates[t], hs[t]"),
    ("transposed weight", 'P["W_n"].T @ da_n', 'P["W_n"] @ da_n'),
    ("transposed weight, z", 'P["W_z"].T @ da_z', 'P["W_z"] @ da_z'),
    ("n for h_prev in δr", "back * h_prev * r", "back * n * r"),
    ("δ before the weight", "back * h_prev * r", "da_n * h_prev * r"),
    ("last-step-only gradient", 'd[f"W_{k}"] += ', 'd[f"W_{k}"] = '),
    ("loss of the last step only", "dh = 1 + dh_next", "dh = (t == len(xs)) + dh_next"),
]


def dense_args(rng: Any, H: int, D: int) -> tuple[Any, ...]:
    """Parameters of a layer and a batch of as many rows as the layer has outputs: no wrong axis is a wrong shape."""
    return {"W": rng.normal(size=(H, D)), "b": rng.normal(size=H)}, rng.normal(size=(H, D)), rng.normal(size=(H, H))


def dense_loss(P: Params, X: Any, Y: Any) -> Any:
    """The mean over the batch of the squared distance of softmax(x Wᵀ + b) to y."""
    A = X @ P["W"].T + P["b"]
    S = np.exp(A) / np.sum(np.exp(A), -1, keepdims=True)
    return np.sum((S - Y) ** 2) / X.shape[0]


def dense_backward(P: Params, X: Any, Y: Any) -> Params:
    """The gradient of a whole batch at once."""
    A = X @ P["W"].T + P["b"]
    S = np.exp(A - A.max(-1, keepdims=True))
    S = S / S.sum(-1, keepdims=True)
    dS = 2 * (S - Y) / len(X)
    dA = S * (dS - np.sum(S * dS, -1, keepdims=True))
    return {"W": dA.T @ X, "b": dA.sum(0)}


DENSE_SLIPS = [
    ("sum for mean", "2 * (S - Y) / len(X)", "2 * (S - Y)"),
    ("mean over all entries", "2 * (S - Y) / len(X)", "2 * (S - Y) / S.size"),
    ("missing factor", "2 * (S - Y)", "(S - Y)"),
    ("wrong sign", "2 * (S - Y)", "2 * (Y - S)"),
    ("bias gradient over the wrong axis", "dA.sum(0)", "dA.sum(1)"),
    ("bias gradient as a mean", "dA.sum(0)", "dA.mean(0)"),
    ("unbroadcast to one row", "dA.sum(0)", "dA[0]"),
    ("softmax without −ααᵀ", "S * (dS - np.sum(S * dS, -1, keepdims=True))", "S * dS"),
    ("slope of σ for softmax", "S * (dS - np.sum(S * dS, -1, keepdims=True))", "S * (1 - S) * dS"),
    ("softmax over the batch", "np.sum(S * dS, -1, keepdims=True)", "np.sum(S * dS, 0, keepdims=True)"),
    ("without α in the sum", "np.sum(S * dS, -1", "np.sum(dS, -1"),
    ("cross-entropy's gradient", "dA = S * (dS - np.sum(S * dS, -1, keepdims=True))", "dA = S - Y"),
    ("Jacobian forgotten", "dA = S * (dS - np.sum(S * dS, -1, keepdims=True))", "dA = dS"),
    ("transposed gradient", "dA.T @ X", "dA @ X"),
]
