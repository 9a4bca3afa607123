"""Every cell beside a plain loop, and right lines of its derivation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import plain_loops
import pytest

from cells import GRU, LSTM, RNN, unroll
from minigrad.pytree import tree_map
from minigrad.testing import assert_derivation

_RNG = np.random.default_rng(1)
D, H, T = 2, 3, 4
XS = _RNG.normal(size=(T, D))


def filled(cell: Any) -> Any:
    """Parameters without a zero, behind which a fault could hide."""
    rng = np.random.default_rng(2)
    return tree_map(lambda p: rng.normal(size=p.shape), cell.init(rng))


#: name -> (type, switches, the plain loop, right lines of a derivation)
CELLS: dict[str, tuple[type, dict[str, Any], Callable[..., Any], list[str]]] = {
    "RNN": (
        RNN,
        {},
        plain_loops.rnn,
        ["dh/dh_prev = diag(1 - h**2) @ W", "dh/dx = diag(1 - h**2) @ U", "a = U @ x + W @ h_prev + b"],
    ),
    "LSTM": (
        LSTM,
        {},
        plain_loops.lstm,
        [
            "dc/dc_prev = diag(f)",
            "dh/dc = diag(o * (1 - s**2))",
            "dc/dh_prev = diag(i*(1 - g**2)) @ W_g + diag(c_prev*f*(1 - f)) @ W_f + diag(g*i*(1 - i)) @ W_i",
            "do/dh_prev = diag(o*(1 - o)) @ W_o",
            "dc/dx = diag(i*(1 - g**2)) @ U_g + diag(c_prev*f*(1 - f)) @ U_f + diag(g*i*(1 - i)) @ U_i",
            "a_g = U_g @ x + W_g @ h_prev + b_g",
            "c = f*c_prev + i*g",
            "h = o*s",
        ],
    ),
    "LSTM peephole": (
        LSTM,
        {"peephole": True},
        plain_loops.lstm,
        [
            "dc/dc_prev = diag(f + c_prev*f*(1 - f)*p_f + g*i*(1 - i)*p_i)",
            "dh/dc = diag(o*(1 - s**2) + s*o*(1 - o)*p_o)",
            "d_p_f = sum_t(d_a_f * c_prev)",
            "d_p_o = sum_t(d_a_o * c)",
        ],
    ),
    "LSTM coupled": (
        LSTM,
        {"coupled": True},
        lambda P, xs: plain_loops.lstm(P, xs, coupled=True),
        ["dc/dg = diag(1 - f)", "c = f*c_prev + (1 - f)*g"],
    ),
    **{
        f"GRU {reset} {update}": (
            GRU,
            {"reset": reset, "update": update},
            lambda P, xs, reset=reset, update=update: plain_loops.gru(P, xs, reset, update),
            [
                f"dh/dn = diag({'1 - z' if update == 'keep' else 'z'})",
                f"dh/dz = diag({'h_prev - n' if update == 'keep' else 'n - h_prev'})",
                "dn/dr = diag(1 - n**2) @ W_n @ diag(h_prev)"
                if reset == "before"
                else "dn/dr = diag((1 - n**2) * (W_n @ h_prev + c_n))",
                "dn/dx = diag(1 - n**2) @ (U_n + W_n @ diag(h_prev*r*(1 - r)) @ U_r)"
                if reset == "before"
                else "dn/dx = diag(1 - n**2) @ (U_n + diag((W_n @ h_prev + c_n)*r*(1 - r)) @ U_r)",
                "dz/dh_prev = diag(z*(1 - z)) @ W_z",
                "a_r = U_r @ x + W_r @ h_prev + b_r",
                f"h = {'z*h_prev + (1 - z)*n' if update == 'keep' else '(1 - z)*h_prev + z*n'}",
            ],
        )
        for reset in ("before", "after")
        for update in ("keep", "write")
    },
}


@pytest.mark.parametrize("name", CELLS)
def test_a_right_cell_passes(name: str) -> None:
    """Without a fault a cell agrees with the plain loop, and every line of its derivation is proved."""
    kind, switches, loop, lines = CELLS[name]
    cell = kind(D, H, **switches)
    params = filled(cell)

    np.testing.assert_allclose(unroll(cell, params, XS).outputs, loop(params, XS), rtol=1e-12, atol=1e-14)
    assert_derivation(cell, lines)
