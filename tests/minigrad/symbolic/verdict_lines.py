"""Right derivations of every cell, written by hand as a textbook has them, with the cells' switches in them."""

from typing import Any

from verdict_oracle import World

from cells import GRU, LSTM, RNN
from cells.lstm import VARIANTS

#: What stands for the derivative of an activation function, of a value y = f(a).
SLOPES = {"tanh": "(1 - {y}**2)", "sigmoid": "{y}*(1 - {y})", "identity": "ones({y})", "relu": "positive({a})"}


def rnn(activation: str = "tanh") -> list[str]:
    """A plain RNN."""
    slope = SLOPES[activation].format(y="h", a="a")
    return [
        "da/dh_prev = W",
        "da/dx = U",
        f"dh/da = diag({slope})",
        f"dh/dh_prev = diag({slope}) @ W",
        f"dh/dx = diag({slope}) @ U",
        "d_logits = yhat - y",
        "d_h = V.T @ (yhat - y) + W.T @ d_a_next",
        f"d_a = d_h * {slope}",
        f"d_a = (V.T @ (yhat - y) + W.T @ d_a_next) * {slope}",
        "d_x = U.T @ d_a",
        "d_W = sum_t(outer(d_a, h_prev))",
        "d_U = sum_t(outer(d_a, x))",
        "d_b = sum_t(d_a)",
        "d_V = sum_t(outer(yhat - y, h))",
        "d_c = sum_t(yhat - y)",
        "a = U @ x + W @ h_prev + b",
    ]


def lstm(cell: LSTM) -> list[str]:
    """An LSTM with any switches."""
    gates, peephole, fgr = cell.gates, cell.peephole, cell.gate_recurrence
    has = {k: k in gates for k in "ifo"}
    i = "i" if has["i"] or cell.coupled else "ones(c)"
    f, o = ("f" if has["f"] else "ones(c)"), ("o" if has["o"] else "ones(c)")
    slope_g = SLOPES[cell.input_activation].format(y="g", a="a_g")
    slope_s = SLOPES[cell.output_activation].format(y="s", a="c")
    into_f = "(c_prev - g)" if cell.coupled else "c_prev"
    own = {"f": f"{into_f}*f*(1 - f)", "i": "g*i*(1 - i)"}

    through = {k: own[k] for k in "fi" if has[k]}
    dc_dc = " + ".join([f, *(f"{path}*p_{k}" for k, path in through.items() if peephole)])
    dh_dc = f"{o} * {slope_s}" + (" + s*o*(1 - o)*p_o" if peephole and has["o"] else "")
    dc_dh = " + ".join([f"diag({i} * {slope_g}) @ W_g", *(f"diag({path}) @ W_{k}" for k, path in through.items())])
    dh_dh = f"diag({dh_dc}) @ ({dc_dh})" + (" + diag(s*o*(1 - o)) @ W_o" if has["o"] else "")

    back = [f"W_{k}.T @ d_a_{k}_next" for k in "ifgo" if k == "g" or has[k]]
    d_c = [f"d_h * {o} * {slope_s}", f"{f.replace('f', 'f_next') if has['f'] else f} * d_c_next"]
    if peephole:
        d_c += [f"p_{k} * d_a_{k}_next" for k in "if" if has[k]] + (["p_o * d_a_o"] if has["o"] else [])
    lines = [
        f"dc/dc_prev = diag({dc_dc})",
        f"dh/dc = diag({dh_dc})",
        f"dh/dc_prev = diag(({dh_dc}) * ({dc_dc}))",
        f"dc/dh_prev = {dc_dh}",
        f"dh/dh_prev = {dh_dh}",
        f"dc/dg = diag({i})",
        f"d_h = V.T @ (yhat - y) + {' + '.join(back)}",
        f"d_c = {' + '.join(d_c)}",
        f"d_g = d_c * {i}",
        f"d_a_g = d_c * {i} * {slope_g}",
        f"d_s = d_h * {o}",
        "d_V = sum_t(outer(yhat - y, h))",
        "d_c_readout = sum_t(yhat - y)",
        f"c = {f} * c_prev + {i} * g",
    ]
    arrives = {"f": f"d_c * {into_f}", "i": "d_c * g", "o": "d_h * s"}
    for k in gates:
        later = "".join(f" + R_{j}{k}.T @ d_a_{j}_next" for j in "ifo") if fgr else ""
        lines += [f"d_{k} = {arrives[k]}{later}", f"d_a_{k} = d_{k} * {k} * (1 - {k})"]
        lines += [f"d{k}/dh_prev = diag({k}*(1 - {k})) @ W_{k}"] if k != "o" or not peephole else []
        if fgr:
            lines += [f"dc/d{k}_prev = " + " + ".join(f"diag({own[j]}) @ R_{j}{k}" for j in "fi")]
            lines += [f"d_R_{k}{j} = sum_t(outer(d_a_{k}, {j}_prev))" for j in "ifo"]
        if peephole:
            lines += [f"d_p_{k} = sum_t(d_a_{k} * {'c' if k == 'o' else 'c_prev'})"]
    for k in (*gates, "g"):
        lines += [f"d_W_{k} = sum_t(outer(d_a_{k}, h_prev))", f"d_U_{k} = sum_t(outer(d_a_{k}, x))"]
        lines += [f"d_b_{k} = sum_t(d_a_{k})"]
    return lines


