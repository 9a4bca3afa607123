"""Published slips in backward passes written by hand: check_backward notices each, and lets the right ones pass."""

from typing import Any

import hand_written as hand
import pytest
from planting import rewritten

from minigrad.errors import GradientCheckError
from minigrad.testing import check_backward

#: net -> (forward, backward, arguments, sizes, slips)
NETS: dict[str, tuple[Any, Any, Any, dict[str, tuple[int, int]], list[tuple[str, str, str]]]] = {
    "RNN": (hand.rnn_loss, hand.rnn_backward, hand.rnn_args, {"T": (1, 4), "H": (1, 3), "D": (1, 2)}, hand.RNN_SLIPS),
    "LSTM": (
        hand.lstm_loss, hand.lstm_backward, hand.lstm_args, {"T": (1, 4), "H": (1, 3), "D": (1, 2)}, hand.LSTM_SLIPS,
    ),
    "GRU": (hand.gru_loss, hand.gru_backward, hand.gru_args, {"T": (1, 4), "H": (1, 3), "D": (1, 2)}, hand.GRU_SLIPS),
    "dense": (hand.dense_loss, hand.dense_backward, hand.dense_args, {"H": (2, 3), "D": (2, 3)}, hand.DENSE_SLIPS),
}  # fmt: skip
SLIPS = [(net, *slip) for net, (*_, slips) in NETS.items() for slip in slips]


@pytest.mark.parametrize("net", NETS)
def test_a_right_backward_pass_passes(net: str) -> None:
    """Without a slip, check_backward has nothing to say."""
    forward, backward, make_args, sizes, _ = NETS[net]

    check_backward(forward, backward, make_args, sizes=sizes, examples=30)


@pytest.mark.nightly
@pytest.mark.nightly
@pytest.mark.parametrize(
    ("net", "slip", "old", "new"),
    [
        pytest.param(
            *slip, id=f"{slip[0]}: {slip[1]}", marks=[pytest.mark.nightly] if slip[0] in {"LSTM", "GRU"} else []
        )
        for slip in SLIPS
    ],
)
def test_a_slip_is_noticed(net: str, slip: str, old: str, new: str) -> None:
    """Each slip is found, at whatever sizes it shows."""
    forward, backward, make_args, sizes, _ = NETS[net]

    with pytest.raises(GradientCheckError, match=r"is wrong at|clips its gradients at"):
        check_backward(forward, rewritten(backward, old, new), make_args, sizes=sizes, examples=30)
