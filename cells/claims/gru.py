"""The GRU: two gates, one state."""

from typing import Any

import numpy as np

from minigrad.symbolic import derive
from minigrad.symbolic.deriving.proof import Proof, Statement

from ..gru import GRU, GRUState
from ..lstm import LSTM
from .claim import Claim, Counterexample, constant_params, line, state_jacobian, step

__all__ = ["claims"]

#: ∂h_t/∂h_{t−1}, and its formula: the direct path, through z, and through n and r.
_WHOLE = r"\partial h_t/\partial h_{t-1}"
_THROUGH = (
    r"\operatorname{diag}(z_t) + \operatorname{diag}((h_{t-1} - n_t)\,z_t(1 - z_t))\, W_z "
    r"+ \operatorname{diag}((1 - z_t)(1 - n_t^2))\, W_n (\operatorname{diag}(r_t) "
    r"+ \operatorname{diag}(h_{t-1}\,r_t(1 - r_t))\, W_r)"
)


def claims() -> list[Claim]:
    """Two gates, one state, and a direct path."""
    return [_gru()]


def _gru() -> Claim:
    cell = GRU(2, 3)

    def one_state() -> bool:
        return derive(cell).state == ("h",) and derive(LSTM(2, 3)).state == ("h", "c")

    def two_gates() -> bool:
        squashed = [
            key for key, one in derive(cell).definitions.items() if one.kind == "function" and one.data == "sigmoid"
        ]
        return squashed == ["r", "z"]

    def direct() -> bool:
        summands = derive(cell).jacobian("h", "h_prev").args
        return str(summands[0]) == "diag(z_t)" and len(summands) == 3

    def direct_write() -> bool:
        found = derive(GRU(2, 3, update="write")).jacobian("h", "h_prev").args
        return "diag(1 − z_t)" in map(str, found)

    through = (
        "diag((h_prev - n)*z*(1 - z)) @ W_z + diag((1 - z)*(1 - n**2)) @ W_n @ (diag(r) + diag(h_prev*r*(1 - r)) @ W_r)"
    )
    return Claim(
        "gru_direct_path",
        Statement(
            "the GRU has two gates, makes C and h one, and passes the gradient directly through diag(z)",
            r"\partial h_t/\partial h_{t-1} = \operatorname{diag}(z_t) + \dots",
        ),
        "qualified",
        "There is one state and there are two gates, and diag(z) is a summand of ∂h_t/∂h_{t−1}; like f in the LSTM "
        "it keeps a gradient only where z is near 1. It is z where z keeps the old state (Cho, PyTorch); in "
        "the convention of Chung et al. it is 1 − z. The other paths, through r, z and n, can outweigh it.",
        Proof(
            Statement(f"∂h/∂h_prev = diag(z) + {through}", rf"{_WHOLE} = {_THROUGH}"),
            ("the chain rule",),
            ("update='keep'; with 'write' the direct path is diag(1 − z)",),
            (
                step("the state is h alone", "s = h", "derive(GRU).state", one_state),
                step("the gates are r and z", "r, z", "the derived definitions", two_gates),
                line(cell, f"dh/dh_prev = diag(z) + {through}", rf"{_WHOLE} = {_THROUGH}"),
                line(cell, "dh/dh_prev = diag(z)", rf"{_WHOLE} \ne \operatorname{{diag}}(z_t)", "refuted"),
                step(
                    "diag(z) is a summand",
                    rf"{_WHOLE} = \operatorname{{diag}}(z_t) + \dots",
                    "the derived Jacobian",
                    direct,
                ),
                step(
                    "'write': diag(1 − z)",
                    rf"{_WHOLE} = \operatorname{{diag}}(1 - z_t) + \dots",
                    "the derived Jacobian",
                    direct_write,
                ),
            ),
        ),
        Counterexample(
            Statement("one unit, W_n = 4: the whole derivative is not diag(z)^n", "W_n = 4"),
            _gru_grows,
            lambda found: found["z^20"] < 1e-5 and found["∂h_20/∂h_0"] > 1e3,
        ),
    )


def _gru_grows() -> dict[str, float]:
    cell, start = GRU(1, 1), GRUState(np.zeros(1))
    params: dict[str, Any] = constant_params(cell, W_n=4.0)
    direct = state_jacobian(cell, constant_params(cell), start, 20)[0, 0]
    return {"z^20": float(direct), "∂h_20/∂h_0": float(state_jacobian(cell, params, start, 20)[0, 0])}