def gru(cell: GRU) -> list[str]:
    """A GRU of any of the four conventions."""
    keeps, before = cell.update == "keep", cell.reset == "before"
    keep, write = ("z", "(1 - z)") if keeps else ("(1 - z)", "z")
    gap = "(h_prev - n)" if keeps else "(n - h_prev)"
    sees = "(W_n @ h_prev + c_n)"
    if before:
        inner = "W_n @ (diag(r) + diag(h_prev*r*(1 - r)) @ W_r)"
        d_r, back_n, d_W_n = "h_prev * (W_n.T @ d_a_n)", "r_next * (W_n.T @ d_a_n_next)", "outer(d_a_n, r*h_prev)"
    else:
        inner = f"(diag(r) @ W_n + diag({sees}*r*(1 - r)) @ W_r)"
        d_r, back_n, d_W_n = f"d_a_n * {sees}", "W_n.T @ (d_a_n_next * r_next)", "outer(d_a_n * r, h_prev)"
    lines = [
        f"dh/dh_prev = diag({keep}) + diag({gap}*z*(1 - z)) @ W_z + diag({write}*(1 - n**2)) @ {inner}",
        f"dh/dz = diag({gap})",
        f"dh/dn = diag({write})",
        f"dn/dh_prev = diag(1 - n**2) @ {inner}",
        "dr/dx = diag(r*(1 - r)) @ U_r",
        f"d_h = V.T @ (yhat - y) + {keep.replace('z', 'z_next')} * d_h_next + W_z.T @ d_a_z_next"
        f" + W_r.T @ d_a_r_next + {back_n}",
        f"d_n = d_h * {write}",
        "d_a_n = d_n * (1 - n**2)",
        f"d_z = d_h * {gap}",
        "d_a_z = d_z * z * (1 - z)",
        f"d_r = {d_r}",
        "d_a_r = d_r * r * (1 - r)",
        "d_x = U_r.T @ d_a_r + U_z.T @ d_a_z + U_n.T @ d_a_n",
        f"d_W_n = sum_t({d_W_n})",
        "d_c = sum_t(yhat - y)",
        f"h = {keep}*h_prev + {write}*n",
    ]
    for k in "rzn":
        lines += [f"d_U_{k} = sum_t(outer(d_a_{k}, x))", f"d_b_{k} = sum_t(d_a_{k})"]
    for k in "rz":
        lines += [f"d_W_{k} = sum_t(outer(d_a_{k}, h_prev))"]
    return lines if before else [*lines, "d_c_n = sum_t(d_a_n * r)"]


_LSTMS: dict[str, dict[str, Any]] = {
    "LSTM": {},
    "LSTM peephole": {"peephole": True},
    "LSTM coupled": {"coupled": True},
    "LSTM relu, sigmoid": {"input_activation": "relu", "output_activation": "sigmoid"},
    **{f"LSTM {name}": {"peephole": True} | switches for name, switches in VARIANTS.items()},
}
_GRUS = {
    f"GRU {reset} {update}": {"reset": reset, "update": update}
    for reset in ("before", "after")
    for update in ("keep", "write")
}

#: name -> (cell, right lines, how the oracle builds the same cell)
DERIVATIONS: dict[str, tuple[Any, list[str], dict[str, Any]]] = {
    **{f"RNN {name}": (RNN(2, 3, activation=name), rnn(name), {"kind": "RNN", "activation": name}) for name in SLOPES},
    **{name: (LSTM(2, 3, **s), lstm(LSTM(2, 3, **s)), {"kind": "LSTM", **s}) for name, s in _LSTMS.items()},
    **{name: (GRU(2, 3, **s), gru(GRU(2, 3, **s)), {"kind": "GRU", **s}) for name, s in _GRUS.items()},
}

_WORLDS: dict[tuple[str, int], World] = {}


def world(name: str, seed: int = 0) -> World:
    """The oracle's net for a derivation; each is run once."""
    if (name, seed) not in _WORLDS:
        _WORLDS[name, seed] = World(seed=seed, **DERIVATIONS[name][2])
    return _WORLDS[name, seed]
